// A site by its name, and its stack, innermost frame first.
import { pathTo } from '../data/flame.ts';
import type { Frame, Report } from '../data/report.ts';
import { baseName } from '../format.ts';

export const labelOf = (report: Report, site: number): Frame => report.frames[report.sites.label[site]!]!;

export const placeOf = (frame: Frame) => (frame.file ? `${baseName(frame.file)}:${frame.line}` : frame.module);

interface Props {
  report: Report;
  /** Of the innermost frame. */
  node: number;
  most?: number;
}

export function StackText({ report, node, most = 64 }: Props) {
  const path = pathTo(report, node).reverse();
  const frames = path.slice(0, most).map((node) => report.frames[report.tree.frame[node - 1]!]!);
  return (
    <ol class="stack">
      {frames.map((frame, i) => (
        <li key={i}>
          <span class="name">{frame.name}</span> <span class="place" title={frame.file || frame.module}>{placeOf(frame)}</span>
        </li>
      ))}
      {path.length > most && <li class="place">{path.length - most} more</li>}
    </ol>
  );
}
