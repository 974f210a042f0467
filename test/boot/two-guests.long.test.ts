// Two guests on one folder: the share of one VM is the source of the other's.
import { createVm, memory, type MachineEvent, type ShareChange, type Vm } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { asker, holder, LockProgram, ready, wouldBlock } from './lock-programs.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function output(vm: Vm, command: string): Promise<string> {
  const { stdout, stderr, status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`${command}: status ${status}: ${text(stderr)}`);
  return text(stdout);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause();
}

/** A lock of one guest's process is in the way of another process there, and of one in the other guest, which get it when it exits. */
async function expectLocks(owner: Vm, other: Vm): Promise<void> {
  await output(owner, 'touch ranged whole');
  for (const [name, { file }] of Object.entries({ holder, asker }))
    await owner.fs().writeFile(`/${name}`, file, { mode: 0o755 });
  const answered: { readonly block: boolean; readonly status: unknown }[] = [];
  let events = 0;
  other.on('trace', (event) => {
    if (event.type !== '9p') return;
    events++;
    const { request, reply, type } = event.event;
    if (type === 'Tlock') answered.push({ block: request?.['flags'] === 1, status: reply?.['status'] });
  });
  const before = (await other.statistics()).p9.requests;
  other.setTrace(['9p']);

  /** One request of the other guest is under way: it is the lock that somebody waits for. */
  const waits = async (): Promise<void> => {
    while ((await other.statistics()).p9.requests - before !== events + 1) await pause();
  };

  const held = await LockProgram.start(owner, 'holder');
  const killed = await LockProgram.start(other, 'asker');
  await waits();
  await killed.kill();
  const asking = [await LockProgram.start(owner, 'asker'), await LockProgram.start(other, 'asker')];
  await waits();
  const refused = { block: false, status: 1 };
  expect(answered).toEqual([refused, refused, { block: true, status: undefined }, refused, refused]);
  await held.end();
  for (const program of asking) {
    expect(await program.results()).toEqual({
      returned: [3, 4, wouldBlock, wouldBlock, 0, ready.length, 0, 0],
      held: [20n, 10n],
    });
  }
  other.setTrace([]);
}

test('both see what either writes; when the owner goes, the other gets EIO and does not hang', async () => {
  const owner = createVm({ shares: [{ source: memory() }] });
  onTestFinished(() => owner.dispose());
  const other = createVm({
    shares: [{ source: owner.shareSource() }, { source: owner.shareSource(), tag: 'ro', readOnly: true }],
  });
  onTestFinished(() => other.dispose());
  expect(other.shares.map(({ tag }) => tag)).toEqual(['host', 'ro']);
  const changes: ShareChange[] = [];
  other.fs().watch((change) => changes.push(change));
  const events: MachineEvent[] = [];
  other.on('trace', (event) => events.push(event));
  await Promise.all([owner.start(), other.start()]);

  await output(owner, 'echo "by the owner" > file && ln -s file link && dd if=/dev/urandom of=big bs=1M count=3 2>&1');
  expect(await output(other, 'cat link')).toBe('by the owner\n');
  const sums = await Promise.all([output(owner, 'sha256sum big'), output(other, 'sha256sum big')]);
  expect(sums[0]).toBe(sums[1]);
  other.setTrace(['9p']);
  await output(other, 'mkdir folder && seq 20000 > folder/numbers && mv folder/numbers numbers');
  other.setTrace([]);
  expect(await output(owner, 'tail -n 1 numbers; ls')).toBe('20000\nbig\nfile\nfolder\nlink\nnumbers\n');
  await until(() => changes.some(({ type, path }) => type === 'renamed' && path === '/numbers'));
  expect(text(await other.fs().readFile('/file'))).toBe('by the owner\n');
  const renames = events.map((event) => (event.type === '9p' ? event.event : undefined));
  expect(renames.filter((event) => event?.type === 'Trenameat' && event.error === undefined)).toHaveLength(1);
  const { p9 } = await other.statistics();
  expect(p9.bytesIn).toBeGreaterThan(100_000);

  expect((await other.exec('cat /mnt/ro/file && echo x > /mnt/ro/new').output()).status).not.toBe(0);
  await expect(other.fs('ro').writeFile('/new', '')).rejects.toMatchObject({ errno: 'EROFS' });

  await expectLocks(owner, other);

  // The owner's machine may stop: the share stays for the other.
  await owner.stop();
  expect(await output(other, 'cat file')).toBe('by the owner\n');
  await other.reset();
  await other.ready;
  expect(await output(other, 'cat file')).toBe('by the owner\n');

  // Under way when the owner goes: a hundred readers.
  const readers = other.exec(
    'i=0; while [ $i -lt 100 ]; do while cat big > /dev/null; do :; done 2>&1 & i=$((i + 1)); done; wait',
  );
  await readers.started;
  await owner.dispose();
  expect(await readers.stdout.text()).toContain('Input/output error');
  expect((await other.exec('ls /mnt/host', { cwd: '/' }).output()).status).not.toBe(0);
  await expect(other.fs().readFile('/file')).rejects.toMatchObject({ code: 'stopped' });
  await other.stop();
  await expect(other.start()).rejects.toMatchObject({
    code: 'bad-file',
    message: 'share "host" of another VM: the VM was disposed of: create another',
  });
});
