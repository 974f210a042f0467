// Bundles the fuzzer for Node.js 20, which runs no TypeScript, and runs it: node test/fuzz/run.js [SECONDS [SEED]]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
// In the package, where the optional koffi is found.
const bundle = path('../../dist/test-results/fuzz.mjs');

await build({
  entryPoints: [path('main.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', bundle, path('corpus'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
