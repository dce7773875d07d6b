// Everything that depends on the range of time that is chosen: buckets from `from` up to, but without, `to`.
import type { Report } from './report.ts';

export interface Range {
  from: number;
  to: number;
}

export interface SiteSums {
  bytes: Float64Array;
  allocations: Float64Array;
  /** Live at the moment of the peak. */
  peak: Float64Array;
  /** Of the blocks allocated in the range, those that were never freed. */
  kept: Float64Array;
  keptBlocks: Float64Array;
  temporary: Float64Array;
  temporaryBytes: Float64Array;
  /** Live at the end of the range. */
  live: Float64Array;
  liveBlocks: Float64Array;
  frees: Float64Array;
  /** Of the blocks freed in the range, in microseconds. */
  life: Float64Array;
}

export interface Figures {
  peak: number;
  peakTime: number;
  live: number;
  liveBlocks: number;
  kept: number;
  keptBlocks: number;
  allocations: number;
  bytes: number;
  temporary: number;
  medianSize: number;
  resident: number | null;
  crossings: number | null;
}

export interface Selection {
  range: Range;
  isWhole: boolean;
  seconds: number;
  figures: Figures;
  sites: SiteSums;
  sizes: SizeBin[];
}

export interface SizeBin {
  bin: number;
  allocations: number;
  bytes: number;
}

export const wholeRange = (report: Report): Range => ({ from: 0, to: report.buckets });
export const isWhole = (report: Report, range: Range) => range.from === 0 && range.to === report.buckets;

/** The end of bucket i in nanoseconds; of bucket -1 the start. */
export const timeAt = (report: Report, bucket: number) => (report.duration * (bucket + 1)) / report.buckets;

/** The bucket in which the heap of the range was largest. */
export function peakBucket(report: Report, range: Range): number {
  let best = range.from;
  for (let i = range.from; i < range.to; i++) {
    if (report.bucket.peak[i]! > report.bucket.peak[best]!) best = i;
  }
  return best;
}

/** The bucket at whose end the heap of the range was largest: what sites held is known of such moments. */
export function fullestEnd(report: Report, range: Range): number {
  let best = range.from;
  for (let i = range.from; i < range.to; i++) {
    if (report.bucket.live[i]! > report.bucket.live[best]!) best = i;
  }
  return best;
}

export function siteSums(report: Report, range: Range): SiteSums {
  const count = report.sites.count;
  const make = () => new Float64Array(count);
  const out: SiteSums = {
    bytes: make(),
    allocations: make(),
    peak: make(),
    kept: make(),
    keptBlocks: make(),
    temporary: make(),
    temporaryBytes: make(),
    live: make(),
    liveBlocks: make(),
    frees: make(),
    life: make(),
  };
  const { sum } = report;
  const peakAt = fullestEnd(report, range);
  for (let site = 0; site < count; site++) {
    const end = report.sites.first[site + 1]!;
    for (let i = report.sites.first[site]!; i < end; i++) {
      const bucket = sum.bucket[i]!;
      if (bucket >= range.to) break;
      const grown = sum.bytes[i]! - sum.freed[i]!;
      out.live[site]! += grown;
      out.liveBlocks[site]! += sum.allocations[i]! - sum.frees[i]!;
      if (bucket <= peakAt) out.peak[site]! += grown;
      if (bucket < range.from) continue;
      out.bytes[site]! += sum.bytes[i]!;
      out.allocations[site]! += sum.allocations[i]!;
      out.kept[site]! += sum.kept_bytes[i]!;
      out.keptBlocks[site]! += sum.kept[i]!;
      out.temporary[site]! += sum.temporary[i]!;
      out.temporaryBytes[site]! += sum.temporary_bytes[i]!;
      out.frees[site]! += sum.frees[i]!;
      out.life[site]! += sum.life[i]!;
    }
  }
  if (isWhole(report, range)) out.peak.set(report.sites.peak);
  return out;
}

export function sizesOf(report: Report, range: Range): SizeBin[] {
  const bins: SizeBin[] = [];
  const { size } = report;
  for (let i = 0; i < size.bucket.length; i++) {
    if (size.bucket[i]! < range.from || size.bucket[i]! >= range.to) continue;
    const bin = size.bin[i]!;
    while (bins.length <= bin) bins.push({ bin: bins.length, allocations: 0, bytes: 0 });
    bins[bin]!.allocations += size.allocations[i]!;
    bins[bin]!.bytes += size.bytes[i]!;
  }
  return bins;
}

/** The smallest size of a bin; see size_bin in src/tool/model/report_book.hpp. */
export function binStart(bin: number): number {
  if (bin === 0) return 0;
  const power = Math.floor((bin - 1) / 2);
  return bin % 2 === 1 ? 2 ** power : 1.5 * 2 ** power;
}

function medianSize(bins: SizeBin[], allocations: number): number {
  let seen = 0;
  for (const { bin, allocations: some } of bins) {
    seen += some;
    if (2 * seen >= allocations && allocations > 0) return binStart(bin);
  }
  return 0;
}

const total = (values: Float64Array, range: Range) => {
  let sum = 0;
  for (let i = range.from; i < range.to; i++) sum += values[i]!;
  return sum;
};

const sumOf = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

/** The largest resident size and the crossings of a range, from samples in and around it. */
function samplesOf(report: Report, range: Range): { resident: number | null; crossings: number | null } {
  const { time, resident, crossings } = report.sample;
  const start = timeAt(report, range.from - 1);
  const end = timeAt(report, range.to - 1);
  let most: number | null = null;
  let before = 0;
  let last = 0;
  for (let i = 0; i < time.length; i++) {
    if (time[i]! > end && most !== null) break;
    if (time[i]! < start) before = crossings[i]!;
    else most = Math.max(most ?? 0, resident[i]!);
    last = crossings[i]!;
  }
  return { resident: most, crossings: report.hasCrossings && time.length > 0 ? last - before : null };
}

export function select(report: Report, range: Range): Selection {
  const sites = siteSums(report, range);
  const sizes = sizesOf(report, range);
  const allocations = total(report.bucket.allocations, range);
  const top = peakBucket(report, range);
  const whole = isWhole(report, range);
  return {
    range,
    isWhole: whole,
    seconds: (timeAt(report, range.to - 1) - timeAt(report, range.from - 1)) / 1e9,
    sites,
    sizes,
    figures: {
      peak: report.bucket.peak[top]!,
      peakTime: whole ? report.peak.time : timeAt(report, top),
      live: report.bucket.live[range.to - 1]!,
      liveBlocks: report.bucket.blocks[range.to - 1]!,
      kept: sumOf(sites.kept),
      keptBlocks: sumOf(sites.keptBlocks),
      allocations,
      bytes: total(report.bucket.bytes, range),
      temporary: sumOf(sites.temporary),
      medianSize: medianSize(sizes, allocations),
      ...samplesOf(report, range),
    },
  };
}

/** Live bytes of a site at the ends of all buckets. */
export function curveOf(report: Report, site: number): Float64Array {
  const out = new Float64Array(report.buckets);
  let live = 0;
  let next = 0;
  for (let i = report.sites.first[site]!; i < report.sites.first[site + 1]!; i++) {
    const bucket = report.sum.bucket[i]!;
    while (next < bucket) out[next++] = live;
    live += report.sum.bytes[i]! - report.sum.freed[i]!;
  }
  while (next < report.buckets) out[next++] = live;
  return out;
}

export type Shape = 'grows' | 'steps' | 'holds' | 'returns' | 'brief';

/** What the curve of a site looks like: only growth that goes on to the end is a leak's shape. */
export function shapeOf(curve: Float64Array): Shape {
  const most = curve.reduce((a, b) => Math.max(a, b), 0);
  const last = curve[curve.length - 1]!;
  if (most === 0) return 'brief';
  if (last < most / 2) return 'returns';
  const at = (part: number) => curve[Math.floor(part * (curve.length - 1))]!;
  const rises = [0, 0.25, 0.5, 0.75].filter((part) => at(part + 0.25) > at(part) + most / 50).length;
  if (rises >= 3 && last > 0.9 * most) return 'grows';
  return rises >= 2 ? 'steps' : 'holds';
}
