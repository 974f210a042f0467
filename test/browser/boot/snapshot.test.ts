// A machine in a page is saved, and goes on: with files open in each kind of store, with memory that is shared with the page
// and without.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, describeSnapshot, indexedDb, memory, opfs, type BrowserVmOptions, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

async function start(options: BrowserVmOptions): Promise<{ vm: Vm; lines: string[] }> {
  const vm = createVm({ image, ...options });
  onTestFinished(() => vm.dispose());
  const lines: string[] = [];
  vm.on('log', ({ line }) => lines.push(line));
  await vm.start();
  await vm.ready;
  return { vm, lines };
}

/** Reads a line of each share whenever it is told to, from files that stay open. */
const work = [
  'for share in opfs indexeddb memory; do printf "%s\\n" "$share 1" "$share 2" "$share 3" > /mnt/$share/file; done',
  'exec 3< /mnt/opfs/file 4< /mnt/indexeddb/file 5< /mnt/memory/file',
  'while read go; do for fd in 3 4 5; do read line <&$fd || line=lost; echo "$line"; done; done; exit 7',
].join('\n');

/** Resolves with the next lines of a command, as many as it has told. */
async function linesOf(output: AsyncIterator<Uint8Array>, count: number): Promise<string[]> {
  let text = '';
  while (text.split('\n').length <= count) {
    const { value, done } = await output.next();
    if (done === true) break;
    text += new TextDecoder().decode(value);
  }
  return text.trimEnd().split('\n');
}

test('a command goes on with its open files, in a machine that shares its memory with the page and in one that does not', async () => {
  const name = crypto.randomUUID();
  const shares = [
    { source: opfs({ name }), tag: 'opfs' },
    { source: indexedDb({ name }), tag: 'indexeddb' },
    { source: memory(), tag: 'memory' },
  ];
  const first = await start({ memory: 64, shares });
  const reading = first.vm.exec(work, { stdinOpen: true });
  reading.exit.catch(() => undefined);
  await reading.started;
  await reading.write('\n');
  expect(await linesOf(reading.stdout[Symbol.asyncIterator](), 3)).toEqual(['opfs 1', 'indexeddb 1', 'memory 1']);
  let snapshot = await first.vm.save({ stop: true });
  expect(snapshot.length).toBeLessThan(8e6);
  expect(await describeSnapshot(snapshot)).toMatchObject({
    memory: 64,
    transport: 'mmio',
    shares: [
      { tag: 'opfs', mount: '/mnt/opfs' },
      { tag: 'indexeddb', mount: '/mnt/indexeddb' },
      { tag: 'memory', mount: '/mnt/memory' },
    ],
    drives: [],
  });
  await first.vm.dispose();

  const randoms = new Set<string>();
  for (const [sharedMemory, number] of [
    [false, 2],
    [true, 3],
  ] as const) {
    const { vm, lines } = await start({ resume: snapshot, shares, sharedMemory });
    // What was in memory went with the first machine.
    if (number === 2)
      expect(lines).toEqual([expect.stringMatching(/^share "memory": \d of the guest's files are not/)]);
    const [command, ...others] = await vm.resumedCommands;
    expect(others).toEqual([]);
    await command!.write('\n');
    const read = await linesOf(command!.stdout[Symbol.asyncIterator](), 3);
    expect(read).toEqual([`opfs ${number}`, `indexeddb ${number}`, 'lost']);
    const asked = await vm.exec('date +%s; od -An -tx8 -N8 /dev/urandom').stdout.text();
    const [seconds, random = ''] = asked.trim().split('\n');
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(30);
    randoms.add(random);
    snapshot = await vm.save();
    command!.end();
    // It goes on after a snapshot that is not its end.
    expect(await command!.exit).toEqual({ code: 7 });
    await vm.dispose();
  }
  expect(randoms.size).toBe(2);
});

test('what is no snapshot, is cut short, damaged, or needs what is not there says so', async () => {
  const { vm } = await start({ memory: 64, shares: [{ source: memory() }] });
  const snapshot = await vm.save({ stop: true });
  const refused = (resume: Uint8Array, options: BrowserVmOptions = {}) =>
    expect(start({ resume, shares: [{ source: memory() }], ...options })).rejects;
  await refused(new TextEncoder().encode('no snapshot')).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/is no snapshot/),
  });
  await refused(snapshot.subarray(0, 100_000)).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/is cut short, 100000 of/),
  });
  const damaged = snapshot.slice();
  damaged[damaged.length >> 1]! ^= 1;
  await refused(damaged).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/is damaged \(section ram\)/),
  });
  await refused(snapshot, { shares: [] }).toMatchObject({
    code: 'bad-option',
    message: expect.stringMatching(/it has the share "host"/),
  });
  await expect(describeSnapshot(damaged.subarray(1))).rejects.toMatchObject({ code: 'bad-file' });
});
