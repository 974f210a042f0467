// Extended attributes as 9P2000.L moves them: a fid of its own for each, that is read, or written and set by Tclunk.
// Limits and flags are Linux's (limits.h, xattr.h; setxattr(2)).
import type { Bytes } from '../ports.ts';
import { xattrFlags } from './backend.ts';
import type { Backend, Node } from './backend.ts';
import { wait } from './coroutine.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import { gather } from './scatter.ts';

/** XATTR_NAME_MAX. */
const maximumNameLength = 255;
/** XATTR_SIZE_MAX, and XATTR_LIST_MAX. */
export const maximumXattrLength = 65_536;

/** Refuses what is no name of an attribute. Throws ERANGE, EINVAL. */
export function checkXattrName(name: Bytes): void {
  if (name.length === 0 || name.length > maximumNameLength)
    throw new Errno('ERANGE', `an attribute's name of ${name.length} bytes`);
  if (name.includes(0)) throw new Errno('EINVAL', "a NUL in an attribute's name");
}

/** Names with a NUL behind each, as listxattr(2) has them. */
export function encodeXattrList(names: readonly Bytes[]): Bytes {
  const list = new Uint8Array(names.reduce((sum, { length }) => sum + length + 1, 0));
  let at = 0;
  for (const name of names) {
    list.set(name, at);
    at += name.length + 1;
  }
  return list;
}

/** A value, or the list of names, as it was when Txattrwalk asked: its length can not change between two reads. */
export class XattrReading {
  readonly bytes: Bytes;

  constructor(bytes: Bytes) {
    if (bytes.length > maximumXattrLength) throw new Errno('E2BIG');
    this.bytes = bytes;
  }

  /** What a read at `offset` gets, at most `length` bytes. */
  at(offset: number, length: number): Bytes {
    return this.bytes.subarray(offset, offset + length);
  }
}

export interface XattrSettingState {
  readonly name: Bytes;
  readonly flags: number;
  /** As long as it will be; the first `written` bytes have come. */
  readonly value: Bytes;
  readonly written: number;
}

/** A value that is on its way: Txattrcreate gave its length, Twrites bring it, Tclunk sets it. */
export class XattrSetting {
  /** One reference of it belongs to this. */
  readonly node: Node;
  readonly #name: Bytes;
  readonly #flags: number;
  readonly #value: Uint8Array<ArrayBuffer>;
  #written = 0;

  /** Throws E2BIG, EINVAL, ERANGE. */
  constructor(node: Node, name: Bytes, size: number, flags: number) {
    checkXattrName(name);
    if (size > maximumXattrLength) throw new Errno('E2BIG', `an attribute of ${size} bytes`);
    if ((flags & ~(xattrFlags.create | xattrFlags.replace)) !== 0)
      throw new Errno('EINVAL', `flags 0x${flags.toString(16)}`);
    this.node = node;
    this.#name = name;
    this.#flags = flags;
    this.#value = new Uint8Array(size);
  }

  /** For a snapshot. */
  get state(): XattrSettingState {
    return { name: this.#name, flags: this.#flags, value: this.#value.slice(), written: this.#written };
  }

  /** Goes on from `state`, with a reference of `node`. Throws as the constructor. */
  static restore(node: Node, { name, flags, value, written }: XattrSettingState): XattrSetting {
    const setting = new XattrSetting(node, name, value.length, flags);
    setting.#value.set(value);
    setting.#written = written;
    return setting;
  }

  /** Adds `count` bytes, which have to follow those that are there. */
  write(offset: number, from: readonly Bytes[], count: number): void {
    if (offset !== this.#written) throw new Errno('EINVAL', `${this.#written} bytes are there, not ${offset}`);
    if (offset + count > this.#value.length) throw new Errno('EFBIG', `the attribute has ${this.#value.length} bytes`);
    gather(from, 0, count, this.#value, offset);
    this.#written += count;
  }

  /** Sets the attribute, or removes it. Throws EINVAL where bytes are missing. */
  *commit(backend: Backend): Coroutine<void> {
    if (this.#written < this.#value.length)
      throw new Errno('EINVAL', `${this.#written} of ${this.#value.length} bytes were written`);
    if (!this.#removes()) yield* wait(backend.setxattr(this.node, this.#name, this.#value, this.#flags));
    else yield* wait(backend.removexattr(this.node, this.#name));
  }

  /**
   * Linux says removexattr(2) by setting nothing with XATTR_REPLACE; an empty value can be set in every other way. The
   * price: to replace a value by an empty one with XATTR_REPLACE removes it.
   */
  #removes(): boolean {
    return this.#value.length === 0 && this.#flags === xattrFlags.replace;
  }
}
