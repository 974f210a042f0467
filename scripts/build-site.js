// @ts-check
// Builds the page into a folder that any static host can serve: node scripts/build-site.js [FOLDER]
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { licencesOf } from './licences.js';
import { oneCore, withoutDetour } from './one-core.js';

const repository = fileURLToPath(new URL('..', import.meta.url));
const web = join(repository, 'web');
const worker = join(repository, 'src/browser/worker-entry.ts');
const stores = join(repository, 'src/browser/stores.ts');
/** The page's own program, in either notation. */
const programs = ['main.tsx', 'main.ts'];

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: repository,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  logLevel: 'warning',
};

/**
 * The machine's worker as the page has it: what few need is in files of its own, fetched when it is used.
 * @type {import('esbuild').BuildOptions}
 */
export const workerBuild = {
  ...common,
  entryPoints: { 'browser-worker': worker },
  splitting: true,
  platform: 'browser',
  chunkNames: 'worker-[name]-[hash]',
  plugins: [
    oneCore(
      worker,
      {
        [join(repository, 'devices/9p/memory.ts')]: stores,
        [join(repository, 'src/browser/picked-folder/open.ts')]: stores,
        [join(repository, 'src/browser/opfs-disk/open.ts')]: stores,
      },
      [join(repository, 'src/store/crc32.ts')],
    ),
  ],
};

/**
 * Replaces `folder` by the built page.
 * @param {string} folder
 * @param {string} [source] the folder of the page's own files: its program, HTML and icons
 */
export async function buildSite(folder, source = web) {
  const files = readdirSync(source);
  const program = programs.find((name) => files.includes(name));
  if (program === undefined) throw new Error(`${source} has none of ${programs.join(', ')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  /** @type {import('esbuild').BuildOptions & { metafile: true }} */
  const written = { outdir: folder, sourcemap: true, sourcesContent: false, legalComments: 'none', metafile: true };
  const machine = await build({
    ...workerBuild,
    ...written,
    entryPoints: { 'browser-worker': join(repository, 'src/browser/worker-ahead-entry.ts') },
  });
  await withoutDetour(folder, machine.metafile, 'browser-worker.js');
  cpSync(join(repository, 'guest-images/images'), join(folder, 'images'), { recursive: true });
  // A machine that has booted depends on these.
  const version = sha256(Buffer.from(JSON.stringify(digests(folder))));
  // The page imports vm9 by name: what an embedder gets. A script, because Chromium parses a module in any case, even where it has the
  // compiled form beside it.
  const page = await build({
    ...common,
    ...written,
    entryPoints: { page: join(source, program) },
    format: 'iife',
    banner: { js: '"use strict"; const thisScript = { url: document.currentScript.src };' },
    define: { siteVersion: JSON.stringify(version), 'import.meta': 'thisScript' },
  });
  const wasiEntry = { 'browser-wasi-worker': join(repository, 'src/browser/wasi-worker-entry.ts') };
  const wasi = await build({ ...common, ...written, entryPoints: wasiEntry, platform: 'browser' });
  const ahead = files.includes('start-ahead.ts') ? await inline(join(source, 'start-ahead.ts')) : '';
  const style = takeStyle(folder);
  writeFileSync(join(folder, 'licences.txt'), licencesOf(page.metafile, machine.metafile, wasi.metafile));
  for (const name of files) {
    if (/\.(svg|png|ico|webmanifest)$/.test(name)) cpSync(join(source, name), join(folder, name));
    if (name.endsWith('.html')) {
      const html = readFileSync(join(source, name), 'utf8');
      writeFileSync(
        join(folder, name),
        html.replace('/* start-ahead.ts */', () => ahead).replace('/* page.css */', () => style),
      );
    }
  }
  cpSync(join(repository, 'guest-images/licenses'), join(folder, 'images/licenses'), { recursive: true });
  cpSync(join(repository, 'guest-images/NOTICE.md'), join(folder, 'images/NOTICE.md'));
  await build({
    ...common,
    entryPoints: { 'service-worker': join(web, 'service-worker/service-worker.ts') },
    outdir: folder,
    format: 'iife',
    define: { siteFiles: JSON.stringify(digests(folder)) },
  });
}

/**
 * A program of the page that stands in its HTML.
 * @param {string} path
 */
async function inline(path) {
  const { outputFiles } = await build({
    ...common,
    entryPoints: [path],
    format: 'iife',
    write: false,
    define: { 'import.meta.url': 'document.baseURI' },
    // Of the package as a whole its tables would come, too.
    alias: { vm9: join(repository, 'src/browser/boot-cache/read.ts') },
  });
  return (outputFiles[0]?.text ?? '').trim().replaceAll('</', '<\\/');
}

/**
 * The page's style, which stands in its HTML: a file of its own would cost more than it has bytes.
 * @param {string} folder
 */
function takeStyle(folder) {
  const file = join(folder, 'page.css');
  if (!existsSync(file)) return '';
  const style = readFileSync(file, 'utf8').replace(/\/\*# sourceMappingURL=.*/, '');
  for (const name of [file, `${file}.map`]) rmSync(name);
  return style.trim();
}

/**
 * What the page needs to run, with the digest of each; a gzip file has a second one, because some hosts send it so that it
 * arrives unpacked.
 * @param {string} folder
 */
function digests(folder) {
  const needed = filesIn(folder).filter((path) => !/\.(map|md|txt)$/.test(path));
  return Object.fromEntries(
    needed.map((path) => {
      const content = readFileSync(join(folder, path));
      return [path, path.endsWith('.gz') ? [sha256(content), sha256(gunzipSync(content))] : [sha256(content)]];
    }),
  );
}

/** @param {Uint8Array} content */
function sha256(content) {
  return createHash('sha256').update(content).digest('base64');
}

/** Paths below `folder`, with slashes. @param {string} folder */
function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(repository, 'dist/web');
  await buildSite(folder);
  process.stdout.write(`${relative(process.cwd(), folder)}/ is ready for any static host\n`);
}
