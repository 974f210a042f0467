// @ts-check
// What a page has to fetch before a guest can boot: node scripts/size-report.js
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { workerBuild } from './build-site.js';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Bytes of brotli that the core may take: JavaScript, and the WebAssembly that it writes. */
export const coreLimit = 100_000;

/** `isCore` tells what every page fetches from what is fetched when it is used. */
/** @typedef {{ name: string, minified: number, brotli: number, isCore: boolean }} Part */

/** The files of a page with a machine, compressed as servers do at best. @returns {Promise<Part[]>} */
export async function parts() {
  /** @type {import('esbuild').BuildOptions} */
  const measured = { ...workerBuild, write: false, metafile: true, outdir: 'size', legalComments: 'none' };
  const api = await build({ ...measured, plugins: [], entryPoints: { api: join(repository, 'src/browser/index.ts') } });
  return [...describe(await build(measured)), ...describe(api)];
}

/** @param {import('esbuild').BuildResult} result @returns {Part[]} */
function describe({ outputFiles = [], metafile }) {
  if (metafile === undefined) throw new Error('the build was asked for its metafile');
  const outputs = new Map(Object.entries(metafile.outputs));
  /** @type {(path: string) => readonly string[]} */
  const withImports = (path) => [
    path,
    ...(outputs.get(path)?.imports ?? [])
      .filter(({ kind }) => kind === 'import-statement')
      .flatMap((imported) => withImports(imported.path)),
  ];
  const entry = [...outputs.keys()].find((path) => /\/(api|browser-worker)\.js$/.test(path));
  if (entry === undefined) throw new Error('the build has no entry');
  const core = new Set(withImports(entry));
  return outputFiles.map(({ path, contents }) => {
    const output = [...outputs.keys()].find((name) => path.endsWith(name)) ?? path;
    return {
      name: output.replace(/^size\//, ''),
      minified: contents.length,
      brotli: brotliCompressSync(contents).length,
      isCore: core.has(output),
    };
  });
}

/** Bytes of brotli of the core. @param {readonly Part[]} all */
export function coreSize(all) {
  return all.filter(({ isCore }) => isCore).reduce((sum, { brotli }) => sum + brotli, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const all = await parts();
  const line = (/** @type {string[]} */ ...[name = '', minified = '', brotli = '', note = '']) =>
    process.stdout.write(`  ${name.padEnd(28)}${minified.padStart(9)}${brotli.padStart(8)}  ${note}\n`);
  process.stdout.write('size\n');
  line('', 'minified', 'brotli');
  for (const { name, minified, brotli, isCore } of all) {
    line(name, String(minified), String(brotli), isCore ? '' : 'when it is used');
  }
  line('the core', '', String(coreSize(all)), `at most ${coreLimit}`);
}
