// Where the allocations of the range come from, by one of several measures.
import { useMemo, useState } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import type { Selection } from '../data/range.ts';
import { flameOf } from '../data/flame.ts';
import { bytes, count, percent } from '../format.ts';
import { FlameCanvas, colourByModule } from './FlameCanvas.tsx';

export const kMeasures = [
  { key: 'bytes', name: 'Bytes allocated', format: bytes },
  { key: 'allocations', name: 'Allocations', format: count },
  { key: 'peak', name: 'At the peak', format: bytes },
  { key: 'kept', name: 'Never freed', format: bytes },
  { key: 'temporary', name: 'Temporary', format: count },
] as const;
export type Measure = (typeof kMeasures)[number]['key'];

interface Props {
  report: Report;
  selection: Selection;
  search: string;
}

export function FlameGraph({ report, selection, search }: Props) {
  const [measure, setMeasure] = useState<Measure>('bytes');
  const { format, name } = kMeasures.find((one) => one.key === measure)!;
  const flame = useMemo(
    () => flameOf(report.tree, report.sites.node, selection.sites[measure]),
    [report, selection, measure],
  );
  const colour = useMemo(() => colourByModule(report), [report]);
  const describe = (node: number) => `${format(flame.total[node]!)}, ${percent(flame.total[node]!, flame.total[0]!)}`;
  return (
    <FlameCanvas report={report} flame={flame} colour={colour} describe={describe} title={name} search={search} test="flame">
      <div class="tabs" role="radiogroup" aria-label="What the flame graph shows">
        {kMeasures.map((one) => (
          <label key={one.key}>
            <input type="radio" name="measure" checked={one.key === measure} onChange={() => setMeasure(one.key)} />
            <span>{one.name}</span>
          </label>
        ))}
      </div>
    </FlameCanvas>
  );
}
