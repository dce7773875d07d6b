// What `loam check` found, if its report was given.
import type { Finding } from '../data/report.ts';
import { baseName, plural, bytes } from '../format.ts';

function frameText(frame: { function?: string; file?: string; line?: number; module?: string }): string {
  const place = frame.file ? `${baseName(frame.file)}:${frame.line ?? 0}` : baseName(frame.module ?? '');
  return `${frame.function || '?'}${place ? ` (${place})` : ''}`;
}

function Card({ finding }: { finding: Finding }) {
  return (
    <details class="finding">
      <summary>
        <span class={`kind ${finding.kind === 'leak' ? 'leak' : 'bug'}`}>{finding.kind}</span> {finding.message}
        {finding.kind === 'leak' && finding.bytes ? <span class="place"> {bytes(finding.bytes)}</span> : null}
      </summary>
      {(finding.stacks ?? []).map((stack, i) => (
        <div key={i}>
          <h4>{stack.role}</h4>
          <ol class="stack">
            {stack.frames.map((frame, k) => <li key={k}>{frameText(frame)}</li>)}
          </ol>
        </div>
      ))}
    </details>
  );
}

export function Findings({ findings }: { findings: Finding[] | null }) {
  if (findings === null) {
    return (
      <p class="empty">
        Not in this report. <code>loam check --format json --output findings.json -- PROGRAM</code> looks for memory bugs, and{' '}
        <code>loam report FILE --findings findings.json</code> shows them here.
      </p>
    );
  }
  return (
    <div data-test="findings">
      <p class="status">{findings.length === 0 ? 'Nothing was found.' : plural(findings.length, 'finding')}</p>
      {findings.map((finding, i) => <Card key={i} finding={finding} />)}
    </div>
  );
}
