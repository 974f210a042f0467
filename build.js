// Bundles the package into dist/: for Node.js its entry, the worker of a VM, and the command line; for browsers an entry
// and a worker; the devices for any host.
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { licencesOf } from './scripts/licences.js';

const common = {
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

const forNode = {
  platform: 'node',
  target: 'node20',
  // Dependencies are installed, not copied.
  packages: 'external',
};

// Their names change with what is in them.
for (const name of existsSync('dist') ? readdirSync('dist') : []) {
  if (/^browser-.+-[A-Z0-9]{8}\.js/.test(name)) rmSync(`dist/${name}`);
}

const [, , forPages, forWorkers] = await Promise.all([
  build({
    ...common,
    entryPoints: {
      index: 'src/node/index.ts',
      'wasi-worker': 'src/node/wasi-worker-entry.ts',
    },
    ...forNode,
  }),
  // Scripts, which V8 can take from code that it has compiled before (src/node/start.ts).
  build({
    ...common,
    entryPoints: {
      start: 'src/node/start.ts',
      cli: 'src/node/cli.ts',
      'worker-start': 'src/node/worker-start.ts',
      worker: 'src/node/worker-entry.ts',
    },
    ...forNode,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    // A script of Node.js 20.0 has require() alone, and scripts have no import.meta.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "'use strict'; const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  }),
  // What few pages need is in files of its own. Bundlers refuse workers in several files.
  build({
    ...common,
    entryPoints: { browser: 'src/browser/index.ts' },
    splitting: true,
    chunkNames: 'browser-[name]-[hash]',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
  }),
  build({
    ...common,
    entryPoints: {
      'browser-worker': 'src/browser/worker-entry.ts',
      'browser-wasi-worker': 'src/browser/wasi-worker-entry.ts',
    },
    platform: 'browser',
    target: 'es2022',
    metafile: true,
  }),
  build({ ...common, entryPoints: { devices: 'devices/index.ts' }, platform: 'neutral', target: 'es2022' }),
]);
copyFileSync('src/node/profile/flame-graph.html', 'dist/flame-graph.html');
writeFileSync('dist/licences.txt', licencesOf(forPages.metafile, forWorkers.metafile));
