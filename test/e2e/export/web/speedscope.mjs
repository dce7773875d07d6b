// speedscope in Chromium opens a file: node speedscope.mjs PROFILE. Prints, as JSON, for each profile in it what the table of functions says:
// {profile: {function: [total, own]}}, and whatever the page complained about.
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--enable-unsafe-swiftshader'],
});
// "bytes allocated (1/5)", which stands above the views.
const shown = (page) =>
  page.evaluate(() => {
    const texts = [...document.querySelectorAll('span')].map((one) => one.textContent.match(/^([^()]+) \((\d+)\/(\d+)\)$/));
    return texts.find(Boolean)?.slice(1) ?? [];
  });
const rows = (page) =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('tr')]
        .map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))
        .filter((cells) => cells.length === 3 && cells[0].endsWith('%)'))
        .map(([total, own, name]) => [name, [total, own]]),
    ),
  );
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 2000 } });
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('dialog', (dialog) => {
    faults.push(dialog.message());
    dialog.dismiss();
  });
  await page.goto(`file://${fileURLToPath(new URL('node_modules/speedscope/dist/release/index.html', import.meta.url))}`);
  await page.setInputFiles('input[type=file]', process.argv[2]);
  await page.getByText('Sandwich').click();
  await page.getByText('Symbol Name').waitFor();
  const told = {};
  for (;;) {
    const [name, number, of] = await shown(page);
    told[name] = await rows(page);
    if (number === of) break;
    await page.keyboard.press('n');
    while ((await shown(page))[1] === number) await page.waitForTimeout(20);
  }
  console.log(JSON.stringify({ told, faults }));
} finally {
  await browser.close();
}
