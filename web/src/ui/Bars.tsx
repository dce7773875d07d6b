// Bars: of sizes, and of placement policies side by side. Every bar's figures are in a table as well, for those who do not see it.
import { useState } from 'preact/hooks';
import type { Policy } from '../data/report.ts';
import { binStart, type SizeBin } from '../data/range.ts';
import { bytes, count, percent } from '../format.ts';

const kHeight = 150;

/** Beneath every second bar: 16, 1K, 2M. */
function sizeText(size: number): string {
  const power = Math.floor(Math.log2(Math.max(size, 1)) / 10);
  return `${size / 1024 ** power}${['', 'K', 'M', 'G', 'T', 'P'][power]}`;
}

export function Sizes({ bins }: { bins: SizeBin[] }) {
  const [by, setBy] = useState<'allocations' | 'bytes'>('allocations');
  const first = bins.findIndex((bin) => bin.allocations > 0);
  if (first < 0) return <p class="empty">No allocation in this range.</p>;
  const shown = bins.slice(Math.max(0, first));
  const most = shown.reduce((a, bin) => Math.max(a, bin[by]), 1);
  const all = shown.reduce((a, bin) => a + bin[by], 0);
  const format = by === 'bytes' ? bytes : count;
  return (
    <div data-test="sizes">
      <div class="tabs" role="radiogroup" aria-label="What the bars count">
        {(['allocations', 'bytes'] as const).map((key) => (
          <label key={key}>
            <input type="radio" name="sizes-by" checked={by === key} onChange={() => setBy(key)} />
            <span>{key === 'bytes' ? 'Bytes' : 'Allocations'}</span>
          </label>
        ))}
      </div>
      <div class="scroll">
        <div class="bars" role="list" aria-label="Allocations by size">
          {shown.map((bin) => (
            <div key={bin.bin} class="bar" role="listitem"
              title={`from ${bytes(binStart(bin.bin))}: ${format(bin[by])}, ${percent(bin[by], all)}`}
              aria-label={`from ${bytes(binStart(bin.bin))}: ${format(bin[by])}`}>
              <span class="share">{bin[by] >= all / 50 ? `${Math.round((100 * bin[by]) / all)}` : ''}</span>
              <span class="fill" style={{ height: `${Math.max(bin[by] > 0 ? 1 : 0, (bin[by] / most) * kHeight)}px` }} />
              <span class="tick">{bin.bin % 2 === 1 || bin.bin === 0 ? sizeText(binStart(bin.bin)) : '\u00a0'}</span>
            </div>
          ))}
        </div>
      </div>
      <p class="explain">A bar begins at the size below it in bytes, or half-way to the next power of two, and ends where the next begins; above it percents of all.</p>
    </div>
  );
}

const kParts = [
  { key: 'header', name: 'headers' },
  { key: 'padding', name: 'padding' },
  { key: 'external', name: 'free between blocks' },
] as const;

export function Policies({ policies }: { policies: Policy[] }) {
  if (policies.length === 0) {
    return (
      <p class="empty">
        Not in this report. <code>loam replay FILE --format json --output policies.json</code> replays the recording under every
        placement policy, and <code>loam report FILE --policies policies.json</code> shows the result here.
      </p>
    );
  }
  const most = policies.reduce((a, policy) => Math.max(a, policy.peak_heap), 1);
  return (
    <div class="scroll" data-test="policies">
      <table class="policies">
        <thead>
          <tr>
            <th scope="col">Policy</th>
            <th scope="col">Heap at its peak</th>
            {kParts.map((part) => <th key={part.key} scope="col" class="number"><span class={`swatch ${part.key}`} /> {part.name}</th>)}
            <th scope="col" class="number">Kernel calls</th>
          </tr>
        </thead>
        <tbody>
          {[...policies].sort((a, b) => a.peak_heap - b.peak_heap).map((policy) => {
            const lost = kParts.reduce((sum, part) => sum + policy[part.key], 0);
            return (
              <tr key={policy.name}>
                <th scope="row">{policy.name}</th>
                <td class="wide">
                  <span class="stackbar" style={{ width: `${(100 * policy.peak_heap) / most}%` }}>
                    <span class="part live" style={{ flexGrow: Math.max(0, policy.peak_heap - lost) }} />
                    {kParts.map((part) => <span key={part.key} class={`part ${part.key}`} style={{ flexGrow: policy[part.key] }} />)}
                  </span>
                  <span class="sum">{bytes(policy.peak_heap)}</span>
                </td>
                {kParts.map((part) => <td key={part.key} class="number">{bytes(policy[part.key])}</td>)}
                <td class="number">{count(policy.grow_calls + policy.shrink_calls)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
