// A WASI program and a guest on one folder, at the same time.
import { readFileSync } from 'node:fs';
import { createVm, memory } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';

const files = readFileSync(new URL('../wasi/files.wasm', import.meta.url));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('each sees what the other writes: a guest that sleeps, one that computes, and after it has gone', async () => {
  const vm = createVm({ shares: [{ source: memory() }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  const wasi = async (...args: readonly string[]): Promise<string> =>
    text((await vm.runWasi(files, { args }).output()).stdout);
  const guest = async (command: string): Promise<string> => text((await vm.exec(command).output()).stdout);

  await guest('mkdir lab && echo "by the guest" > "lab/a name"');
  expect(await wasi('cat', '/lab/a name', 'list', '/lab')).toBe('by the guest\n\n  a name f\n');
  expect(await wasi('patch', '/lab/a name', '3', 'THE', 'rename', '/lab', '/checked')).toContain('rename: ok');
  expect(await guest('cat checked/*')).toBe('by THE guest\n');

  const busy = vm.exec('while :; do :; done');
  await busy.started;
  expect(await wasi('write', '/result', 'while the guest was busy')).toBe('write: ok\n');
  busy.kill('SIGKILL');
  await busy.status;
  expect(await guest('cat result')).toBe('while the guest was busy');

  // The file that the guest has open grows under it.
  const reader = vm.exec('exec 3<result; read x; cat <&3', { stdinOpen: true });
  await reader.started;
  expect(await wasi('append', '/result', ', and more')).toBe('append: ok\n');
  await reader.write('\n');
  reader.end();
  expect(await reader.stdout.text()).toBe('while the guest was busy, and more');

  await vm.powerOff();
  expect(await wasi('cat', '/result')).toBe('while the guest was busy, and more\n');
});
