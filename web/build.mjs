// Builds dist/report.html, one file that needs nothing else, the same bytes each time; with --tests the unit tests into build/.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
};

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]);
}

// test/web/test_page.py computes the same: a page that is older than its sources is found without node.
function sourcesHash() {
  const hash = createHash('sha256');
  const files = [...filesBelow('src'), 'build.mjs', 'package.json', 'package-lock.json'];
  for (const file of files.map((path) => path.replaceAll('\\', '/')).sort()) {
    hash.update(`${relative('.', file)}\0`);
    hash.update(readFileSync(join(root, file)));
    hash.update('\0');
  }
  return hash.digest('hex');
}

const policyHash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

async function bundle(entry, extra) {
  const result = await esbuild.build({ ...common, entryPoints: [entry], write: false, minify: true, ...extra });
  return result.outputFiles[0].text.trim();
}

async function buildPage() {
  // A closing tag in a string of the script would end it.
  const script = (await bundle('src/main.tsx', { format: 'iife', define: { 'process.env.NODE_ENV': '"production"' } }))
    .replaceAll('</script', '<\\/script');
  const style = await bundle('src/style.css', { loader: { '.css': 'css' } });
  const csp = `default-src 'none'; script-src ${policyHash(script)}; style-src ${policyHash(style)}; base-uri 'none'; form-action 'none'`;
  const parts = { csp, sources: sourcesHash(), style, script };
  const page = readFileSync(join(root, 'src/page.html'), 'utf8')
    .replace(/@(csp|sources|style|script)@/g, (_all, name) => parts[name]);
  const at = process.argv.indexOf('--out');
  const out = at > 0 ? process.argv[at + 1] : join(root, 'dist/report.html');
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, page);
}

async function buildTests() {
  const tests = filesBelow('test').filter((file) => file.endsWith('.test.ts'));
  const entry = tests.map((file) => `import './${file}';`).join('\n');
  await esbuild.build({
    ...common,
    stdin: { contents: entry, resolveDir: root, sourcefile: 'tests.ts' },
    platform: 'node',
    outfile: 'build/tests.mjs',
  });
}

await (process.argv.includes('--tests') ? buildTests() : buildPage());
