// A folder of a host behind the File System Access interfaces, as Chromium has them: handles are paths, what is written counts
// on close, snapshots end when the file changes. It can be changed from outside, and made to fail.
import type { HostChange } from '../../../src/browser/picked-folder/observer.ts';
import type {
  EntryHandle,
  FileHandle,
  FileSlice,
  FileSnapshot,
  FileWriter,
  FolderHandle,
} from '../../../src/browser/picked-folder/access.ts';

const chunkLength = 64 * 1024;

/** Bytes with holes; a copy shares the chunks until one of both writes. */
class Content {
  size = 0;
  readonly #chunks: Map<number, Uint8Array<ArrayBuffer>>;

  constructor(from?: Content) {
    this.#chunks = new Map(from === undefined ? [] : from.#chunks);
    this.size = from?.size ?? 0;
  }

  write(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((position + done) / chunkLength);
      const start = position + done - number * chunkLength;
      const count = Math.min(bytes.length - done, chunkLength - start);
      const chunk = this.#chunks.get(number)?.slice() ?? new Uint8Array(chunkLength);
      chunk.set(bytes.subarray(done, done + count), start);
      this.#chunks.set(number, chunk);
      done += count;
    }
    this.size = Math.max(this.size, position + bytes.length);
  }

  truncate(size: number): void {
    for (const [number, chunk] of this.#chunks) {
      const start = number * chunkLength;
      if (start >= size) this.#chunks.delete(number);
      else if (start + chunkLength > size) this.#chunks.set(number, chunk.slice().fill(0, size - start));
    }
    this.size = size;
  }

  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.size) - start));
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((start + done) / chunkLength);
      const from = start + done - number * chunkLength;
      const count = Math.min(bytes.length - done, chunkLength - from);
      const chunk = this.#chunks.get(number);
      if (chunk !== undefined) bytes.set(chunk.subarray(from, from + count), done);
      done += count;
    }
    return bytes;
  }
}

interface HostFile {
  readonly kind: 'file';
  content: Content;
  lastModified: number;
  writers: number;
}

interface HostFolder {
  readonly kind: 'directory';
  readonly entries: Map<string, HostFile | HostFolder>;
}

export interface FakeHostOptions {
  /** Names that differ in case are one. */
  readonly ignoresCase?: boolean;
  /** Names that the browser refuses. */
  readonly refuses?: RegExp;
  /** Handles of files have no `move`. */
  readonly copiesOnly?: boolean;
  /** Bytes of one file beyond which writing fails. */
  readonly quota?: number;
}

type Operation = 'list' | 'getFile' | 'createWritable' | 'write' | 'close' | 'removeEntry' | 'move' | 'create' | 'read';

function failure(name: string): DOMException {
  return new DOMException(`the fake host says ${name}`, name);
}

export class FakeHost {
  readonly root: HostFolder = { kind: 'directory', entries: new Map() };
  readonly #options: FakeHostOptions;
  readonly #faults: { readonly operation: Operation; readonly path: RegExp; readonly error: string; left: number }[] =
    [];
  /** Milliseconds since 1970. A change is never at the time of another. */
  #time = 1_760_000_000_000;
  /** Calls so far, by operation. */
  readonly calls = new Map<Operation, number>();
  /** Runs before an operation is done: what the host's user does at that moment. */
  readonly #observers = new Set<(changes: readonly HostChange[]) => void>();
  before: ((operation: Operation, path: string) => void) | undefined;

  constructor(options: FakeHostOptions = {}) {
    this.#options = options;
  }

  get options(): FakeHostOptions {
    return this.#options;
  }

  /** Lets operations on matching paths fail, `times` times. */
  fail(operation: Operation, path: RegExp, error: string, times = Infinity): void {
    this.#faults.push({ operation, path, error, left: times });
  }

  heal(): void {
    this.#faults.length = 0;
  }

  handle(): FolderHandle {
    return new FakeFolderHandle(this, []);
  }

  /** Tells of every change, by whomever. */
  observe(listener: (changes: readonly HostChange[]) => void): () => void {
    this.#observers.add(listener);
    return () => this.#observers.delete(listener);
  }

  /** Tells the observers, in a moment. */
  tell(type: HostChange['type'], path: readonly string[], from?: readonly string[]): void {
    const change = { type, relativePathComponents: path, relativePathMovedFrom: from ?? null };
    for (const observer of this.#observers) queueMicrotask(() => observer([change]));
  }

  rename(from: string, to: string): void {
    const [source, target] = [from.split('/'), to.split('/')];
    const { entries } = this.folder(source.slice(0, -1));
    const moved = entries.get(source.at(-1) as string);
    if (moved === undefined) throw failure('NotFoundError');
    entries.delete(source.at(-1) as string);
    this.folder(target.slice(0, -1)).entries.set(target.at(-1) as string, moved);
    this.tell('moved', target, source);
  }

  /** What the host's user does and sees. */
  write(path: string, text: string): void {
    const names = path.split('/');
    const folder = this.folder(names.slice(0, -1));
    const content = new Content();
    content.write(
      0,
      Uint8Array.from(text, (character) => character.charCodeAt(0)),
    );
    const isNew = !folder.entries.has(names.at(-1) as string);
    folder.entries.set(names.at(-1) as string, { kind: 'file', content, lastModified: this.tick(), writers: 0 });
    this.tell(isNew ? 'appeared' : 'modified', names);
  }

  mkdir(path: string): void {
    const names = path.split('/');
    this.folder(names.slice(0, -1)).entries.set(names.at(-1) as string, { kind: 'directory', entries: new Map() });
    this.tell('appeared', names);
  }

  remove(path: string): void {
    const names = path.split('/');
    this.folder(names.slice(0, -1)).entries.delete(names.at(-1) as string);
    this.tell('disappeared', names);
  }

  read(path: string): string | undefined {
    const file = this.find(path.split('/'));
    if (file?.kind !== 'file') return undefined;
    return Array.from(file.content.read(0, file.content.size), (byte) => String.fromCharCode(byte)).join('');
  }

  names(path = ''): string[] {
    return [...this.folder(path === '' ? [] : path.split('/')).entries.keys()].toSorted();
  }

  tick(): number {
    return ++this.#time;
  }

  find(path: readonly string[]): HostFile | HostFolder | undefined {
    let at: HostFile | HostFolder = this.root;
    for (const name of path) {
      if (at.kind !== 'directory') return undefined;
      const key = this.keyOf(at, name);
      const next: HostFile | HostFolder | undefined = at.entries.get(key);
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  folder(path: readonly string[]): HostFolder {
    const found = this.find(path);
    if (found === undefined) throw failure('NotFoundError');
    if (found.kind !== 'directory') throw failure('TypeMismatchError');
    return found;
  }

  keyOf({ entries }: HostFolder, name: string): string {
    if (entries.has(name) || this.#options.ignoresCase !== true) return name;
    for (const key of entries.keys()) if (key.toLowerCase() === name.toLowerCase()) return key;
    return name;
  }

  checkName(name: string): void {
    if (name === '' || /[/\\]/.test(name) || this.#options.refuses?.test(name) === true) {
      throw new TypeError('Name is not allowed.');
    }
  }

  /** Every operation takes its time, and may fail. */
  async operate(operation: Operation, path: readonly string[]): Promise<void> {
    await Promise.resolve();
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const text = path.join('/');
    this.before?.(operation, text);
    const fault = this.#faults.find((each) => each.operation === operation && each.left > 0 && each.path.test(text));
    if (fault === undefined) return;
    fault.left--;
    throw failure(fault.error);
  }
}

class FakeFolderHandle implements FolderHandle {
  readonly kind = 'directory';
  readonly host: FakeHost;
  readonly path: readonly string[];

  constructor(host: FakeHost, path: readonly string[]) {
    this.host = host;
    this.path = path;
  }

  get name(): string {
    return this.path.at(-1) ?? 'picked';
  }

  async *entries(): AsyncGenerator<[string, EntryHandle]> {
    await this.host.operate('list', this.path);
    // A snapshot: Chromium fetches them by the hundred.
    for (const [name, { kind }] of Array.from(this.host.folder(this.path).entries)) {
      const path = [...this.path, name];
      yield [name, kind === 'file' ? fileHandle(this.host, path) : new FakeFolderHandle(this.host, path)];
    }
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FolderHandle> {
    const folder = await this.#prepare(name, create);
    const key = this.host.keyOf(folder, name);
    const found = folder.entries.get(key);
    if (found === undefined && !create) throw failure('NotFoundError');
    if (found?.kind === 'file') throw failure('TypeMismatchError');
    if (found === undefined) {
      folder.entries.set(name, { kind: 'directory', entries: new Map() });
      this.host.tell('appeared', [...this.path, name]);
    }
    return new FakeFolderHandle(this.host, [...this.path, name]);
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FileHandle> {
    const folder = await this.#prepare(name, create);
    const key = this.host.keyOf(folder, name);
    const found = folder.entries.get(key);
    if (found === undefined && !create) throw failure('NotFoundError');
    if (found?.kind === 'directory') throw failure('TypeMismatchError');
    if (found === undefined) {
      folder.entries.set(name, { kind: 'file', content: new Content(), lastModified: this.host.tick(), writers: 0 });
      this.host.tell('appeared', [...this.path, name]);
    }
    return fileHandle(this.host, [...this.path, name]);
  }

  async removeEntry(name: string): Promise<void> {
    await this.host.operate('removeEntry', [...this.path, name]);
    const { entries } = this.host.folder(this.path);
    const key = this.host.keyOf({ kind: 'directory', entries }, name);
    const found = entries.get(key);
    if (found === undefined) throw failure('NotFoundError');
    if (found.kind === 'directory' && found.entries.size > 0) throw failure('InvalidModificationError');
    if (found.kind === 'file' && found.writers > 0) throw failure('NoModificationAllowedError');
    entries.delete(key);
    this.host.tell('disappeared', [...this.path, key]);
  }

  async isSameEntry(other: FolderHandle): Promise<boolean> {
    await Promise.resolve();
    return (
      other instanceof FakeFolderHandle && other.host === this.host && other.path.join('/') === this.path.join('/')
    );
  }

  async #prepare(name: string, create: boolean): Promise<HostFolder> {
    this.host.checkName(name);
    if (create) await this.host.operate('create', [...this.path, name]);
    else await Promise.resolve();
    return this.host.folder(this.path);
  }
}

function fileHandle(host: FakeHost, path: readonly string[]): FileHandle {
  let present = path;
  const file = (): HostFile => {
    const found = host.find(present);
    if (found === undefined) throw failure('NotFoundError');
    if (found.kind !== 'file') throw failure('TypeMismatchError');
    return found;
  };
  const handle: FileHandle = {
    kind: 'file',
    get name() {
      return present.at(-1) as string;
    },
    async getFile() {
      await host.operate('getFile', present);
      return snapshot(host, present, file());
    },
    async createWritable({ keepExistingData = false } = {}) {
      await host.operate('createWritable', present);
      return writer(host, present, file(), keepExistingData);
    },
  };
  if (host.options.copiesOnly === true) return handle;
  return {
    ...handle,
    get name() {
      return present.at(-1) as string;
    },
    async move(folder: FolderHandle, name: string) {
      await host.operate('move', present);
      host.checkName(name);
      const moved = file();
      const target = host.folder((folder as FakeFolderHandle).path);
      host.folder(present.slice(0, -1)).entries.delete(present.at(-1) as string);
      target.entries.set(name, moved);
      host.tell('moved', [...(folder as FakeFolderHandle).path, name], present);
      present = [...(folder as FakeFolderHandle).path, name];
    },
  };
}

function snapshot(host: FakeHost, path: readonly string[], { content, lastModified }: HostFile): FileSnapshot {
  const slice = (from: number, to: number): FileSlice => ({
    size: to - from,
    slice: (start, end) => slice(from + start, from + end),
    async arrayBuffer() {
      await host.operate('read', path);
      const found = host.find(path);
      if (found === undefined) throw failure('NotFoundError');
      if (found.kind !== 'file' || found.content !== content) throw failure('NotReadableError');
      return content.read(from, to).buffer;
    },
  });
  return { ...slice(0, content.size), lastModified };
}

function writer(host: FakeHost, path: readonly string[], file: HostFile, keeps: boolean): FileWriter {
  const content = new Content(keeps ? file.content : undefined);
  let isOpen = true;
  file.writers++;
  const end = (): void => {
    if (isOpen) file.writers--;
    isOpen = false;
  };
  return {
    async write({ position, data }) {
      await host.operate('write', path);
      if ((data.buffer as ArrayBufferLike) instanceof SharedArrayBuffer) throw new TypeError('must not be shared');
      if (position + data.length > (host.options.quota ?? Infinity)) throw failure('QuotaExceededError');
      content.write(position, data);
    },
    async truncate(size) {
      await host.operate('write', path);
      if (size > (host.options.quota ?? Infinity)) throw failure('QuotaExceededError');
      content.truncate(size);
    },
    async close() {
      try {
        await host.operate('close', path);
        file.content = content;
        file.lastModified = host.tick();
        // The swap file takes the name, whatever became of the file.
        host.folder(path.slice(0, -1)).entries.set(path.at(-1) as string, file);
        host.tell('modified', path);
      } finally {
        end();
      }
    },
    async abort() {
      await Promise.resolve();
      end();
    },
  };
}
