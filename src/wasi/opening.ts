// How files are opened for a WASI program: Linux's open flags out of WASI's words, and the fids that come of it.
import { openFlags } from '../../devices/9p/backend.ts';
import type { Files } from '../../devices/9p/client-files.ts';
import { reach, type Path } from '../../devices/9p/client-walk.ts';
import type { Coroutine } from '../../devices/9p/coroutine.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { fdFlags, folderFileType, openWords, rights } from './abi.ts';
import type { Descriptor } from './descriptors.ts';
import { filetypeOf } from './filestat.ts';

/** Flags that act once, when a file is opened. */
export const onceFlags = openFlags.create | openFlags.exclusive | openFlags.truncate;
const writingRights = rights.write | rights.datasync | rights.allocate | rights.setSize;

/** Linux's open flags from `oflags` and `rights`. */
export function flagsOf(oflags: number, base: bigint, follows: boolean): number {
  const reads = (base & (rights.read | rights.readdir)) !== 0n;
  const writes = (base & writingRights) !== 0n && (oflags & openWords.directory) === 0;
  return (
    (writes ? (reads ? openFlags.readWrite : openFlags.writeOnly) : openFlags.readOnly) |
    ((oflags & openWords.create) === 0 ? 0 : openFlags.create) |
    ((oflags & openWords.exclusive) === 0 ? 0 : openFlags.exclusive) |
    ((oflags & openWords.truncate) === 0 ? 0 : openFlags.truncate) |
    (follows ? 0 : openFlags.nofollow)
  );
}

/** Linux's open flags with those that `fdflags` has, instead of any that it had before. */
export function withFdFlags(flags: number, fdflags: number): number {
  const kept = flags & ~(openFlags.append | openFlags.dsync | openFlags.sync);
  return (
    kept |
    ((fdflags & fdFlags.append) === 0 ? 0 : openFlags.append) |
    ((fdflags & fdFlags.dsync) === 0 ? 0 : openFlags.dsync) |
    ((fdflags & (fdFlags.sync | fdFlags.rsync)) === 0 ? 0 : openFlags.sync)
  );
}

/** A fid of what the path leads to, and one of the same that is open; of a folder only the first. */
export function* openPath(
  files: Files,
  path: Path,
  flags: number,
  isFolderWanted: boolean,
): Coroutine<Pick<Descriptor, 'fid' | 'opened' | 'isFolder'>> {
  const creates = (flags & openFlags.create) !== 0;
  if (isFolderWanted && creates) throw new Errno('EINVAL');
  if (creates) {
    const opened = yield* files.open(path, flags, 0o666);
    try {
      return { opened, isFolder: false, fid: yield* files.client.child(opened) };
    } catch (error) {
      files.client.drop(opened);
      throw error;
    }
  }
  const { fid } = yield* reach(files.client, path, (flags & openFlags.nofollow) === 0);
  try {
    const { mode } = yield* files.attributes(fid);
    const isFolder = filetypeOf(mode) === folderFileType;
    if (isFolderWanted && !isFolder) throw new Errno('ENOTDIR');
    if (isFolder && (flags & openFlags.truncate) !== 0) throw new Errno('EISDIR');
    return { fid, isFolder, opened: isFolder ? undefined : yield* openAgain(files, fid, flags) };
  } catch (error) {
    files.client.drop(fid);
    throw error;
  }
}

/** A fid of what a fid stands for, open. */
export function* openAgain(files: Files, fid: number, flags: number): Coroutine<number> {
  const opened = yield* files.client.child(fid);
  try {
    yield* files.client.call('Tlopen', { fid: opened, flags });
    return opened;
  } catch (error) {
    files.client.drop(opened);
    throw error;
  }
}
