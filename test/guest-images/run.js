// Runs a TypeScript script of this folder in Node.js 20, which cannot: node run.js SCRIPT [ARGUMENTS]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const [script = 'agent-in-qemu.ts', ...rest] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'vm9-run-'));
const source = new URL(script, import.meta.url).pathname;
const outfile = join(folder, basename(script).replace(/\.ts$/, '.mjs'));
try {
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    // The scripts find the repository by their own address.
    define: { 'import.meta.url': JSON.stringify(new URL(script, import.meta.url).href) },
  });
  process.exitCode = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...rest], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
