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

// Their names change with what is in them.
for (const name of existsSync('dist') ? readdirSync('dist') : []) {
  if (/^browser-.+-[A-Z0-9]{8}\.js/.test(name)) rmSync(`dist/${name}`);
}

const [, forPages, forWorkers] = await Promise.all([
  build({
    ...common,
    entryPoints: {
      index: 'src/node/index.ts',
      worker: 'src/node/worker-entry.ts',
      'wasi-worker': 'src/node/wasi-worker-entry.ts',
      cli: 'src/node/cli.ts',
    },
    platform: 'node',
    target: 'node20',
    // Dependencies are installed, not copied.
    packages: 'external',
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
