// What a name in a message may be: one component, never a path. The backend relies on it.
import type { Bytes } from '../ports.ts';
import { Errno } from './errno.ts';
import type { ErrnoName } from './errno.ts';

/** Linux's NAME_MAX, in bytes. */
const maximumNameLength = 255;
/** Linux's PATH_MAX less its NUL: what a symbolic link can hold. */
const maximumTargetLength = 4095;

const dot = 0x2e;
const slash = 0x2f;

export function isDot(name: Bytes): boolean {
  return name.length === 1 && name[0] === dot;
}

export function isDotDot(name: Bytes): boolean {
  return name.length === 2 && name[0] === dot && name[1] === dot;
}

/** Refuses what can not be the name of anything: empty or with "/" or NUL (ENOENT), too long (ENAMETOOLONG). */
export function checkName(name: Bytes): void {
  if (name.length === 0) throw new Errno('ENOENT', 'an empty name');
  if (name.length > maximumNameLength) throw new Errno('ENAMETOOLONG', `a name of ${name.length} bytes`);
  for (let i = 0; i < name.length; i++) {
    const byte = name[i];
    if (byte === slash || byte === 0) throw new Errno('ENOENT', 'a "/" or NUL in a name');
  }
}

/** Refuses also "." and "..", with the errors of each operation. */
function checkEntryName(name: Bytes, ifDot: ErrnoName, ifDotDot: ErrnoName): void {
  checkName(name);
  if (isDot(name)) throw new Errno(ifDot);
  if (isDotDot(name)) throw new Errno(ifDotDot);
}

export function checkNewName(name: Bytes): void {
  checkEntryName(name, 'EEXIST', 'EEXIST');
}

export function checkRenamedName(name: Bytes): void {
  checkEntryName(name, 'EISDIR', 'EISDIR');
}

export function checkRemovedName(name: Bytes): void {
  checkEntryName(name, 'EINVAL', 'ENOTEMPTY');
}

export function checkLinkTarget(target: Bytes): void {
  if (target.length === 0) throw new Errno('ENOENT', 'an empty link');
  if (target.length > maximumTargetLength) throw new Errno('ENAMETOOLONG', `a link of ${target.length} bytes`);
  if (target.includes(0)) throw new Errno('EINVAL', 'a NUL in a link');
}
