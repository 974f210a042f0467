// The names of a folder in the order in which the host lists them, as bytes: most are told to the guest and never used here.
import type { Bytes } from '../../../devices/ports.ts';
import { nameToBytes } from './host.ts';
import type { HostName } from './host.ts';

/** What is known of the file of a name without a look at it. */
interface Listed {
  readonly ino: bigint;
  /** `fileType` bits. */
  readonly type: number;
}

/** Without "." and "..". */
export interface NameList {
  readonly length: number;
  /** Nobody changes it. */
  name(index: number): Bytes;
  /** As it was when the folder was read; undefined where the list has names alone. */
  listed(index: number): Listed | undefined;
}

export class PlainNames implements NameList {
  readonly #names: readonly HostName[];

  constructor(names: readonly HostName[]) {
    this.#names = names;
  }

  get length(): number {
    return this.#names.length;
  }

  name(index: number): Bytes {
    return nameToBytes(this.#names[index] as HostName);
  }

  listed(): undefined {
    return undefined;
  }
}

/** Bytes of a piece that are told apart in a place. */
const largestPiece = 1 << 16;
const dot = 0x2e;
/** struct linux_dirent64: ino[8] off[8] reclen[2] type[1], the name with its NUL. */
const [lengthAt, typeAt, nameAt] = [16, 18, 19];

/** What getdents64(2) returns, as it is: 32 bytes for each name, and the name's own. */
export class DirectoryEntries implements NameList {
  readonly #pieces: { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView }[] = [];
  /** Of each entry: which piece it is in, and where. */
  readonly #places: number[] = [];

  get length(): number {
    return this.#places.length;
  }

  /** Adds a copy of what one call has returned: at most 65,536 bytes. */
  add(entries: Bytes): void {
    const bytes = new Uint8Array(entries);
    const view = new DataView(bytes.buffer);
    const piece = this.#pieces.push({ bytes, view }) - 1;
    for (let at = 0; at < bytes.length; at += view.getUint16(at + lengthAt, true)) {
      const start = at + nameAt;
      const isDots =
        bytes[start] === dot && (bytes[start + 1] === 0 || (bytes[start + 1] === dot && bytes[start + 2] === 0));
      if (!isDots) this.#places.push(piece * largestPiece + at);
    }
  }

  name(index: number): Bytes {
    const { bytes, at } = this.#find(index);
    const start = at + nameAt;
    let end = start;
    // Names are short: indexOf takes longer to be called than this for most.
    while (end < bytes.length && bytes[end] !== 0) end++;
    return new Uint8Array(bytes.buffer, start, end - start);
  }

  listed(index: number): Listed | undefined {
    const { view, at } = this.#find(index);
    // Linux's DT_ numbers are the type bits of the mode; 0 (DT_UNKNOWN) is for file systems that do not know.
    const type = view.getUint8(at + typeAt) << 12;
    return type === 0 ? undefined : { ino: view.getBigUint64(at, true), type };
  }

  #find(index: number): { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView; readonly at: number } {
    const place = this.#places[index];
    const piece = place === undefined ? undefined : this.#pieces[Math.floor(place / largestPiece)];
    if (place === undefined || piece === undefined)
      throw new Error(`a list of ${this.length} names has none at ${index}`);
    return { bytes: piece.bytes, view: piece.view, at: place % largestPiece };
  }
}
