// The sites of a comparison by one measure.
import type { Compare, Compared } from './report.ts';

export type Change = 'new' | 'gone' | 'grew' | 'shrank' | 'same';

export const differenceOf = (compare: Compare, site: number, by: Compared) =>
  compare.sites.new[by][site]! - compare.sites.old[by][site]!;

/** By what a site has ever allocated: one that was there before and held nothing is not new. */
export function changeOf(compare: Compare, site: number, by: Compared): Change {
  const difference = differenceOf(compare, site, by);
  if (difference === 0) return 'same';
  if (compare.sites.old.allocations[site] === 0) return 'new';
  if (compare.sites.new.allocations[site] === 0) return 'gone';
  return difference > 0 ? 'grew' : 'shrank';
}

/** Those that differ, the largest difference first. */
export function changedSites(compare: Compare, by: Compared, wanted: (site: number) => boolean): number[] {
  const sites: number[] = [];
  for (let site = 0; site < compare.sites.count; site++) {
    if (differenceOf(compare, site, by) !== 0 && wanted(site)) sites.push(site);
  }
  return sites.sort((a, b) => Math.abs(differenceOf(compare, b, by)) - Math.abs(differenceOf(compare, a, by)));
}

/** The larger of both figures of each site: so that what is gone has its place beside what is new. */
export const largerOf = (compare: Compare, by: Compared) =>
  compare.sites.new[by].map((value, site) => Math.max(value, compare.sites.old[by][site]!));
