// @ts-check
// What a page has to fetch before a guest can boot: node scripts/size-report.js
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Bytes of brotli that the core may take: JavaScript, and the WebAssembly that it writes. */
export const coreLimit = 100_000;

/** @typedef {{ name: string, minified: number, brotli: number }} Part */

/** The parts of the core, minified each by itself and compressed as servers do at best. @returns {Promise<Part[]>} */
export async function coreParts() {
  const { outputFiles } = await build({
    entryPoints: {
      'the API, in the page': join(repository, 'src/browser/index.ts'),
      'the machine, in its worker': join(repository, 'src/browser/worker-entry.ts'),
    },
    bundle: true,
    minify: true,
    write: false,
    outdir: '.',
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles.map(({ path, contents }) => ({
    name: path.replace(/^.*\/|\.js$/g, ''),
    minified: contents.length,
    brotli: brotliCompressSync(contents).length,
  }));
}

/** @param {readonly Part[]} parts @returns {Part} */
export function total(parts) {
  const sum = (/** @type {(part: Part) => number} */ of) => parts.reduce((all, part) => all + of(part), 0);
  return { name: 'the core', minified: sum(({ minified }) => minified), brotli: sum(({ brotli }) => brotli) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const parts = await coreParts();
  process.stdout.write(`size${' '.repeat(28)}minified   brotli (at most ${coreLimit})\n`);
  for (const { name, minified, brotli } of [...parts, total(parts)]) {
    process.stdout.write(`  ${name.padEnd(28)}${String(minified).padStart(10)}${String(brotli).padStart(9)}\n`);
  }
}
