// Machines one after another and side by side in one process, and what they leave behind.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createVm, type VmExit } from 'vm9';
import { expect, test } from 'vitest';
import { temporaryFolder } from './command-line.ts';

interface Left {
  readonly threads: number;
  readonly descriptors: number;
  readonly temporaryFiles: number;
  readonly resources: number;
  readonly residentMebibytes: number;
}

interface Lives {
  readonly outputs: readonly string[];
  readonly ends: readonly string[];
  readonly wholeLives: readonly { readonly output: string; readonly exit: VmExit; readonly after: Left }[];
  readonly before: Left;
  readonly after: Left;
}

/** Runs lives.js. That it resolves shows that nothing kept the process alive. */
async function lives(count: number, sideBySide: number, interrupted: number, poweredOff = 0): Promise<Lives> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'content');
  const script = fileURLToPath(new URL('lives.js', import.meta.url));
  const words = ['--expose-gc', script, folder, ...[count, sideBySide, interrupted, poweredOff].map(String)];
  // Temporary files are counted where no other program makes any.
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    env: { ...process.env, TMPDIR: temporaryFolder() },
  });
  return JSON.parse(stdout) as Lives;
}

function expectNothingLeft({ before, after }: Lives): void {
  const { residentMebibytes, ...rest } = after;
  expect(rest).toEqual({ ...before, residentMebibytes: undefined });
  // Machines have 64 MiB each; what grows is the heap, until it is collected.
  expect(residentMebibytes - before.residentMebibytes).toBeLessThan(160);
}

test('20 one after another and 4 side by side leave nothing behind', { timeout: 240_000 }, async () => {
  const result = await lives(20, 4, 0);
  expect(result.outputs).toEqual(Array.from({ length: 24 }, () => 'content 0'));
  expectNothingLeft(result);
});

const boots = process.env['VM9_SCALE'] === 'full' ? 100 : 10;

test(`${boots} boots and power-offs leave nothing behind`, { timeout: boots * 60_000 }, async () => {
  const result = await lives(1, 0, 0, boots);
  const ends = result.wholeLives.map(({ output, exit }) => ({ output, exit }));
  expect(ends).toEqual(Array.from({ length: boots }, () => ({ output: 'content 0', exit: { reason: 'power-off' } })));
  expectNothingLeft(result);
  // The heap has its size after some lives. The bound is the same for 100: half a MiB that each leaves would be seen.
  const resident = result.wholeLives.map(({ after }) => after.residentMebibytes);
  console.log(`MiB resident after each: ${resident.join(' ')}`);
  expect(resident.at(-1)! - resident[4]!).toBeLessThan(40);
});

test('machines that are disposed of while they boot leave nothing behind', async () => {
  const result = await lives(1, 0, 8);
  // The first before there was a machine, the last when it ran.
  expect([result.ends[0], result.ends[7]]).toEqual(['stopped', 'started']);
  expectNothingLeft(result);
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
