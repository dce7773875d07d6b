// The two pictures of the heap map: how full the addresses are over all time, and the blocks of one moment as runs of pixels.
import { firstFrom, type Moment } from '../data/heap.ts';
import type { Report } from '../data/report.ts';
import { hueOf, prepare, type Theme } from './theme.ts';

type Rgb = [number, number, number];

function rgb(colour: string): Rgb {
  const hex = colour.replace('#', '');
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)) as Rgb;
}

const mix = (a: Rgb, b: Rgb, part: number) => a.map((value, i) => value + (b[i]! - value) * part) as Rgb;

/** Time to the right, addresses upwards; the palest cell that was used at all still differs from one that never was. */
export function drawDensity(canvas: HTMLCanvasElement, report: Report, theme: Theme) {
  const { tiles, cells } = report.map;
  canvas.width = report.buckets;
  canvas.height = Math.max(tiles, 1);
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const low = rgb(theme.free);
  const high = rgb(theme.accent);
  const colours: Rgb[] = [rgb(theme.untouched)];
  for (let i = 1; i < 256; i++) colours.push(i === 1 ? low : mix(low, high, 0.2 + 0.8 * Math.sqrt((i - 2) / 253)));
  for (let bucket = 0; bucket < report.buckets; bucket++) {
    for (let tile = 0; tile < tiles; tile++) {
      const at = 4 * ((tiles - 1 - tile) * report.buckets + bucket);
      image.data.set(colours[cells[bucket * tiles + tile]!]!, at);
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

export type Colouring = 'site' | 'age' | 'size';

export interface View {
  /** Offset of the first byte shown. */
  start: number;
  /** Of one pixel. */
  bytesPerPixel: number;
  width: number;
  rows: number;
}

export const kRowHeight = 9;
export const bytesShown = (view: View) => view.bytesPerPixel * view.width * view.rows;

/** The offset under a point of the picture. */
export function offsetAt(view: View, x: number, y: number): number {
  const row = Math.min(view.rows - 1, Math.max(0, Math.floor(y / kRowHeight)));
  return view.start + (row * view.width + Math.min(view.width - 1, Math.max(0, x))) * view.bytesPerPixel;
}

export function blockColour(report: Report, block: number, bucket: number, colouring: Colouring, dark: boolean): string {
  const { blocks } = report.map;
  const light = dark ? 58 : 50;
  if (colouring === 'site') {
    const site = blocks.site[block]!;
    return `hsl(${hueOf(report.sites.label[site] ?? site)} 52% ${light}%)`;
  }
  if (colouring === 'age') {
    const age = (bucket - blocks.born[block]!) / report.buckets;
    return `hsl(${205 - 190 * Math.min(1, age * 1.2)} 62% ${light}%)`;
  }
  const power = Math.log2(Math.max(blocks.size[block]!, 8));
  return `hsl(${160 + Math.min(200, (power - 3) * 11)} 50% ${light}%)`;
}

function drawGround(context: CanvasRenderingContext2D, report: Report, view: View, bucket: number, theme: Theme) {
  const { tiles, tile, cells } = report.map;
  for (let row = 0; row < view.rows; row++) {
    for (let x = 0; x < view.width; ) {
      const offset = view.start + (row * view.width + x) * view.bytesPerPixel;
      const number = Math.floor(offset / tile);
      const run = Math.max(1, Math.min(view.width - x, Math.ceil(((number + 1) * tile - offset) / view.bytesPerPixel)));
      if (number < tiles) {
        context.fillStyle = cells[bucket * tiles + number] === 0 ? theme.untouched : theme.free;
        context.fillRect(x, row * kRowHeight, run, kRowHeight - 1);
      }
      x += run;
    }
  }
}

/** Calls `paint` for each piece of a run that lies in one row. */
function pieces(view: View, offset: number, size: number, paint: (x: number, row: number, width: number) => void) {
  const first = Math.max(0, (offset - view.start) / view.bytesPerPixel);
  const last = Math.min(view.width * view.rows, (offset + Math.max(size, 1) - view.start) / view.bytesPerPixel);
  for (let at = first; at < last; ) {
    const row = Math.floor(at / view.width);
    const end = Math.min(last, (row + 1) * view.width);
    paint(at - row * view.width, row, end - at);
    at = end;
  }
}

export interface HeapPicture {
  report: Report;
  moment: Moment;
  view: View;
  colouring: Colouring;
  /** The block in hand, or -1. */
  current: number;
  theme: Theme;
}

/** Narrower pieces do not show. */
const kLeastShown = 0.1;

export function drawBlocks(canvas: HTMLCanvasElement, { report, moment, view, colouring, current, theme }: HeapPicture) {
  const context = prepare(canvas, view.width, view.rows * kRowHeight);
  if (!context) return;
  drawGround(context, report, view, moment.bucket, theme);
  const { offset, size, header, padding } = report.map.blocks;
  const end = view.start + bytesShown(view);
  for (let i = firstFrom(report, moment, view.start); i < moment.alive.length; i++) {
    const block = moment.alive[i]!;
    if (offset[block]! - header[block]! >= end) break;
    context.fillStyle = blockColour(report, block, moment.bucket, colouring, theme.dark);
    const whole = size[block]! / view.bytesPerPixel;
    pieces(view, offset[block]!, size[block]!, (x, row, width) =>
      context.fillRect(x, row * kRowHeight, whole > 4 ? Math.max(width - 0.75, 0.5) : width, kRowHeight - 1));
    const beside = (start: number, length: number, colour: string) => {
      if (length < kLeastShown * view.bytesPerPixel) return;
      context.fillStyle = colour;
      pieces(view, start, length, (x, row, width) => context.fillRect(x, row * kRowHeight, width, kRowHeight - 1));
    };
    beside(offset[block]! - header[block]!, header[block]!, theme.header);
    beside(offset[block]! + size[block]!, padding[block]!, theme.padding);
  }
  if (current < 0) return;
  context.fillStyle = theme.text;
  pieces(view, offset[current]!, size[current]!, (x, row, width) => {
    const wide = Math.max(width, 2);
    context.fillRect(x - 1, row * kRowHeight - 1, wide + 2, 2);
    context.fillRect(x - 1, row * kRowHeight + kRowHeight - 2, wide + 2, 2);
    context.fillRect(x - 1, row * kRowHeight, 1, kRowHeight);
    context.fillRect(x + wide, row * kRowHeight, 1, kRowHeight);
  });
}
