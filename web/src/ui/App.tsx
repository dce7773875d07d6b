// The page: one range of time and one search, which every section follows.
import type { ComponentChildren } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import { fullestEnd, isWhole, select, timeAt, wholeRange, type Range } from '../data/range.ts';
import { count, plural, time } from '../format.ts';
import { Policies, Sizes } from './Bars.tsx';
import { Compare } from './Compare.tsx';
import { Crossings } from './Crossings.tsx';
import { Findings } from './Findings.tsx';
import { FlameGraph } from './FlameGraph.tsx';
import { HeapMap } from './HeapMap.tsx';
import { Sites } from './Sites.tsx';
import { Summary } from './Summary.tsx';
import { Timeline } from './Timeline.tsx';

const kSections = [
  ['time', 'Over time'],
  ['flame', 'Flame graph'],
  ['map', 'Heap map'],
  ['sites', 'Call sites'],
  ['sizes', 'Sizes'],
  ['kernel', 'Kernel'],
  ['policies', 'Policies'],
  ['findings', 'Findings'],
] as const;
const kCompareSection = ['compare', 'Compare'] as const;

function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

function Facts({ report }: { report: Report }) {
  const started = report.started > 0 ? new Date(report.started * 1000).toISOString().replace('T', ' ').slice(0, 19) + ' UTC' : '';
  const facts = [
    report.pid > 0 ? `pid ${report.pid}` : '',
    plural(report.events, 'event'),
    plural(report.threads, 'thread'),
    plural(report.allSites, 'call site'),
    time(report.duration),
    report.ending,
    started,
    report.machine,
  ].filter((fact) => fact !== '');
  return <p class="facts">{facts.join(' · ')}</p>;
}

interface BarProps {
  report: Report;
  range: Range;
  onRange: (range: Range) => void;
  search: string;
  onSearch: (words: string) => void;
}

function Bar({ report, range, onRange, search, onSearch }: BarProps) {
  const whole = isWhole(report, range);
  const sections = report.compare ? [kCompareSection, ...kSections] : kSections;
  return (
    <div class="toolbar">
      <nav aria-label="Sections">
        {sections.map(([id, title]) => <a key={id} href={`#${id}`}>{title}</a>)}
      </nav>
      <div class="controls">
        <span class={whole ? 'range' : 'range active'} aria-live="polite" data-test="range-text">
          {whole ? 'Whole run' : `${time(timeAt(report, range.from - 1))} – ${time(timeAt(report, range.to - 1))}`}
        </span>
        {!whole && <button type="button" onClick={() => onRange(wholeRange(report))}>Whole run</button>}
        <input type="search" placeholder="Function, file or module" aria-label="Search functions, files and modules" value={search}
          onInput={(event) => onSearch(event.currentTarget.value)} data-test="search" />
      </div>
    </div>
  );
}

export function App({ report }: { report: Report }) {
  const [range, setRange] = useState<Range>(wholeRange(report));
  const [search, setSearch] = useState('');
  const [bucket, setBucket] = useState(() => fullestEnd(report, wholeRange(report)));
  const selection = useMemo(() => select(report, range), [report, range]);
  const onRange = useCallback((next: Range) => {
    setRange((old) => (old.from === next.from && old.to === next.to ? old : next));
  }, []);
  return (
    <>
      <header>
        <p class="brand">loam report</p>
        <h1>{report.program.join(' ') || report.name}</h1>
        <Facts report={report} />
        {report.remarks.map((remark, i) => <p key={i} class="remark">{remark}</p>)}
        {!report.hasStacks && <p class="remark">Recorded without stacks: every allocation counts for one site. Without `--no-stacks` `loam record` tells who allocated.</p>}
      </header>
      <Bar report={report} range={range} onRange={onRange} search={search} onSearch={setSearch} />
      <main>
        <Summary selection={selection} />
        {report.compare && (
          <Section id="compare" title="Compared with an earlier recording">
            <Compare report={report} compare={report.compare} search={search} />
          </Section>
        )}
        <Section id="time" title="Live bytes and RSS over time">
          <p class="explain">Drag over the picture, or use the sliders, to look at a part of the run: everything below follows.</p>
          <Timeline report={report} range={range} onRange={onRange} />
        </Section>
        <Section id="flame" title="Where allocations come from">
          <FlameGraph report={report} selection={selection} search={search} />
        </Section>
        <Section id="map" title="Heap map">
          <HeapMap report={report} bucket={bucket} onBucket={setBucket} />
        </Section>
        <Section id="sites" title="Call sites">
          <Sites report={report} selection={selection} search={search} />
        </Section>
        <Section id="sizes" title="Sizes">
          <Sizes bins={selection.sizes} />
        </Section>
        <Section id="kernel" title="Calls over time">
          <Crossings report={report} range={range} onRange={onRange} />
        </Section>
        <Section id="policies" title="The same run under placement policies">
          <Policies policies={report.policies} />
        </Section>
        <Section id="findings" title="Findings of loam check">
          <Findings findings={report.findings} />
        </Section>
      </main>
      <footer>
        <p>Made by loam {report.version} from {report.name}, {count(report.events)} events. Nothing on this page is loaded from elsewhere.</p>
      </footer>
    </>
  );
}
