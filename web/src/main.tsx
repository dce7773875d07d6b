// Reads the data that the tool put into the page and shows it; says in words what is wrong if it cannot.
import { render } from 'preact';
import { reportOf } from './data/report.ts';
import { unpack } from './data/unpack.ts';
import { App } from './ui/App.tsx';

async function start(): Promise<void> {
  const root = document.getElementById('page')!;
  const text = document.getElementById('loam-data')!.textContent ?? '';
  if (text.trim().startsWith('@')) {
    root.textContent = 'This page has no data in it: `loam report FILE -o report.html` makes one that has.';
    return;
  }
  try {
    const report = reportOf(await unpack(text));
    document.title = `${report.program.join(' ') || report.name} – loam report`;
    root.textContent = '';
    render(<App report={report} />, root);
    performance.mark('loam-shown');
  } catch (error) {
    root.textContent = `This report cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
  }
}

void start();
