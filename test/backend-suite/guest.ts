// The hands of the conformance suite: a backend used by paths and text, with everything given back at the end.
import { expect } from 'vitest';
import { fileType, openFlags } from '../../devices/9p/backend.ts';
import type { AttributeChanges, Attributes, Awaitable, Backend, Node, OpenFile } from '../../devices/9p/backend.ts';
import { Errno } from '../../devices/9p/errno.ts';
import type { ErrnoName } from '../../devices/9p/errno.ts';
import type { Bytes } from '../../devices/ports.ts';

/** What a backend can do beyond the least, and how exactly. Where it can not, the suite tests the refusal. */
export interface Capabilities {
  /** Nanoseconds by which a time may come back earlier or later than it was set. 0: exact. */
  readonly timeTolerance: bigint;
  /** Files can be given to other users; else EPERM. */
  readonly chown: boolean;
  /** FIFOs, sockets and device files can be made; else EPERM. */
  readonly specials: boolean;
  /** Files can have SUID and SGID; else EPERM. */
  readonly setIds: boolean;
  /** `rename` can exchange two names; else EINVAL. */
  readonly exchange: boolean;
  /** Attributes can be changed through a node whose name is gone and that is not open; else ESTALE or EBADF. */
  readonly changesOrphans: boolean;
  /** Files and folders have extended attributes; else EOPNOTSUPP. */
  readonly xattrs: boolean;
}

/** A backend for one test. */
export interface Harness {
  readonly backend: Backend;
  /** References and open files that the backend counts. */
  readonly handles: () => Awaitable<number>;
  /** Closes the backend and removes what it stored. */
  dispose(): Awaitable<void>;
}

export const nobodySpecial = { uid: 0, gid: 0 };

/** Text stands for bytes throughout: one character each, as in latin1. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function text(content: Bytes): string {
  // At most so many at once as a call takes arguments.
  const most = 8192;
  let result = '';
  for (let at = 0; at < content.length; at += most) result += String.fromCharCode(...content.subarray(at, at + most));
  return result;
}

/** Asserts that the operation is refused with the error number. */
export async function refused(operation: () => unknown, ...codes: readonly ErrnoName[]): Promise<void> {
  let result: unknown;
  try {
    result = await operation();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    expect(codes).toContain(error.code);
    return;
  }
  expect.fail(`${codes.join(' or ')} expected, got ${String(result)}`);
}

export interface Listed {
  readonly name: string;
  readonly cookie: bigint;
  readonly ino: bigint;
  readonly type: number;
}

type Place = string | Node;

export class Guest {
  readonly backend: Backend;
  readonly #nodes: Node[] = [];
  readonly #files = new Set<OpenFile>();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Gives everything back. */
  async leave(): Promise<void> {
    for (const file of this.#files) await this.backend.release(file);
    for (const node of this.#nodes) this.backend.forget(node);
    this.#files.clear();
    this.#nodes.length = 0;
  }

  keep(node: Node): Node {
    this.#nodes.push(node);
    return node;
  }

  async root(): Promise<Node> {
    return this.keep(await this.backend.root());
  }

  /** The node of a path, undefined where there is none. "" is the root. */
  async find(path: string): Promise<Node | undefined> {
    let node: Node | undefined = await this.root();
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (node === undefined) return undefined;
      node = await this.backend.lookup(node, bytes(name));
      if (node !== undefined) this.keep(node);
    }
    return node;
  }

  async at(place: Place): Promise<Node> {
    if (typeof place === 'number') return place;
    const node = await this.find(place);
    if (node === undefined) throw new Error(`the test expects ${place} to exist`);
    return node;
  }

  /** The folder and the last name of a path. */
  async split(path: string): Promise<{ folder: Node; name: Uint8Array<ArrayBuffer> }> {
    const end = path.lastIndexOf('/');
    return { folder: await this.at(path.slice(0, Math.max(end, 0))), name: bytes(path.slice(end + 1)) };
  }

  async mkdir(path: string, mode = 0o755): Promise<Node> {
    const { folder, name } = await this.split(path);
    return this.keep(await this.backend.mkdir(folder, name, mode, nobodySpecial));
  }

  /** Creates and opens for reading and writing unless told otherwise. */
  async create(
    path: string,
    flags: number = openFlags.readWrite | openFlags.exclusive,
    mode = 0o644,
  ): Promise<OpenFile> {
    const { folder, name } = await this.split(path);
    const { node, file } = await this.backend.create(folder, name, flags, mode, nobodySpecial);
    this.keep(node);
    this.#files.add(file);
    return file;
  }

  async open(place: Place, flags: number = openFlags.readWrite): Promise<OpenFile> {
    const file = await this.backend.open(await this.at(place), flags);
    this.#files.add(file);
    return file;
  }

  async release(file: OpenFile): Promise<void> {
    this.#files.delete(file);
    await this.backend.release(file);
  }

  /** Makes a file with a content, closed. */
  async file(path: string, content = ''): Promise<Node> {
    const file = await this.create(path);
    if (content !== '') await this.write(file, 0, content);
    await this.release(file);
    return this.at(path);
  }

  async write(file: OpenFile, offset: number, ...pieces: readonly string[]): Promise<number> {
    return this.backend.write(file, offset, pieces.map(bytes));
  }

  async read(file: OpenFile, offset = 0, length = 100_000): Promise<string> {
    const into = new Uint8Array(length);
    const result = this.backend.read(file, offset, [into]);
    return text(typeof result === 'number' ? into.subarray(0, result) : await result);
  }

  async content(place: Place): Promise<string> {
    const file = await this.open(place, openFlags.readOnly);
    const content = await this.read(file);
    await this.release(file);
    return content;
  }

  async attributes(place: Place): Promise<Attributes> {
    return this.backend.getattr(await this.at(place));
  }

  async change(place: Place, changes: AttributeChanges): Promise<void> {
    await this.backend.setattr(await this.at(place), changes, nobodySpecial);
  }

  async unlink(path: string): Promise<void> {
    const { folder, name } = await this.split(path);
    await this.backend.unlink(folder, name, false);
  }

  async rmdir(path: string): Promise<void> {
    const { folder, name } = await this.split(path);
    await this.backend.unlink(folder, name, true);
  }

  async rename(from: string, to: string, flags = 0): Promise<void> {
    const source = await this.split(from);
    const target = await this.split(to);
    await this.backend.rename(source.folder, source.name, target.folder, target.name, flags);
  }

  async link(place: Place, path: string): Promise<void> {
    const { folder, name } = await this.split(path);
    await this.backend.link(await this.at(place), folder, name);
  }

  async symlink(target: string, path: string): Promise<Node> {
    const { folder, name } = await this.split(path);
    return this.keep(await this.backend.symlink(folder, name, bytes(target), nobodySpecial));
  }

  async readlink(place: Place): Promise<string> {
    return text(await this.backend.readlink(await this.at(place)));
  }

  /** Entries of an open folder from a cookie on, at most `most`. */
  async entries(folder: OpenFile, cookie = 0n, most = Infinity): Promise<Listed[]> {
    const found: Listed[] = [];
    await this.backend.readdir(folder, cookie, (entry) => {
      if (found.length >= most) return false;
      found.push({ ...entry, name: text(entry.name) });
      return true;
    });
    return found;
  }

  /** Names in a folder without the dots, sorted. */
  async names(place: Place): Promise<string[]> {
    const folder = await this.open(place, openFlags.readOnly);
    const found = await this.entries(folder);
    await this.release(folder);
    return found
      .map(({ name }) => name)
      .filter((name) => name !== '.' && name !== '..')
      .toSorted();
  }
}

export function permissionsOf({ mode }: Attributes): number {
  return mode & 0o7777;
}

export function typeOf({ mode }: Attributes): number {
  return mode & fileType.mask;
}
