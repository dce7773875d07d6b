import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeOf, changedSites, largerOf } from '../src/data/compare.ts';
import { totalOf } from '../src/data/flame.ts';
import { blockAt, momentOf } from '../src/data/heap.ts';
import type { Compare, Report } from '../src/data/report.ts';
import { binStart, shapeOf } from '../src/data/range.ts';
import { readNumbers } from '../src/data/unpack.ts';
import { bytes, percent, signed, time } from '../src/format.ts';

test('numbers of one and more bytes', () => {
  const read = readNumbers(new Uint8Array([0, 0x7f, 0x80, 1, 0xac, 2]), 0, 4);
  assert.deepEqual([...read], [0, 127, 128, 300]);
  assert.throws(() => readNumbers(new Uint8Array([0x80]), 0, 1), /too early/);
});

test('bins begin where the tool says', () => {
  assert.deepEqual([0, 1, 3, 4, 9, 10].map(binStart), [0, 1, 2, 3, 16, 24]);
});

test('only growth to the end has the shape of a leak', () => {
  const curve = (f: (x: number) => number) => Float64Array.from({ length: 101 }, (_, i) => f(i));
  assert.equal(shapeOf(curve((x) => x)), 'grows');
  assert.equal(shapeOf(curve(() => 5)), 'holds');
  assert.equal(shapeOf(curve((x) => (x < 50 ? x : 100 - x))), 'returns');
  assert.equal(shapeOf(curve(() => 0)), 'brief');
});

test('a block is met at its header and its padding, not beyond', () => {
  const columns = { offset: [108, 148], size: [10, 4], header: [8, 8], padding: [22, 4], born: [0, 0], died: [1, 1], site: [0, 0] };
  const blocks = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, Float64Array.from(values)]));
  const report = { map: { blocks } } as unknown as Report;
  const moment = momentOf(report, 0);
  assert.deepEqual([99, 100, 108, 118, 139, 140, 155, 156].map((offset) => blockAt(report, moment, offset)), [-1, 0, 0, 0, 0, 1, 1, -1]);
});

test('figures for people', () => {
  assert.equal(bytes(1536), '1.50 KiB');
  assert.equal(time(1500), '1.50 µs');
  assert.equal(percent(1, 0), '–');
});

test('what differs, by a measure', () => {
  const figures = (live: number[], allocations: number[]) => ({ live: Float64Array.from(live), allocations: Float64Array.from(allocations) });
  const sites = { old: figures([10, 0, 7, 0], [1, 0, 1, 3]), new: figures([4, 9, 0, 1], [1, 2, 0, 3]), count: 4 };
  const compare = { sites } as unknown as Compare;
  assert.deepEqual([0, 1, 2, 3].map((site) => changeOf(compare, site, 'live')), ['shrank', 'new', 'gone', 'grew']);
  assert.deepEqual(changedSites(compare, 'live', (site) => site !== 3), [1, 2, 0]);
  assert.deepEqual([...largerOf(compare, 'live')], [10, 9, 7, 1]);
  assert.equal(signed(-3, String), '−3');
  const tree = { parent: Float64Array.from([0, 1, 1]), frame: Float64Array.from([0, 1, 2]) };
  assert.deepEqual([...totalOf(tree, Float64Array.from([2, 3, 3]), Float64Array.from([1, 2, 4]))], [7, 7, 1, 6]);
});
