// Machines one after another and side by side in one process, and what they leave behind.
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder } from 'vm9';
import { expect, test } from 'vitest';
import { temporaryFolder } from './command-line.ts';

const mebibyte = 1024 * 1024;

/** Runs a VM from its start to its end, with a share and a command. */
async function life(folder: string): Promise<void> {
  const vm = createVm({ memory: 64, shares: [{ source: hostFolder(folder) }] });
  await vm.start();
  const { stdout, status } = await vm.exec('cat file').output();
  expect([Buffer.from(stdout).toString(), status]).toEqual(['content', 0]);
  await vm.dispose();
}

interface Left {
  readonly threads: number;
  readonly descriptors: number;
  readonly temporaryFiles: number;
  readonly handles: readonly string[];
}

function left(): Left {
  return {
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    temporaryFiles: readdirSync(tmpdir()).length,
    handles: process.getActiveResourcesInfo().sort(),
  };
}

test('20 one after another and 4 side by side leave nothing behind', { timeout: 180_000 }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'content');
  // What the first one leaves is the process's own: compiled code, pools.
  await life(folder);
  await life(folder);
  const before = left();
  const memoryBefore = process.memoryUsage().rss;
  for (let count = 0; count < 20; count++) await life(folder);
  await Promise.all(Array.from({ length: 4 }, () => life(folder)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const after = left();
  expect(after.handles).toEqual(before.handles);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.temporaryFiles).toBeLessThanOrEqual(before.temporaryFiles);
  // 24 machines of 64 MiB would be 1,536 MiB.
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(256 * mebibyte);
});

test('a machine that is disposed of while it boots leaves nothing behind', async () => {
  const before = left();
  for (const delay of [0, 1, 20, 200, 500]) {
    const vm = createVm({ memory: 64 });
    const started = vm.start();
    started.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, delay));
    await vm.dispose();
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const after = left();
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect(after.handles).toEqual(before.handles);
});

test('several commands at once in one machine', async () => {
  const vm = createVm();
  await vm.start();
  const outputs = await Promise.all(
    Array.from({ length: 8 }, (_, index) => vm.exec(`sleep 0.$((8 - ${index})); echo ${index}`).stdout.text()),
  );
  expect(outputs).toEqual(Array.from({ length: 8 }, (_, index) => `${index}\n`));
  await vm.dispose();
});
