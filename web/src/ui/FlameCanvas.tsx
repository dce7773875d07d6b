// A flame graph on a canvas, since it may have tens of thousands of boxes: the outermost frame on top. Names are only ever drawn or set
// as text.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import { frameOf, layOut, searchFlame, type Box, type Flame } from '../data/flame.ts';
import { baseName, percent } from '../format.ts';
import { hueOf, prepare, useTheme, useWidth, type Theme } from './theme.ts';

const kFound = 'hsl(48 92% 62%)';
const kRow = 21;
const kLeast = 0.6; // pixels; narrower boxes are not drawn

/** The colour of a box that no search has found; `isDim` while one has found others. */
export type Colour = (theme: Theme, node: number, isDim: boolean) => string;

function byModule(theme: Theme, module: string, name: string, isDim: boolean): string {
  let hash = 0;
  for (const letter of module) hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
  let shade = 0;
  for (const letter of name) shade = (shade * 31 + letter.charCodeAt(0)) % 97;
  const light = theme.dark ? 30 + (shade % 9) : 80 + (shade % 8);
  return `hsl(${hueOf(hash % 24)} ${isDim ? 8 : theme.dark ? 34 : 52}% ${light}%)`;
}

/** As much of a name as the room holds. */
function fit(context: CanvasRenderingContext2D, name: string, room: number): string {
  if (name.length * 3 < room && context.measureText(name).width <= room) return name;
  let low = 0;
  let high = Math.min(name.length, Math.ceil(room / 2));
  if (high === name.length && context.measureText(name).width <= room) return name;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(name.slice(0, middle) + '…').width <= room) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? name.slice(0, low) + '…' : '';
}

export const colourByModule = (report: Report): Colour => (theme, node, isDim) => {
  const frame = frameOf(report, node);
  return frame ? byModule(theme, frame.module, frame.name, isDim) : theme.line;
};

interface Drawing {
  report: Report;
  colour: Colour;
  boxes: Box[];
  found: Set<number>;
  current: number;
  width: number;
  theme: Theme;
}

function draw(canvas: HTMLCanvasElement, { report, colour, boxes, found, current, width, theme }: Drawing, height: number) {
  const context = prepare(canvas, width, height);
  if (!context) return;
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const letter = context.measureText('n').width;
  for (const box of boxes) {
    const x = box.left * width;
    const w = Math.max(box.width * width - 1, 0.5);
    const y = box.depth * kRow;
    const frame = frameOf(report, box.node);
    const isFound = found.has(box.node);
    context.fillStyle = isFound ? kFound : colour(theme, box.node, found.size > 0);
    context.fillRect(x, y, w, kRow - 1);
    if (box.node === current) {
      context.strokeStyle = theme.text;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, Math.max(w - 2, 1), kRow - 3);
    }
    const room = w - 8;
    if (room < 3 * letter) continue;
    const name = frame ? frame.name : report.program.join(' ') || report.name;
    context.fillStyle = isFound ? '#1a1a1a' : theme.text;
    context.fillText(fit(context, name, room), x + 4, y + kRow / 2);
  }
}

/** Where an arrow key leads: out, in, to the neighbour on the left or right. */
function step(boxes: Box[], current: number, key: string): number {
  const at = boxes.find((box) => box.node === current) ?? boxes[0]!;
  const middle = at.left + at.width / 2;
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const depth = at.depth + (key === 'ArrowUp' ? -1 : 1);
    const row = boxes.filter((box) => box.depth === depth);
    const inside = row.filter((box) => key === 'ArrowDown' ? box.left >= at.left - 1e-9 && box.left < at.left + at.width : box.left <= middle && middle < box.left + box.width);
    return (inside[0] ?? at).node;
  }
  const row = boxes.filter((box) => box.depth === at.depth).sort((a, b) => a.left - b.left);
  const next = row.indexOf(at) + (key === 'ArrowLeft' ? -1 : 1);
  return (row[next] ?? at).node;
}

export function nameOf(report: Report, node: number): string {
  const frame = frameOf(report, node);
  if (!frame) return 'everything';
  return `${frame.name} (${frame.file ? `${baseName(frame.file)}:${frame.line}` : frame.module})`;
}

interface Props {
  report: Report;
  flame: Flame;
  colour: Colour;
  /** What is said of a node behind its name. */
  describe: (node: number) => string;
  /** What is shown, for those who do not see it. */
  title: string;
  search: string;
  test: string;
  /** The choice of what is shown. */
  children: ComponentChildren;
}

export function FlameCanvas({ report, flame, colour, describe, title, search, test, children }: Props) {
  const [focus, setFocus] = useState(0);
  const [current, setCurrent] = useState(0);
  const [hold, width] = useWidth();
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const boxes = useMemo(() => layOut(report, flame, focus, kLeast / Math.max(width, 1)), [report, flame, focus, width]);
  const { found, share } = useMemo(() => searchFlame(report, flame, search), [report, flame, search]);
  const rows = boxes.reduce((most, box) => Math.max(most, box.depth), 0) + 1;
  const height = Math.max(rows, 4) * kRow;

  useEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, { report, colour, boxes, found, current, width, theme }, height);
  }, [report, colour, boxes, found, current, width, theme, height]);

  const boxAt = (event: MouseEvent) => {
    const place = canvas.current!.getBoundingClientRect();
    const x = (event.clientX - place.left) / place.width;
    const depth = Math.floor((event.clientY - place.top) / kRow);
    return boxes.find((box) => box.depth === depth && box.left <= x && x < box.left + box.width);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key.startsWith('Arrow')) setCurrent(step(boxes, current, event.key));
    else if (event.key === 'Enter' || event.key === ' ') setFocus(current);
    else if (event.key === 'Escape') setFocus(0);
    else return;
    event.preventDefault();
  };
  const empty = flame.total[0]! <= 0;
  return (
    <div data-test={test}>
      <div class="row">
        {children}
        <button type="button" disabled={focus === 0} onClick={() => setFocus(0)}>
          Whole graph
        </button>
      </div>
      <p class="status" aria-live="polite" data-test={`${test}-status`}>
        {empty ? 'Nothing of this kind.' : `${nameOf(report, current)}: ${describe(current)}`}
        {found.size > 0 && ` · “${search.trim()}” is in ${percent(share, 1)} of it`}
        {found.size === 0 && search.trim() !== '' && ` · “${search.trim()}” is not in it`}
      </p>
      <div class="scroll" ref={hold}>
        <canvas
          ref={canvas}
          class="flame"
          style={{ width: `${width}px`, height: `${height}px` }}
          tabIndex={0}
          role="application"
          aria-label={`Flame graph of ${title}. Arrow keys move, Enter zooms in, Escape shows all.`}
          onMouseMove={(event) => setCurrent(boxAt(event)?.node ?? current)}
          onClick={(event) => setFocus(boxAt(event)?.node ?? focus)}
          onKeyDown={onKey}
        />
      </div>
    </div>
  );
}
