// The page in Chromium: node test/browser/run.mjs PLAIN.html HOSTILE.html (made by make_page). Fails with the first thing that is not so.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';

const [plain, hostile] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

async function open(file, options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
  page.on('request', (request) => !request.url().startsWith('file:') && faults.push(`asks for ${request.url()}`));
  await page.goto(`file://${resolve(file)}`);
  await page.waitForSelector('[data-test=figures]');
  const times = await page.evaluate(() => [
    performance.getEntriesByName('first-contentful-paint')[0].startTime,
    performance.getEntriesByName('loam-shown')[0].startTime,
  ]);
  return { page, faults, times };
}

const text = (page, name) => page.textContent(`[data-test=${name}]`);

async function brushAndSearch(page) {
  const before = await text(page, 'figures');
  const chart = await page.$('#time .u-over');
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector('[data-test=range-text]').textContent !== 'Whole run');
  assert.notEqual(await text(page, 'figures'), before);
  await page.getByRole('button', { name: 'Whole run' }).click();
  await page.waitForFunction((old) => document.querySelector('[data-test=figures]').textContent === old, before);
  await page.fill('[data-test=search]', 'Cache::remember');
  await page.waitForFunction(() => /1 call site\b/.test(document.querySelector('[data-test=sites]').textContent));
  assert.match(await text(page, 'flame-status'), /is in .* of it/);
  await page.fill('[data-test=search]', '');
}

async function compare(page) {
  assert.match(await text(page, 'compare-totals'), /Live at the end.*\+[\d.]+ MiB/);
  const first = () => page.textContent('[data-test=compare-sites] tbody tr');
  assert.match(await first(), /Cache::remember.*grew.*\+/);
  await page.click('[data-test=compare-sites] tbody button');
  await page.waitForSelector('[data-test=compare-sites] .stack li');
  assert.match(await text(page, 'compare-sites'), /Allocations: [\d,]+ → [\d,]+/);
  await page.click('[data-test=compare-sites] tbody button');
  const status = await text(page, 'compare-flame-status');
  assert.match(status, /everything: .* before, .* after, \+/);
  await page.focus('[data-test=compare-flame] canvas');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction((old) => document.querySelector('[data-test=compare-flame-status]').textContent !== old, status);
  await page.focus('#compare input');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelector('#compare input[name=compare-by]:checked').nextSibling.textContent === 'At the peak');
  await page.fill('[data-test=search]', 'Cache::remember');
  await page.waitForFunction(() => /^1 call site differs/.test(document.querySelector('[data-test=compare-status]').textContent));
  await page.fill('[data-test=search]', '');
}

// The colours of the picture of blocks, each with the number of its pixels.
const coloursOf = (page) =>
  page.$eval('[data-test=blocks]', (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = {};
    for (let i = 0; i < data.length; i += 4) {
      const colour = '#' + [0, 1, 2].map((k) => data[i + k].toString(16).padStart(2, '0')).join('');
      found[colour] = (found[colour] ?? 0) + 1;
    }
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(['header', 'padding'].map((name) => [name, found[style.getPropertyValue(`--${name}`)] ?? 0]));
  });

// Headers and padding in the map, close up.
async function headersAndPadding(page, hasHeaders) {
  const status = await text(page, 'moment-status');
  assert.match(status, / of padding/);
  assert.equal(/ of headers/.test(status), hasHeaders);
  await page.focus('[data-test=blocks]');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('[data-test=block] .stack li');
  // The lowest blocks may all have sizes that need no padding.
  for (let i = 0; i < 40 && !/ of padding at /.test(await text(page, 'block')); i++) {
    const before = await text(page, 'block');
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction((old) => document.querySelector('[data-test=block]').textContent !== old, before);
  }
  assert.match(await text(page, 'block'), / of padding at /);
  for (let i = 0; i < 12; i++) await page.keyboard.press('+');
  await page.waitForFunction(() => /, 1 B a pixel/.test(document.querySelector('[data-test=view]').textContent));
  const { header, padding } = await coloursOf(page);
  assert.ok(padding > 100, `${padding} pixels of padding`);
  assert.equal(header > 100, hasHeaders, `${header} pixels of headers`);
  if (hasHeaders) assert.match(await text(page, 'block'), /B and 8 B of a header and/);
  await page.keyboard.press('Escape');
}

async function keyboardOnly(page) {
  await page.focus('[data-test=flame] canvas');
  const whole = await text(page, 'flame-status');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction((old) => document.querySelector('[data-test=flame-status]').textContent !== old, whole);
  await page.focus('[data-test=moment]');
  const moment = await text(page, 'moment-status');
  for (let i = 0; i < 40; i++) await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((old) => document.querySelector('[data-test=moment-status]').textContent !== old, moment);
  await page.focus('[data-test=blocks]');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('[data-test=block] .stack li');
  assert.match(await text(page, 'block'), /at 0x7f4a/);
  await page.focus('[data-test=range] input');
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelector('[data-test=range-text]').textContent !== 'Whole run');
}

try {
  const first = await open(plain);
  console.log(`first paint ${first.times[0].toFixed(0)} ms, shown ${first.times[1].toFixed(0)} ms`);
  assert.ok(first.times[0] < 1000 && first.times[1] < 2000, 'too slow');
  await compare(first.page);
  await brushAndSearch(first.page);
  await headersAndPadding(first.page, false);
  await keyboardOnly(first.page);
  assert.deepEqual(first.faults, []);
  const second = await open(hostile, { colorScheme: 'dark' });
  assert.match(await text(second.page, 'compare-sites'), /<img src=x onerror=.*new/);
  await second.page.fill('[data-test=search]', '<img');
  await second.page.click('[data-test=sites] tbody button');
  assert.match(await text(second.page, 'sites'), /<img src=x onerror=/);
  assert.equal(await second.page.$('main img, main script, main b'), null);
  await headersAndPadding(second.page, true);
  assert.match(await second.page.title(), /loam report/);
  assert.deepEqual(second.faults, []);
  console.log('2 passed, 0 failed');
} finally {
  await browser.close();
}
