// Bundles the package into dist/: for Node.js its entry, the worker of a VM, and the command line; for browsers an entry
// and a worker; the devices for any host.
import { copyFileSync, writeFileSync } from 'node:fs';
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

const [, forBrowsers] = await Promise.all([
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
  build({
    ...common,
    entryPoints: {
      browser: 'src/browser/index.ts',
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
writeFileSync('dist/licences.txt', licencesOf(forBrowsers.metafile));
