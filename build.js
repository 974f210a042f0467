// Bundles what runs in Node.js into dist/: the package's entry, the worker of a VM, and the command line.
import { build } from 'esbuild';

await build({
  entryPoints: {
    index: 'src/node/index.ts',
    worker: 'src/node/worker-entry.ts',
    cli: 'src/node/cli.ts',
  },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Dependencies are installed, not copied.
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
