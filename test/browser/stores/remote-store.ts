// A store in a worker of its own, as a backend that always takes its time.
import type {
  AttributeChanges,
  Attributes,
  Backend,
  Caller,
  EmitEntry,
  FilesystemStatistics,
  Node,
  OpenFile,
} from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';

export type Entry = Parameters<EmitEntry>[0];
type Method = Exclude<keyof Backend, 'busy' | 'openLocks' | 'watch'> | 'handleCount' | 'open store';

export interface Request {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly errno?: ErrnoName;
  readonly failure?: string;
}

/** Workers whose store was closed: starting one takes longer than most tests. */
const idle: Worker[] = [];

export class RemoteStore implements Backend {
  readonly #worker = idle.pop() ?? new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
  readonly #listeners = new AbortController();
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 1;

  constructor() {
    const { signal } = this.#listeners;
    const onMessage = ({ data }: MessageEvent<Reply>): void => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.errno !== undefined) waiting?.reject(new Errno(data.errno));
      else if (data.failure !== undefined) waiting?.reject(new Error(data.failure));
      else waiting?.resolve(data.value);
    };
    const onError = ({ message }: ErrorEvent): void => {
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
    };
    this.#worker.addEventListener('message', onMessage, { signal });
    this.#worker.addEventListener('error', onError, { signal });
  }

  /** Opens the store; once. */
  async openStore(kind: 'opfs' | 'indexeddb', name: string): Promise<void> {
    await this.#ask('open store', kind, name);
  }

  /** Ends the worker as a killed tab does. */
  kill(): void {
    this.#worker.terminate();
  }

  handleCount(): Promise<number> {
    return this.#ask('handleCount');
  }

  root(): Promise<Node> {
    return this.#ask('root');
  }

  retain(node: Node): void {
    void this.#ask('retain', node);
  }

  forget(node: Node): void {
    void this.#ask('forget', node);
  }

  lookup(parent: Node, name: Bytes): Promise<Node | undefined> {
    return this.#ask('lookup', parent, name);
  }

  parent(node: Node): Promise<Node> {
    return this.#ask('parent', node);
  }

  name(node: Node): Promise<Bytes> {
    return this.#ask('name', node);
  }

  getattr(node: Node): Promise<Attributes> {
    return this.#ask('getattr', node);
  }

  setattr(node: Node, changes: AttributeChanges): Promise<void> {
    return this.#ask('setattr', node, changes);
  }

  readlink(node: Node): Promise<Bytes> {
    return this.#ask('readlink', node);
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Promise<Node> {
    return this.#ask('mkdir', parent, name, mode, caller);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Promise<Node> {
    return this.#ask('mknod', parent, name, mode, rdev, caller);
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Promise<Node> {
    return this.#ask('symlink', parent, name, target, caller);
  }

  link(node: Node, parent: Node, name: Bytes): Promise<void> {
    return this.#ask('link', node, parent, name);
  }

  unlink(parent: Node, name: Bytes, folder: boolean): Promise<void> {
    return this.#ask('unlink', parent, name, folder);
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Promise<void> {
    return this.#ask('rename', parent, name, newParent, newName, flags);
  }

  create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Promise<{ readonly node: Node; readonly file: OpenFile }> {
    return this.#ask('create', parent, name, flags, mode, caller);
  }

  open(node: Node, flags: number): Promise<OpenFile> {
    return this.#ask('open', node, flags);
  }

  release(file: OpenFile): Promise<void> {
    return this.#ask('release', file);
  }

  getattrOpen(file: OpenFile): Promise<Attributes> {
    return this.#ask('getattrOpen', file);
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges): Promise<void> {
    return this.#ask('setattrOpen', file, changes);
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): Promise<Bytes> {
    return this.#ask(
      'read',
      file,
      offset,
      into.map(({ length }) => length),
    );
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): Promise<number> {
    return this.#ask('write', file, offset, from);
  }

  async readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Promise<void> {
    const entries: readonly Entry[] = await this.#ask('readdir', file, cookie);
    for (const entry of entries) if (!emit(entry)) return;
  }

  fsync(file: OpenFile, dataOnly: boolean): Promise<void> {
    return this.#ask('fsync', file, dataOnly);
  }

  getxattr(node: Node, name: Bytes): Promise<Bytes | undefined> {
    return this.#ask('getxattr', node, name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): Promise<void> {
    return this.#ask('setxattr', node, name, value, flags);
  }

  listxattr(node: Node): Promise<readonly Bytes[]> {
    return this.#ask('listxattr', node);
  }

  removexattr(node: Node, name: Bytes): Promise<void> {
    return this.#ask('removexattr', node, name);
  }

  statfs(node: Node): Promise<FilesystemStatistics> {
    return this.#ask('statfs', node);
  }

  async close(): Promise<void> {
    await this.#ask('close');
    this.#listeners.abort();
    idle.push(this.#worker);
  }

  #ask<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = withResolvers();
    this.#waiting.set(id, { resolve, reject });
    this.#worker.postMessage({ id, method, args } satisfies Request);
    return promise as Promise<T>;
  }
}

function withResolvers(): {
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: unknown) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
