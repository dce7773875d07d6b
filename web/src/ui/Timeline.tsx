// Live bytes and RSS over time. What is dragged over, or set with the two sliders, is the range of the whole page.
import { useMemo } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import { timeAt, type Range } from '../data/range.ts';
import { bytes, time } from '../format.ts';
import { Chart, type Line } from './Chart.tsx';

/** The largest sample of each bucket, null where there is none. */
export function perBucket(report: Report, values: Float64Array): (number | null)[] {
  const out: (number | null)[] = new Array(report.buckets).fill(null);
  for (let i = 0; i < values.length; i++) {
    const at = Math.min(report.buckets - 1, Math.floor((report.sample.time[i]! / report.duration) * report.buckets));
    out[at] = Math.max(out[at] ?? 0, values[i]!);
  }
  return out;
}

interface Props {
  report: Report;
  range: Range;
  onRange: (range: Range) => void;
}

export function Timeline({ report, range, onRange }: Props) {
  const lines = useMemo(() => {
    const out: Line[] = [{ name: 'live bytes', values: report.bucket.peak, colour: 'accent', filled: true }];
    if (report.sample.time.length > 0) {
      out.push({ name: 'RSS', values: perBucket(report, report.sample.resident), colour: 'second' });
    }
    return out;
  }, [report]);
  const label = `Live bytes and RSS over ${time(report.duration)}; the most were ${bytes(report.peak.bytes)} at ${time(report.peak.time)}`;
  const slider = (name: string, value: number, most: number, least: number, set: (value: number) => Range) => (
    <label>
      <span>{name}</span>
      <input
        type="range"
        min={0}
        max={report.buckets}
        value={value}
        aria-valuetext={time(timeAt(report, value - 1))}
        onInput={(event) => onRange(set(Math.min(most, Math.max(least, Number(event.currentTarget.value)))))}
      />
      <output>{time(timeAt(report, value - 1))}</output>
    </label>
  );
  return (
    <>
      <Chart report={report} lines={lines} height={260} label={label} format={bytes} range={range} onRange={onRange} />
      <div class="sliders" data-test="range">
        {slider('From', range.from, range.to - 1, 0, (from) => ({ from, to: range.to }))}
        {slider('To', range.to, report.buckets, range.from + 1, (to) => ({ from: range.from, to }))}
      </div>
    </>
  );
}
