// The drives of a machine in a snapshot: not their bytes, but what tells whether they are still those that the guest has read. Its
// kernel keeps pieces of the file system in memory, and would write them over a disk that somebody has changed since.
import type { Identity } from '../disk/identity.ts';
import type { MachineDrive } from '../worker-machine.ts';
import type { Sections } from './container.ts';
import { checkShape } from './plain.ts';
import { SnapshotError } from './snapshot-error.ts';

/** Flushes them. Nothing may be under way. */
export async function saveDrives(drives: readonly MachineDrive[]): Promise<Identity[]> {
  const identities: Identity[] = [];
  for (const drive of drives) identities.push(await drive.identify());
  return identities;
}

/** Throws SnapshotError 'bad-file' where a drive is another, or not as it was. */
export async function checkDrives(file: Sections, drives: readonly MachineDrive[]): Promise<void> {
  const saved = file.plain('drives') as readonly Identity[];
  checkShape(saved, [{ size: 0, digest: 0, time: 0n }], 'section drives');
  if (saved.length !== drives.length) {
    throw new SnapshotError(
      'bad-file',
      `the snapshot's machine has ${saved.length} drives, this one ${drives.length}: give those that it was saved with`,
    );
  }
  for (const [index, drive] of drives.entries()) {
    const was = saved[index];
    const what = was === undefined ? undefined : difference(was, await drive.identify());
    if (what !== undefined) throw changed(drive.name, what);
  }
}

function difference(was: Identity, is: Identity): string | undefined {
  if (was.size !== is.size) return `it had ${was.size} bytes, and has ${is.size}`;
  if (was.digest !== is.digest) return 'it has other contents';
  // Of a large disk not every byte was compared.
  if (was.time !== is.time && was.time !== 0n && is.time !== 0n) return 'it was written to since';
  return undefined;
}

function changed(name: string, what: string): SnapshotError {
  return new SnapshotError(
    'bad-file',
    `drive ${name} is not as it was when the machine was saved (${what}), and the guest would damage it: give the disk as it ` +
      'was then, or boot without the snapshot',
  );
}
