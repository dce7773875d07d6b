// What differs from an earlier recording: the whole heap, a flame graph coloured by difference, and the call sites.
import { useMemo, useState } from 'preact/hooks';
import { changeOf, changedSites, differenceOf, largerOf } from '../data/compare.ts';
import { flameOf, totalOf } from '../data/flame.ts';
import type { Compare as Data, Compared, Report } from '../data/report.ts';
import { bytes, count, percent, plural, signed } from '../format.ts';
import { FlameCanvas, type Colour } from './FlameCanvas.tsx';
import { matches } from './Sites.tsx';
import { StackText, placeOf } from './Stack.tsx';

const kStep = 25;

const kMeasures: { key: Compared; name: string; format: (value: number) => string }[] = [
  { key: 'live', name: 'Live at the end', format: bytes },
  { key: 'peak', name: 'At the peak', format: bytes },
  { key: 'bytes', name: 'Bytes allocated', format: bytes },
  { key: 'allocations', name: 'Allocations', format: count },
  { key: 'temporary', name: 'Temporary', format: count },
];

function Totals({ compare }: { compare: Data }) {
  return (
    <div class="scroll">
      <table data-test="compare-totals">
        <thead>
          <tr>
            <th scope="col">The whole heap</th>
            {['Before', 'After', 'Difference', ''].map((name) => <th key={name} scope="col" class="number">{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {kMeasures.map(({ key, name, format }) => {
            const difference = compare.after[key] - compare.before[key];
            return (
              <tr key={key}>
                <th scope="row">{name}</th>
                <td class="number">{format(compare.before[key])}</td>
                <td class="number">{format(compare.after[key])}</td>
                <td class={`number ${difference > 0 ? 'more' : difference < 0 ? 'less' : ''}`}>{signed(difference, format)}</td>
                <td class="number">{difference === 0 ? '' : signed(difference, (value) => percent(value, compare.before[key]))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Red for more, green for less; the paler the smaller its share of the largest difference. */
function byDifference(before: Float64Array, after: Float64Array): Colour {
  let most = 1;
  for (let node = 1; node < after.length; node++) most = Math.max(most, Math.abs(after[node]! - before[node]!));
  return (theme, node, isDim) => {
    const difference = after[node]! - before[node]!;
    const share = difference === 0 ? 0 : 0.25 + 0.75 * Math.sqrt(Math.abs(difference) / most);
    const hue = difference > 0 ? 8 : 152;
    const light = theme.dark ? 26 + 14 * share : 93 - 22 * share;
    return `hsl(${hue} ${isDim ? 8 : 70 * share}% ${light}%)`;
  };
}

interface Props {
  report: Report;
  compare: Data;
  search: string;
}

function Flames({ report, compare, search, by }: Props & { by: (typeof kMeasures)[number] }) {
  const { tree } = report;
  const { sites } = compare;
  const flame = useMemo(() => flameOf(tree, sites.node, largerOf(compare, by.key)), [tree, sites, by]);
  const before = useMemo(() => totalOf(tree, sites.node, sites.old[by.key]), [tree, sites, by]);
  const after = useMemo(() => totalOf(tree, sites.node, sites.new[by.key]), [tree, sites, by]);
  const colour = useMemo(() => byDifference(before, after), [before, after]);
  const describe = (node: number) =>
    `${by.format(before[node]!)} before, ${by.format(after[node]!)} after, ${signed(after[node]! - before[node]!, by.format)}`;
  return (
    <FlameCanvas report={report} flame={flame} colour={colour} describe={describe} title={`what differs in ${by.name}`} search={search} test="compare-flame">
      <p class="legend">
        <span class="swatch more" /> more than before <span class="swatch less" /> less; as wide as the larger of both
      </p>
    </FlameCanvas>
  );
}

function Row({ report, compare, site, by }: { report: Report; compare: Data; site: number; by: (typeof kMeasures)[number] }) {
  const [open, setOpen] = useState(false);
  const frame = report.frames[compare.sites.label[site]!]!;
  const difference = differenceOf(compare, site, by.key);
  return (
    <>
      <tr class={open ? 'open' : ''}>
        <th scope="row">
          <button type="button" class="site" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span class="name">{frame.name}</span>
            <span class="place">{placeOf(frame)}</span>
          </button>
        </th>
        <td>{changeOf(compare, site, by.key)}</td>
        <td class="number">{by.format(compare.sites.old[by.key][site]!)}</td>
        <td class="number">{by.format(compare.sites.new[by.key][site]!)}</td>
        <td class={`number sorted ${difference > 0 ? 'more' : 'less'}`}>{signed(difference, by.format)}</td>
      </tr>
      {open && (
        <tr class="detail">
          <td colSpan={5}>
            <StackText report={report} node={compare.sites.node[site]!} />
            <p class="explain">
              {kMeasures.map(({ key, name, format }) => `${name}: ${format(compare.sites.old[key][site]!)} → ${format(compare.sites.new[key][site]!)}`).join(' · ')}
            </p>
          </td>
        </tr>
      )}
    </>
  );
}

function Sites({ report, compare, search, by }: Props & { by: (typeof kMeasures)[number] }) {
  const [most, setMost] = useState(kStep);
  const rows = useMemo(() => {
    const words = search.trim().toLowerCase();
    return changedSites(compare, by.key, (site) => words === '' || matches(report, compare.sites.node[site]!, words));
  }, [report, compare, by, search]);
  return (
    <>
      <p class="status" aria-live="polite" data-test="compare-status">
        {plural(rows.length, 'call site differs', 'call sites differ')} in this
        {search.trim() !== '' && ` with “${search.trim()}” in the stack`}
        {compare.leftOut > 0 && `; ${count(compare.leftOut)} of the least are not listed`}
      </p>
      <div class="scroll">
        <table data-test="compare-sites">
          <thead>
            <tr>
              <th scope="col">Allocated by</th>
              <th scope="col"><span class="hidden">Change</span></th>
              <th scope="col" class="number">Before</th>
              <th scope="col" class="number">After</th>
              <th scope="col" class="number">Difference</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((site) => <Row key={site} report={report} compare={compare} site={site} by={by} />)}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + 4 * kStep)}>Show {Math.min(4 * kStep, rows.length - most)} more</button>
      )}
    </>
  );
}

export function Compare({ report, compare, search }: Props) {
  const [key, setKey] = useState<Compared>('live');
  const by = kMeasures.find((one) => one.key === key)!;
  return (
    <div data-test="compare">
      <p class="explain">
        Before: {compare.name}, of <code>{compare.program.join(' ')}</code>. Whole runs are compared, whatever range is chosen above.
        {compare.rebuilt.length > 0 && ` Of another build: ${compare.rebuilt.join(', ')}; there a call site is known by its functions.`}
      </p>
      <Totals compare={compare} />
      {!compare.hasSites && <p class="empty">One of the two was recorded without stacks: call sites cannot be compared.</p>}
      {compare.hasSites && (
        <>
          <div class="tabs" role="radiogroup" aria-label="Which difference is shown">
            {kMeasures.map((one) => (
              <label key={one.key}>
                <input type="radio" name="compare-by" checked={one.key === key} onChange={() => setKey(one.key)} />
                <span>{one.name}</span>
              </label>
            ))}
          </div>
          <Flames report={report} compare={compare} search={search} by={by} />
          <Sites report={report} compare={compare} search={search} by={by} />
        </>
      )}
    </div>
  );
}
