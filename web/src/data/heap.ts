// The heap at one moment: which blocks lived at the end of a bucket, where, and how well they fill the pages.
import type { Report } from './report.ts';

export interface Moment {
  bucket: number;
  /** Numbers of the blocks, by their offset. */
  alive: Int32Array;
}

export function momentOf(report: Report, bucket: number): Moment {
  const { born, died } = report.map.blocks;
  const alive = new Int32Array(born.length);
  let used = 0;
  for (let i = 0; i < born.length; i++) {
    if (born[i]! <= bucket && bucket < died[i]!) alive[used++] = i;
  }
  return { bucket, alive: alive.slice(0, used) };
}

/** The place in moment.alive of the first block that ends behind `offset`, its padding counted. */
export function firstFrom(report: Report, moment: Moment, offset: number): number {
  const { offset: starts, size, padding } = report.map.blocks;
  let low = 0;
  let high = moment.alive.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = moment.alive[middle]!;
    if (starts[block]! + size[block]! + padding[block]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The block that covers the offset, with its header or padding, or -1. */
export function blockAt(report: Report, moment: Moment, offset: number): number {
  const block = moment.alive[firstFrom(report, moment, offset)];
  const { offset: starts, header } = report.map.blocks;
  return block !== undefined && starts[block]! - header[block]! <= offset ? block : -1;
}

export function addressOf(report: Report, offset: number): string {
  const { parts } = report.map;
  let part = parts[0];
  for (const some of parts) {
    if (some.offset <= offset) part = some;
  }
  return part ? '0x' + (part.start + BigInt(Math.floor(offset - part.offset))).toString(16) : '–';
}

export interface Filling {
  /** Tiles in which blocks lay until then. */
  touched: number;
  /** Of those, without any block now. */
  empty: number;
  /** Of those, held by blocks that fill less than a tenth. */
  pinned: number;
}

export function fillingAt(report: Report, bucket: number): Filling {
  const { cells, tiles } = report.map;
  const out = { touched: 0, empty: 0, pinned: 0 };
  for (let i = bucket * tiles; i < (bucket + 1) * tiles; i++) {
    const cell = cells[i]!;
    if (cell === 0) continue;
    out.touched++;
    if (cell === 1) out.empty++;
    else if (cell < 2 + 25) out.pinned++;
  }
  return out;
}
