// A snapshot on the host's disk. The old file stays until the new one is whole.
import { accessSync, constants, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VmError, asVmError } from '../errors.ts';
import { SnapshotFile } from '../snapshot/container.ts';
import type { Vm } from '../vm.ts';

/** Throws VmError 'bad-file' where the file could not be written when the time has come. */
export function checkSavePath(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw notWritable(path, cause);
  }
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isFile()) return;
  // The new file would take the place of a device, for everybody.
  throw new VmError('bad-file', `--save ${path}: it is a ${there.isDirectory() ? 'folder' : 'device'}, not a file`);
}

/** Throws VmError 'bad-file' with the file's name for what is no snapshot, is cut short or of another format. */
export function checkSnapshot(path: string, bytes: Uint8Array): void {
  try {
    void new SnapshotFile(bytes);
  } catch (cause) {
    throw asVmError(cause, `--resume ${path}`);
  }
}

/** The error with the file's name, where it tells of the snapshot in it: what shows when its machine is made. */
export function nameSnapshot(error: unknown, path: string): unknown {
  const tells = error instanceof VmError && error.message.startsWith('the snapshot');
  return tells ? new VmError(error.code, `--resume ${path}: ${error.message}`, { cause: error }) : error;
}

/** Files that are being written: the machine has ended before they are. */
const underWay = new Set<Promise<void>>();
/** A machine has ended, and its file could not be written. */
let isLost = false;

/** Resolves when no file is being written any more: whether each machine that has ended for that is in one. */
export async function savesFinished(): Promise<boolean> {
  await Promise.allSettled(underWay);
  return !isLost;
}

/** Saves the machine, which ends with that. Throws VmError; where no snapshot could be taken the machine runs on. */
export async function saveInto(vm: Vm, path: string): Promise<void> {
  const saving = save(vm, path);
  underWay.add(saving);
  await saving.finally(() => underWay.delete(saving));
}

async function save(vm: Vm, path: string): Promise<void> {
  const bytes = await vm.save({ stop: true });
  const unfinished = join(dirname(path), `.${basename(path)}.${process.pid}.unfinished`);
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (cause) {
    isLost = true;
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw notWritable(path, cause);
  }
}

function notWritable(path: string, cause: unknown): VmError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VmError('bad-file', `--save ${path}: it cannot be written: ${reason}`, { cause });
}
