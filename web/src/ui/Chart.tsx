// A uPlot chart over the time of the recording; a drag over it chooses a range.
import uPlot from 'uplot';
import { useEffect, useRef } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import type { Range } from '../data/range.ts';
import { bytes, time } from '../format.ts';
import { useTheme, useWidth, type Theme } from './theme.ts';

export interface Line {
  name: string;
  /** One value a bucket. */
  values: ArrayLike<number | null>;
  colour: 'accent' | 'second';
  filled?: boolean;
  bars?: boolean;
}

interface Props {
  report: Report;
  lines: Line[];
  height: number;
  label: string;
  format: (value: number) => string;
  range: Range;
  onRange: (range: Range) => void;
}

function seriesOf(line: Line, theme: Theme, format: (value: number) => string): uPlot.Series {
  const colour = theme[line.colour];
  return {
    label: line.name,
    stroke: colour,
    width: 1.5,
    fill: line.filled || line.bars ? colour + '38' : undefined,
    spanGaps: true,
    paths: line.bars ? uPlot.paths.stepped!({ align: -1 }) : undefined,
    points: { show: false },
    value: (_plot, value) => (value === null ? '–' : format(value)),
  };
}

// Of bytes: 1, 2, 5, ... would read 19.1 MiB.
const kBinarySteps = Array.from({ length: 50 }, (_, i) => 2 ** i);

function axesOf(theme: Theme, format: (value: number) => string, binary: boolean): uPlot.Axis[] {
  const common = { stroke: theme.muted, grid: { stroke: theme.line, width: 1 }, ticks: { stroke: theme.line, width: 1 } };
  const font = '12px system-ui, sans-serif';
  return [
    { ...common, font, values: (_plot, splits) => splits.map((at) => time(at * 1e9)), space: 90 },
    { ...common, font, values: (_plot, splits) => splits.map(format), size: 76, space: 34, incrs: binary ? kBinarySteps : undefined },
  ];
}

export function Chart({ report, lines, height, label, format, range, onRange }: Props) {
  const [measure, width] = useWidth();
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const latest = useRef({ range, onRange });
  latest.current = { range, onRange };

  const showRange = () => {
    const u = plot.current;
    if (!u) return;
    const { from, to } = latest.current.range;
    const whole = from === 0 && to === report.buckets;
    const step = report.duration / report.buckets / 1e9;
    const left = whole ? 0 : u.valToPos(from * step, 'x');
    const right = whole ? 0 : u.valToPos(to * step, 'x');
    u.setSelect({ left, width: right - left, top: 0, height: u.over.clientHeight }, false);
  };

  useEffect(() => {
    if (!holder.current || width === 0) return undefined;
    const step = report.duration / report.buckets / 1e9;
    const x = Float64Array.from({ length: report.buckets }, (_, i) => (i + 1) * step);
    const options: uPlot.Options = {
      width,
      height,
      series: [{ label: 'time', value: (_u, at) => (at === null ? '–' : time(at * 1e9)) }, ...lines.map((line) => seriesOf(line, theme, format))],
      axes: axesOf(theme, format, format === bytes),
      scales: { x: { time: false, range: [0, report.duration / 1e9] }, y: { range: (_u, _min, max) => [0, (max || 1) * 1.05] } },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 }, y: false },
      legend: { live: true },
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 2) return latest.current.onRange({ from: 0, to: report.buckets });
            const from = Math.max(0, Math.floor(u.posToVal(u.select.left, 'x') / step));
            const to = Math.min(report.buckets, Math.ceil(u.posToVal(u.select.left + u.select.width, 'x') / step));
            return latest.current.onRange({ from: Math.min(from, report.buckets - 1), to: Math.max(to, from + 1) });
          },
        ],
      },
    };
    plot.current = new uPlot(options, [x, ...lines.map((line) => line.values)] as uPlot.AlignedData, holder.current);
    showRange();
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [report, width, theme, height]);

  useEffect(showRange, [range]);

  return (
    <div class="chart" ref={measure} role="img" aria-label={label}>
      <div ref={holder} />
    </div>
  );
}
