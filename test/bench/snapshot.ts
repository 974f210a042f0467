// A saved moment: how large it is, how long the guest stands still for it, and how soon another machine goes on from it. The
// built-in guest with 128 MiB of RAM and a share, as it has booted and after work that fills its page cache.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder, type Vm } from 'vm9';
import { mountPoint } from './guests.ts';
import { Measurements } from './measurements.ts';
import { figures, print, progress, table } from './report.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);
const memory = 128;

/** What the guest has done before it is saved. */
const pasts: Readonly<Record<string, string>> = {
  'as it has booted': 'true',
  'after reading and writing 16 MB of files': `cat ${mountPoint}/content > /tmp/content; ls -lR /bin > /tmp/list; md5sum /tmp/* > /dev/null`,
};

const quantities: Readonly<Record<string, string>> = {
  size: 'size, MB',
  save: 'vm.save(), ms',
  start: 'to the running machine, ms',
  ready: 'to the ready guest, ms',
  command: 'to the output of a command, ms',
};

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-snapshot-'));
const measured = new Measurements();

function machine(resume?: Uint8Array<ArrayBuffer>): Vm {
  const shares = [{ source: hostFolder(folder) }];
  return createVm({ shares, ...(resume === undefined ? { memory } : { resume }) });
}

async function run(vm: Vm, command: string): Promise<void> {
  const { status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`the guest ended "${command}" with status ${status}`);
}

async function timed<Result>(past: string, quantity: string, work: () => Promise<Result>): Promise<Result> {
  const start = performance.now();
  const result = await work();
  measured.add(past, quantity, performance.now() - start);
  return result;
}

async function measure(past: string, command: string): Promise<void> {
  const first = machine();
  let snapshot: Uint8Array<ArrayBuffer>;
  try {
    await first.start();
    await run(first, command);
    snapshot = await timed(past, 'save', () => first.save({ stop: true }));
  } finally {
    await first.dispose();
  }
  measured.add(past, 'size', snapshot.length / 1e6);
  const second = machine(snapshot);
  try {
    await timed(past, 'command', async () => {
      await timed(past, 'ready', async () => {
        await timed(past, 'start', () => second.start());
        await second.ready;
      });
      await run(second, `test -e ${mountPoint}/content`);
    });
  } finally {
    await second.dispose();
  }
}

try {
  // Half of it compresses.
  const content = Buffer.alloc(16 << 20, 'content ');
  for (let at = 0; at < content.length; at += 8) content.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at);
  writeFileSync(join(folder, 'content'), content);
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`snapshot, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) measured.clear();
    for (const [past, command] of Object.entries(pasts)) await measure(past, command);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

print(
  `Median (least to greatest) of ${repetitions}; ${memory} MiB of RAM. The times after it begin with \`vm.start()\` of a VM ` +
    'with `resume`, in a process that runs already.\n\n',
);
print(
  table(
    ['a guest', ...Object.values(quantities)],
    Object.keys(pasts).map((past) => [
      past,
      ...Object.keys(quantities).map((quantity) => figures(measured.of(past, quantity))),
    ]),
  ),
);
