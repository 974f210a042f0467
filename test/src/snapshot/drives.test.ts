// A machine with drives goes on only over the disks that its guest has seen.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { openDrive } from '../../../src/disk/open-drive.ts';
import { openHostFile } from '../../../src/node/host-disk/open.ts';
import { hostFile } from '../../../src/node/host-disk/source.ts';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { checkDrives, saveDrives } from '../../../src/snapshot/drives.ts';
import { encodePlain } from '../../../src/snapshot/plain.ts';
import { planDrives, type DriveOptions } from '../../../src/vm-drives.ts';
import type { MachineDrive, MachineShare } from '../../../src/worker-machine.ts';
import { runCounted } from '../../cpu/counted-machine.ts';
import { assemble } from '../../cpu/riscv/assembler.ts';
import { makeImage } from '../kernel-files.ts';

const openHost: Parameters<typeof openDrive>[1] = (source, how) => openHostFile(source, how);

async function opened(options: DriveOptions): Promise<MachineDrive> {
  const drive = await openDrive(planDrives([options], 0)[0]!, openHost);
  onTestFinished(async () => drive.close());
  return drive;
}

const disk = (length: number, fill: number): Promise<MachineDrive> =>
  opened({ source: new Uint8Array(length).fill(fill), serial: 'disk' });

async function snapshotOf(drives: readonly MachineDrive[]): Promise<SnapshotFile> {
  const bytes = encodePlain((await saveDrives(drives)).map((identity) => ({ ...identity })));
  return new SnapshotFile(writeSnapshot('x', [{ name: 'drives', bytes }]));
}

/** Counts for some slices, then switches off. */
const program = `
    li t0, 200000
  again:
    addi t0, t0, -1
    bnez t0, again
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stop`;
const kernel = makeImage({ length: 0x1000 });
kernel.set(assemble(program, 0n).bytes, 64);
new DataView(kernel.buffer).setUint32(0, 0x0400_006f, true);
const run = { kernel, memoryBytes: 16 << 20 };

test('a machine with a drive in memory is saved, and goes on with that drive and no other', async () => {
  const { snapshot } = await runCounted({ ...run, drives: [await disk(4096, 1)], saveAt: 0 });
  const goOn = async (...drives: MachineDrive[]): Promise<string> =>
    (await runCounted({ ...run, resume: snapshot!, drives, patience: 10_000 })).reason;
  expect(await goOn(await disk(4096, 1))).toBe('power-off');
  await expect(goOn(await disk(8192, 1))).rejects.toThrow('it had 4096 bytes, and has 8192');
  await expect(goOn(await disk(4096, 2))).rejects.toThrow('it has other contents');
  await expect(goOn()).rejects.toThrow(
    "the snapshot's machine has 1 drives, this one 0: give those that it was saved with",
  );
});

test('shares that come with each resumption lie behind the drives, which stay where they are', async () => {
  const share = (tag: string): MachineShare => ({
    tag,
    readOnly: false,
    maximumMessageSize: 8192,
    files: new MemoryBackend({ now: () => 0n }),
  });
  const drives = [await disk(4096, 1)];
  const life = (resume: Uint8Array | undefined, saveAt: number | undefined, ...tags: readonly string[]) =>
    runCounted({
      ...run,
      drives,
      shares: tags.map(share),
      ...(resume !== undefined && { resume }),
      ...(saveAt !== undefined && { saveAt }),
    });
  const first = await life(undefined, 0, 'a');
  const second = await life(first.snapshot, 100_000, 'a', 'b');
  const third = await life(second.snapshot, 200_000, 'a', 'b', 'c');
  expect((await life(third.snapshot, undefined, 'a', 'b', 'c')).reason).toBe('power-off');
  await expect(life(third.snapshot, undefined, 'a', 'c', 'b')).rejects.toThrow(/has .* in slot 4, where this one has/);
});

test('a file of the host that was written to since is not the same disk, though its size is; nor is its overlay', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-drives-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'disk.img');
  // So large that not all of it is read to know it again.
  writeFileSync(file, Buffer.alloc(17 * 2 ** 20, 'sector'));
  utimesSync(file, 1000, 1000);
  const image = await opened({ source: hostFile(file) });
  const saved = await snapshotOf([image]);
  await checkDrives(saved, [image]);
  utimesSync(file, 1001, 1001);
  await expect(checkDrives(saved, [image])).rejects.toThrow(
    `drive ${file} is not as it was when the machine was saved`,
  );
  await expect(checkDrives(saved, [image])).rejects.toThrow('it was written to since');
  utimesSync(file, 1000, 1000);
  await checkDrives(saved, [image]);

  const base = join(folder, 'base.img');
  writeFileSync(base, Buffer.alloc(2 ** 20, 'sector'));
  const overlay = join(folder, 'overlay');
  const over = { source: hostFile(base), overlay: hostFile(overlay) };
  const first = await openDrive(planDrives([over], 0)[0]!, openHost);
  const begun = await snapshotOf([first]);
  await first.close();
  const second = await opened(over);
  await checkDrives(begun, [second]);
  utimesSync(overlay, 5, 5);
  await expect(checkDrives(begun, [second])).rejects.toThrow('it was written to since');
});

test('a record of drives that is none is damage', async () => {
  const file = new SnapshotFile(writeSnapshot('x', [{ name: 'drives', bytes: encodePlain([{ size: 1 }]) }]));
  await expect(checkDrives(file, [])).rejects.toThrow('the snapshot is damaged (section drives');
});
