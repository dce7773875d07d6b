// The heap map: addresses over time, and below it the blocks of the moment that is chosen.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Report } from '../data/report.ts';
import { timeAt } from '../data/range.ts';
import { addressOf, blockAt, fillingAt, firstFrom, momentOf } from '../data/heap.ts';
import { bytes, count, percent, plural, time } from '../format.ts';
import { bytesShown, drawBlocks, drawDensity, kRowHeight, offsetAt, type Colouring, type View } from './drawHeap.ts';
import { StackText } from './Stack.tsx';
import { useTheme, useWidth } from './theme.ts';

const kRows = 36;
const kFinest = 1; // bytes a pixel

interface Props {
  report: Report;
  bucket: number;
  onBucket: (bucket: number) => void;
}

function Density({ report, bucket, onBucket }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    if (canvas.current) drawDensity(canvas.current, report, theme);
  }, [report, theme]);
  const choose = (event: PointerEvent) => {
    if (event.buttons !== 1 || !canvas.current) return;
    const place = canvas.current.getBoundingClientRect();
    const at = Math.floor(((event.clientX - place.left) / place.width) * report.buckets);
    onBucket(Math.min(report.buckets - 1, Math.max(0, at)));
  };
  return (
    <div class="density">
      <canvas
        ref={canvas}
        role="img"
        aria-label="How full the addresses of the heap are over time; lowest addresses at the bottom"
        onPointerDown={choose}
        onPointerMove={choose}
        data-test="density"
      />
      <div class="now" style={{ left: `${(100 * (bucket + 0.5)) / report.buckets}%` }} />
    </div>
  );
}

/** The view that shows everything, or the finest that shows `span` bytes around an offset. */
function viewOf(report: Report, width: number, span: number, middle: number): View {
  const whole = report.map.tiles * report.map.tile;
  const wanted = Math.min(span, whole);
  const bytesPerPixel = Math.max(kFinest, wanted / (Math.max(width, 1) * kRows));
  const view = { start: 0, bytesPerPixel, width, rows: kRows };
  const start = Math.max(0, Math.min(whole - bytesShown(view), middle - bytesShown(view) / 2));
  return { ...view, start: Math.floor(start / 64) * 64 };
}

const beside = (size: number, name: string) => (size > 0 ? ` and ${bytes(size)} of ${name}` : '');

function BlockText({ report, block, bucket }: { report: Report; block: number; bucket: number }) {
  if (block < 0) return <p class="empty">Point at a block, or use the arrow keys in the picture, to see who allocated it.</p>;
  const { blocks } = report.map;
  const site = blocks.site[block]!;
  const died = blocks.died[block]!;
  return (
    <div>
      <p>
        <strong>{bytes(blocks.size[block]!)}</strong>
        {beside(blocks.header[block]!, 'a header')}
        {beside(blocks.padding[block]!, 'padding')} at <code>{addressOf(report, blocks.offset[block]!)}</code>, from{' '}
        {time(timeAt(report, blocks.born[block]! - 1))} {died >= report.buckets ? 'and never freed' : `to ${time(timeAt(report, died))}`}
        {' '}({time(timeAt(report, bucket) - timeAt(report, blocks.born[block]! - 1))} old)
      </p>
      <StackText report={report} node={report.sites.node[site]!} most={7} />
    </div>
  );
}

function Legend({ colouring, hasHeaders }: { colouring: Colouring; hasHeaders: boolean }) {
  const meaning = {
    site: 'one colour a function that allocates',
    age: 'blue is new, red is old',
    size: 'green is small, violet is large',
  }[colouring];
  return (
    <p class="legend">
      Blocks: {meaning}. {hasHeaders && <><span class="swatch header" /> headers </>}
      <span class="swatch padding" /> padding <span class="swatch free" /> free, used before <span class="swatch untouched" /> never used so far
    </p>
  );
}

interface BlocksProps extends Omit<Props, 'onBucket'> {
  colouring: Colouring;
}

function Blocks({ report, bucket, colouring }: BlocksProps) {
  const [hold, width] = useWidth();
  const whole = report.map.tiles * report.map.tile;
  const [span, setSpan] = useState(whole);
  const [middle, setMiddle] = useState(whole / 2);
  const [current, setCurrent] = useState(-1);
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const moment = useMemo(() => momentOf(report, bucket), [report, bucket]);
  const view = useMemo(() => viewOf(report, width, span, middle), [report, width, span, middle]);
  const { blocks } = report.map;
  const isAlive = current >= 0 && blocks.born[current]! <= bucket && bucket < blocks.died[current]!;
  const shown = isAlive ? current : -1;

  useEffect(() => {
    if (canvas.current && width > 0) drawBlocks(canvas.current, { report, moment, view, colouring, current: shown, theme });
  }, [report, moment, view, colouring, shown, theme, width]);

  const pointed = (event: MouseEvent) => {
    const place = canvas.current!.getBoundingClientRect();
    return offsetAt(view, event.clientX - place.left, event.clientY - place.top);
  };
  const zoom = (factor: number, around = shown >= 0 ? blocks.offset[shown]! : view.start + bytesShown(view) / 2) => {
    setSpan(Math.max(kFinest * kRows * width, Math.min(whole, bytesShown(view) * factor)));
    setMiddle(around);
  };
  const move = (steps: number) => {
    if (moment.alive.length === 0) return;
    const at = shown >= 0 ? firstFrom(report, moment, blocks.offset[shown]!) + steps : firstFrom(report, moment, view.start);
    const next = moment.alive[Math.min(moment.alive.length - 1, Math.max(0, at))]!;
    setCurrent(next);
    const offset = blocks.offset[next]!;
    if (offset < view.start || offset >= view.start + bytesShown(view)) setMiddle(offset);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowRight') move(1);
    else if (event.key === 'ArrowLeft') move(-1);
    else if (event.key === 'ArrowDown') move(50);
    else if (event.key === 'ArrowUp') move(-50);
    else if (event.key === '+' || event.key === '=') zoom(0.25);
    else if (event.key === '-') zoom(4);
    else if (event.key === 'Escape') zoom(Infinity);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div class="row">
        <p class="status" data-test="view">
          {addressOf(report, view.start)} and {bytes(Math.min(bytesShown(view), whole))} on,{' '}
          {bytes(view.bytesPerPixel)} a pixel
        </p>
        <div class="buttons">
          <button type="button" onClick={() => zoom(0.25)} aria-label="Zoom in">+</button>
          <button type="button" onClick={() => zoom(4)} aria-label="Zoom out">−</button>
          <button type="button" onClick={() => { setSpan(whole); setMiddle(whole / 2); }}>Whole heap</button>
        </div>
      </div>
      <div ref={hold}>
        <canvas
          ref={canvas}
          class="blocks"
          style={{ width: `${width}px`, height: `${kRows * kRowHeight}px` }}
          tabIndex={0}
          role="application"
          aria-label="Blocks of this moment. Left and right go from block to block, plus and minus zoom."
          onMouseMove={(event) => setCurrent(blockAt(report, moment, pointed(event)))}
          onDblClick={(event) => zoom(0.25, pointed(event))}
          onKeyDown={onKey}
          data-test="blocks"
        />
      </div>
      <div class="block" aria-live="polite" data-test="block">
        <BlockText report={report} block={shown} bucket={bucket} />
      </div>
    </>
  );
}

export function HeapMap({ report, bucket, onBucket }: Props) {
  const [colouring, setColouring] = useState<Colouring>('site');
  const filling = useMemo(() => fillingAt(report, bucket), [report, bucket]);
  const tile = bytes(report.map.tile);
  if (report.map.tiles === 0) return <p class="empty">No block was ever allocated.</p>;
  return (
    <div data-test="heap-map">
      <p class="explain">
        Addresses upwards, time to the right, stronger where fuller; one cell is {tile}. Click or drag to choose a moment.
      </p>
      <Density report={report} bucket={bucket} onBucket={onBucket} />
      <div class="sliders">
        <label>
          <span>Moment</span>
          <input
            type="range"
            min={0}
            max={report.buckets - 1}
            value={bucket}
            aria-valuetext={time(timeAt(report, bucket))}
            onInput={(event) => onBucket(Number(event.currentTarget.value))}
            data-test="moment"
          />
          <output>{time(timeAt(report, bucket))}</output>
        </label>
        <label>
          <span>Colour by</span>
          <select value={colouring} onChange={(event) => setColouring(event.currentTarget.value as Colouring)}>
            <option value="site">who allocated</option>
            <option value="age">age</option>
            <option value="size">size</option>
          </select>
        </label>
      </div>
      <p class="status" data-test="moment-status">
        {bytes(report.bucket.live[bucket]!)} live in {plural(report.bucket.blocks[bucket]!, 'block')}, over{' '}
        {bytes(filling.touched * report.map.tile)} of addresses used so far ({percent(report.bucket.live[bucket]!, filling.touched * report.map.tile)} live
        {beside(report.bucket.headers[bucket]!, 'headers')}
        {beside(report.bucket.padding[bucket]!, 'padding')}).{' '}
        {plural(filling.pinned, 'cell')} of {tile} held by less than a tenth of it, {count(filling.empty)} empty.
      </p>
      <Blocks report={report} bucket={bucket} colouring={colouring} />
      <Legend colouring={colouring} hasHeaders={report.bucket.headers.some((size) => size > 0)} />
      {report.map.leftOut > 0 && (
        <p class="explain">
          {plural(report.map.leftOut, 'block')} of little size or life are in the upper picture and the sums only, to keep this file small.
        </p>
      )}
    </div>
  );
}

