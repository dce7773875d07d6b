// The call sites with their sums in the range and the curve of their live bytes over the whole run.
import { useMemo, useState } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import { curveOf, shapeOf, type Selection, type Shape } from '../data/range.ts';
import { bytes, count, plural, time } from '../format.ts';
import { StackText, labelOf, placeOf } from './Stack.tsx';

const kStep = 25;
const kWidth = 132;
const kHeight = 26;

type Key = 'bytes' | 'allocations' | 'peak' | 'live' | 'kept' | 'temporary' | 'life';
const kColumns: { key: Key; name: string; hint: string }[] = [
  { key: 'bytes', name: 'Bytes', hint: 'allocated in the range' },
  { key: 'allocations', name: 'Count', hint: 'allocations in the range' },
  { key: 'peak', name: 'At peak', hint: 'live at the peak of the range' },
  { key: 'live', name: 'Live', hint: 'live at the end of the range' },
  { key: 'kept', name: 'Never freed', hint: 'allocated in the range and never freed' },
  { key: 'temporary', name: 'Temporary', hint: 'freed before their thread’s next allocation' },
  { key: 'life', name: 'Mean life', hint: 'of the blocks freed in the range' },
];

const kShapes: Record<Shape, string> = {
  grows: 'grows to the end',
  steps: 'grows in steps',
  holds: 'holds',
  returns: 'goes back',
  brief: 'brief',
};

/** The curve as a path, at most one point a pixel and never above or below the picture. */
export function sparkPath(curve: Float64Array, width: number, height: number): string {
  const most = curve.reduce((a, b) => Math.max(a, b), 1);
  let path = '';
  for (let x = 0; x <= width; x += 2) {
    const from = Math.floor((x / (width + 2)) * curve.length);
    const to = Math.max(from + 1, Math.floor(((x + 2) / (width + 2)) * curve.length));
    let value = 0;
    for (let i = from; i < to && i < curve.length; i++) value = Math.max(value, curve[i]!);
    path += `${path ? 'L' : 'M'}${x} ${(height - 1 - (value / most) * (height - 3)).toFixed(1)}`;
  }
  return path;
}

function Spark({ curve, report, selection }: { curve: Float64Array; report: Report; selection: Selection }) {
  const path = sparkPath(curve, kWidth, kHeight);
  const shape = shapeOf(curve);
  const { from, to } = selection.range;
  const scale = kWidth / report.buckets;
  return (
    <span class={`spark ${shape}`}>
      <svg width={kWidth} height={kHeight} role="img" aria-label={`live bytes over time: ${kShapes[shape]}`}>
        {!selection.isWhole && <rect x={from * scale} y={0} width={(to - from) * scale} height={kHeight} class="chosen" />}
        <path d={`${path}L${kWidth} ${kHeight}L0 ${kHeight}Z`} class="under" />
        <path d={path} class="over" />
      </svg>
      <span class="shape">{kShapes[shape]}</span>
    </span>
  );
}

function valueOf(selection: Selection, site: number, key: Key): number {
  const { sites } = selection;
  if (key === 'life') return sites.frees[site]! > 0 ? sites.life[site]! / sites.frees[site]! : 0;
  return sites[key][site]!;
}

function textOf(key: Key, value: number, frees: number): string {
  if (key === 'life') return frees > 0 ? time(value * 1000) : '–';
  if (key === 'allocations' || key === 'temporary') return count(value);
  return bytes(value);
}

interface Props {
  report: Report;
  selection: Selection;
  search: string;
}

function Row({ report, selection, site, sort }: Omit<Props, 'search'> & { site: number; sort: Key }) {
  const [open, setOpen] = useState(false);
  const frame = labelOf(report, site);
  const curve = useMemo(() => curveOf(report, site), [report, site]);
  return (
    <>
      <tr class={open ? 'open' : ''}>
        <th scope="row">
          <button type="button" class="site" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span class="name">{frame.name}</span>
            <span class="place">{placeOf(frame)}</span>
          </button>
        </th>
        <td><Spark curve={curve} report={report} selection={selection} /></td>
        {kColumns.map(({ key }) => (
          <td key={key} class={key === sort ? 'number sorted' : 'number'}>
            {textOf(key, valueOf(selection, site, key), selection.sites.frees[site]!)}
          </td>
        ))}
      </tr>
      {open && (
        <tr class="detail">
          <td colSpan={kColumns.length + 2}><StackText report={report} node={report.sites.node[site]!} /></td>
        </tr>
      )}
    </>
  );
}

/** Whether a frame from the node outwards has the words in it. */
export function matches(report: Report, innermost: number, words: string): boolean {
  for (let node = innermost; node > 0; node = report.tree.parent[node - 1]!) {
    const frame = report.frames[report.tree.frame[node - 1]!]!;
    if (`${frame.name}\n${frame.file}\n${frame.module}`.toLowerCase().includes(words)) return true;
  }
  return false;
}

export function Sites({ report, selection, search }: Props) {
  const [sort, setSort] = useState<Key>('bytes');
  const [most, setMost] = useState(kStep);
  const rows = useMemo(() => {
    const words = search.trim().toLowerCase();
    const all: number[] = [];
    for (let site = 0; site < report.sites.count; site++) {
      const busy = selection.sites.allocations[site]! > 0 || selection.sites.live[site]! > 0 || selection.sites.frees[site]! > 0;
      if (busy && (words === '' || matches(report, report.sites.node[site]!, words))) all.push(site);
    }
    return all.sort((a, b) => valueOf(selection, b, sort) - valueOf(selection, a, sort));
  }, [report, selection, sort, search]);
  return (
    <div data-test="sites">
      <p class="status" aria-live="polite">
        {plural(rows.length, 'call site')}
        {search.trim() !== '' && ` with “${search.trim()}” in the stack`}
        {report.mergedSites > 0 && `; ${count(report.mergedSites)} of the least are one line`}
      </p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Allocated by</th>
              <th scope="col">Live bytes over the run</th>
              {kColumns.map(({ key, name, hint }) => (
                <th key={key} scope="col" class="number" aria-sort={key === sort ? 'descending' : 'none'}>
                  <button type="button" title={hint} onClick={() => setSort(key)}>{name}{key === sort ? ' ▾' : ''}</button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((site) => (
              <Row key={site} report={report} selection={selection} site={site} sort={sort} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <button type="button" onClick={() => setMost(most + 4 * kStep)}>Show {Math.min(4 * kStep, rows.length - most)} more</button>
      )}
    </div>
  );
}
