// `filestat`, and the times in it, as programs have them.
import type { FileAttributes } from '../../devices/9p/client-files.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { timeFlags, unknownFileType, wasiFileType, type Dialect, type ProgramMemory } from './abi.ts';

/** `filetype` of a st_mode. */
export function filetypeOf(mode: number): number {
  return wasiFileType[mode >> 12] ?? unknownFileType;
}

/** Writes a `filestat` into a program's memory. */
export function putFilestat(
  ram: ProgramMemory,
  address: number,
  { wideLinkCount }: Dialect,
  { qid, mode, nlink, size, atime, mtime, ctime }: FileAttributes,
): void {
  const view = ram.view(address, wideLinkCount ? 64 : 56);
  view.setBigUint64(0, 0n, true);
  view.setBigUint64(8, qid.path, true);
  view.setBigUint64(16, 0n, true);
  view.setUint8(16, filetypeOf(mode));
  if (wideLinkCount) view.setBigUint64(24, BigInt(nlink), true);
  else view.setUint32(20, nlink, true);
  const at = wideLinkCount ? 32 : 24;
  view.setBigUint64(at, BigInt(size), true);
  for (const [index, time] of [atime, mtime, ctime].entries()) {
    view.setBigUint64(at + 8 + index * 8, BigInt.asUintN(64, time), true);
  }
}

/** The times that `fstflags` asks to set. Throws EINVAL. */
export function timesOf(
  atime: bigint,
  mtime: bigint,
  flags: number,
): { atime?: bigint | 'now'; mtime?: bigint | 'now' } {
  const both = (set: number, present: number): boolean => (flags & set) !== 0 && (flags & present) !== 0;
  if (both(timeFlags.atime, timeFlags.atimeNow) || both(timeFlags.mtime, timeFlags.mtimeNow)) throw new Errno('EINVAL');
  return {
    ...((flags & timeFlags.atime) !== 0 && { atime }),
    ...((flags & timeFlags.atimeNow) !== 0 && { atime: 'now' as const }),
    ...((flags & timeFlags.mtime) !== 0 && { mtime }),
    ...((flags & timeFlags.mtimeNow) !== 0 && { mtime: 'now' as const }),
  };
}
