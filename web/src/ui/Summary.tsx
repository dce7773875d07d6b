// The nine figures that matter, for the range that is chosen.
import type { Selection } from '../data/range.ts';
import { bytes, count, percent, plural, time } from '../format.ts';

interface Figure {
  name: string;
  value: string;
  note: string;
}

export function figuresOf(selection: Selection): Figure[] {
  const f = selection.figures;
  const rate = selection.seconds > 0 ? f.allocations / selection.seconds : 0;
  return [
    { name: 'Peak of live bytes', value: bytes(f.peak), note: `at ${time(f.peakTime)}` },
    {
      name: selection.isWhole ? 'Live at the end' : 'Live at its end',
      value: bytes(f.live),
      note: plural(f.liveBlocks, 'block'),
    },
    { name: 'Never freed', value: bytes(f.kept), note: `${plural(f.keptBlocks, 'block')} allocated here` },
    { name: 'Allocations', value: count(f.allocations), note: `${count(rate)} a second` },
    { name: 'Bytes allocated', value: bytes(f.bytes), note: `${bytes(f.allocations ? f.bytes / f.allocations : 0)} each` },
    { name: 'Temporary', value: percent(f.temporary, f.allocations), note: 'freed before their thread’s next allocation' },
    { name: 'Median size', value: bytes(f.medianSize), note: 'half of the allocations are of about this or less' },
    {
      name: 'Peak of RSS',
      value: f.resident === null ? '–' : bytes(f.resident),
      note: f.resident === null ? 'not recorded' : `${bytes(f.resident - f.peak)} beyond the peak of live bytes`,
    },
    {
      name: 'Kernel crossings',
      value: f.crossings === null ? '–' : count(f.crossings),
      note: f.crossings === null ? 'not recorded' : `${(f.allocations / Math.max(f.crossings, 1)).toPrecision(3)} allocations for each`,
    },
  ];
}

export function Summary({ selection }: { selection: Selection }) {
  return (
    <dl class="figures" data-test="figures">
      {figuresOf(selection).map((figure) => (
        <div key={figure.name}>
          <dt>{figure.name}</dt>
          <dd class="value">{figure.value}</dd>
          <dd class="note">{figure.note}</dd>
        </div>
      ))}
    </dl>
  );
}
