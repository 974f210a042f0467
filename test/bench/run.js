// Bundles the bench for Node.js 20, which runs no TypeScript, and runs it: node test/bench/run.js [PART…]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const product = new URL('../../dist/index.js', import.meta.url);

/** Every module keeps its own address, by which it finds files beside it. */
const ownAddresses = {
  name: 'own addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
    }));
  },
};

/** Packages that find their own parts beside them. */
const packages = {
  name: 'packages',
  setup({ onResolve }) {
    onResolve({ filter: /^(esbuild|playwright|sirv)$/ }, ({ path }) => ({
      path: import.meta.resolve(path),
      external: true,
    }));
  },
};

/** The product is measured as it is built: its worker is a file beside it. */
const builtProduct = {
  name: 'built product',
  setup({ onResolve }) {
    onResolve({ filter: /^vm9$/ }, () => ({ path: product.href, external: true }));
  },
};

if (!existsSync(product)) {
  process.stderr.write('bench: vm9 is not built yet: run make build\n');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-'));
try {
  await build({
    entryPoints: readdirSync(here)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(here, name)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: [ownAddresses, builtProduct, packages],
  });
  const main = join(folder, 'main.mjs');
  // As make has it: nothing outside this folder.
  const cache = fileURLToPath(new URL('../../dist/cache', import.meta.url));
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { VM9_CACHE: cache, ...process.env },
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
