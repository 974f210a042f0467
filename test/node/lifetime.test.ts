// Who keeps a process alive: what somebody waits for does, a view of files or a watch by itself does not.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

async function run(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-lifetime-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'script.mjs');
  const entry = pathToFileURL(createRequire(import.meta.url).resolve('vm9'));
  const start = `import { createVm, memory } from '${entry}'; const vm = createVm({ shares: [{ source: memory() }] });`;
  writeFileSync(file, `${start}\n${script}`);
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: import.meta.dirname, timeout: 15_000 });
  return stdout;
}

test('a process with an open view and a watch ends by itself, and not before its requests', async () => {
  const script = `
    vm.fs().watch(() => undefined);
    for (let turn = 0; turn < 50; turn++) {
      await vm.fs().writeFile('/a', String(turn));
      console.log(Buffer.from(await vm.fs().readFile('/a')).toString());
    }
    await vm.fs().close();
    const handle = await vm.fs().open('/a');
    console.log((await handle.stat()).size);`;
  const lines = [...Array.from({ length: 50 }, (_, turn) => `${turn}\n`), '2\n'];
  expect(await run(script)).toBe(lines.join(''));
});

test('a process that waits for WASI programs ends with the last of them', async () => {
  const script = `
    const program = (await import('node:fs')).readFileSync('../wasi/files.wasm');
    for (let turn = 0; turn < 3; turn++) {
      console.log(await vm.runWasi(program, { args: ['write', '/a', 'x', 'exit', String(turn)] }).exit);
    }`;
  expect(await run(script)).toBe('0\n1\n2\n');
});
