import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binStart, shapeOf } from '../src/data/range.ts';
import { readNumbers } from '../src/data/unpack.ts';
import { bytes, percent, time } from '../src/format.ts';

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

test('figures for people', () => {
  assert.equal(bytes(1536), '1.50 KiB');
  assert.equal(time(1500), '1.50 µs');
  assert.equal(percent(1, 0), '–');
});
