// Calls of the program and crossings into the kernel, over time.
import { useMemo } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import type { Range } from '../data/range.ts';
import { count } from '../format.ts';
import { Chart } from './Chart.tsx';

/** Crossings of each bucket, from the running total that the samples tell. */
export function crossingsPerBucket(report: Report): number[] {
  const { time, crossings } = report.sample;
  const out: number[] = new Array(report.buckets).fill(0);
  for (let i = 1; i < time.length; i++) {
    const at = Math.min(report.buckets - 1, Math.floor((time[i]! / report.duration) * report.buckets));
    out[at]! += Math.max(0, crossings[i]! - crossings[i - 1]!);
  }
  return out;
}

interface Props {
  report: Report;
  range: Range;
  onRange: (range: Range) => void;
}

export function Crossings({ report, range, onRange }: Props) {
  const crossings = useMemo(() => crossingsPerBucket(report), [report]);
  return (
    <div class="pair">
      <div>
        <h3>Kernel crossings</h3>
        {report.hasCrossings ? (
          <Chart report={report} height={180} label="System calls and page faults over time" format={count} range={range}
            onRange={onRange} lines={[{ name: 'crossings', values: crossings, colour: 'second', bars: true }]} />
        ) : (
          <p class="empty">This recording has none.</p>
        )}
      </div>
      <div>
        <h3>Allocations and frees</h3>
        <Chart report={report} height={180} label="Allocations and frees over time" format={count} range={range} onRange={onRange}
          lines={[
            { name: 'allocations', values: report.bucket.allocations, colour: 'accent', bars: true },
            { name: 'frees', values: report.bucket.frees, colour: 'second' },
          ]} />
      </div>
    </div>
  );
}
