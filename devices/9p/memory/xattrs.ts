// The extended attributes of one inode.
import type { Bytes } from '../../ports.ts';
import { xattrFlags } from '../backend.ts';
import { Errno } from '../errno.ts';
import { maximumXattrLength } from '../xattr.ts';
import { keyOf } from './folder.ts';
import type { Space } from './sparse-data.ts';

/** Bytes that an attribute takes besides its name and value: what the host's objects cost, about. */
const overhead = 200;

/** Under it Linux keeps the capabilities that a program runs with. */
const capabilities = new TextEncoder().encode('security.capability');

interface Xattr {
  readonly name: Bytes;
  readonly value: Bytes;
}

function spaceOf({ name, value }: Xattr): number {
  return overhead + name.length + value.length;
}

export class Xattrs {
  readonly #space: Space;
  readonly #byName = new Map<string, Xattr>();
  /** Bytes of the list of names, with a NUL behind each. */
  #listLength = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  get(name: Bytes): Bytes | undefined {
    return this.#byName.get(keyOf(name))?.value;
  }

  get entries(): readonly { readonly name: Bytes; readonly value: Bytes }[] {
    return [...this.#byName.values()];
  }

  get names(): readonly Bytes[] {
    return Array.from(this.#byName.values(), ({ name }) => name);
  }

  /** Takes over `value`. Throws EEXIST, ENODATA, ENOSPC. */
  set(name: Bytes, value: Bytes, flags: number): void {
    const key = keyOf(name);
    const present = this.#byName.get(key);
    if (present !== undefined && (flags & xattrFlags.create) !== 0) throw new Errno('EEXIST');
    if (present === undefined && (flags & xattrFlags.replace) !== 0) throw new Errno('ENODATA');
    const xattr = { name: present?.name ?? name.slice(), value };
    const growth = spaceOf(xattr) - (present === undefined ? 0 : spaceOf(present));
    const listGrowth = present === undefined ? name.length + 1 : 0;
    if (this.#space.used + growth > this.#space.capacity) throw new Errno('ENOSPC');
    // Beyond that nobody could list them.
    if (this.#listLength + listGrowth > maximumXattrLength) throw new Errno('ENOSPC');
    this.#space.used += growth;
    this.#listLength += listGrowth;
    this.#byName.set(key, xattr);
  }

  /** Throws ENODATA. */
  remove(name: Bytes): void {
    const key = keyOf(name);
    const present = this.#byName.get(key);
    if (present === undefined) throw new Errno('ENODATA');
    this.#byName.delete(key);
    this.#space.used -= spaceOf(present);
    this.#listLength -= name.length + 1;
  }

  /**
   * capabilities(7): whoever writes to a file, cuts it or gives it to another takes them away. The built-in kernel leaves that
   * to the server.
   */
  removeCapabilities(): void {
    if (this.get(capabilities) !== undefined) this.remove(capabilities);
  }

  clear(): void {
    for (const { name } of this.#byName.values()) this.remove(name);
  }
}
