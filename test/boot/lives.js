// Runs VMs in a process of its own: node lives.js FOLDER COUNT SIDE_BY_SIDE INTERRUPTED POWERED_OFF. Prints what is left
// behind, and ends by itself, unless something keeps the process alive.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createVm, hostFolder } from '../../dist/index.js';

const [folder, ...numbers] = process.argv.slice(2);
const [count, sideBySide, interrupted, poweredOff] = numbers.map(Number);

async function life() {
  const vm = createVm({ memory: 64, shares: [{ source: hostFolder(folder) }] });
  await vm.start();
  const { stdout, status } = await vm.exec('cat file').output();
  await vm.dispose();
  return `${Buffer.from(stdout)} ${status}`;
}

/** Ends as its guest wants it, after a command on the share. */
async function wholeLife() {
  const vm = createVm({ memory: 64, shares: [{ source: hostFolder(folder) }] });
  await vm.start();
  const { stdout, status } = await vm.exec('cat file; cp file copy; cmp file copy').output();
  const exit = await vm.powerOff();
  await vm.dispose();
  return { output: `${Buffer.from(stdout)} ${status}`, exit, after: await left() };
}

/** Is disposed of after `delay` milliseconds, wherever its boot is then. */
async function shortLife(delay) {
  const vm = createVm({ memory: 64 });
  const started = vm.start().then(
    () => 'started',
    ({ code }) => code,
  );
  await new Promise((resolve) => setTimeout(resolve, delay));
  await vm.dispose();
  return started;
}

async function left() {
  // Threads that have ended are collected a little later.
  await new Promise((resolve) => setTimeout(resolve, 200));
  globalThis.gc?.();
  return {
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    temporaryFiles: readdirSync(tmpdir()).length,
    resources: process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length,
    residentMebibytes: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

// What the first one leaves is the process's own: compiled code, a pool of threads.
const outputs = [await life()];
const before = await left();
for (let number = 1; number < count; number++) outputs.push(await life());
outputs.push(...(await Promise.all(Array.from({ length: sideBySide }, life))));
const ends = [];
for (let number = 0; number < interrupted; number++) ends.push(await shortLife(number * 60));
const wholeLives = [];
for (let number = 0; number < poweredOff; number++) wholeLives.push(await wholeLife());
const after = await left();
process.stdout.write(JSON.stringify({ outputs, ends, wholeLives, before, after }));
