// A share's backend, watched: tells of every change made through it, by whichever client, and of those that its store
// learns of by itself. While nobody watches it hands each call on and remembers which files are open for writing.
import { Errno } from '../devices/9p/errno.ts';
import { openFlags, renameFlags } from '../devices/9p/backend.ts';
import type {
  AttributeChanges,
  Attributes,
  Awaitable,
  Backend,
  Caller,
  EmitEntry,
  FilesystemStatistics,
  Node,
  OpenFile,
  OutsideLocks,
} from '../devices/9p/backend.ts';
import { run, wait } from '../devices/9p/coroutine.ts';
import type { Coroutine } from '../devices/9p/coroutine.ts';
import type { Bytes } from '../devices/ports.ts';
import type { ShareChange } from './share-changes.ts';
import { textOf } from './share-path.ts';

type Observer = (change: ShareChange) => void;

function then<T>(result: Awaitable<T>, note: (value: T) => void): Awaitable<T> {
  if (!(result instanceof Promise)) {
    note(result);
    return result;
  }
  return result.then((value) => {
    note(value);
    return value;
  });
}

function pathText(names: readonly Bytes[]): string {
  return `/${names.map(textOf).join('/')}`;
}

export class ObservedBackend implements Backend {
  readonly #inner: Backend;
  readonly #observers = new Set<Observer>();
  /** Of files that are open for writing, and of all that were opened while somebody watched; each with a reference. */
  readonly #nodes = new Map<OpenFile, Node>();
  #unwatch: (() => void) | undefined;

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get busy(): boolean {
    return this.#inner.busy === true;
  }

  /** Calls `observer` with every change from now on, until the returned function is called. */
  observe(observer: Observer): () => void {
    if (this.#observers.size === 0) {
      this.#unwatch = this.#inner.watch?.(({ type, path, from }) =>
        this.#emit({ type, path: pathText(path), ...(from !== undefined && { from: pathText(from) }) }),
      );
    }
    // Wrapped: the same function may observe twice.
    const entry: Observer = (change) => observer(change);
    this.#observers.add(entry);
    return () => {
      if (!this.#observers.delete(entry) || this.#observers.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
    };
  }

  root(): Awaitable<Node> {
    return this.#inner.root();
  }

  retain(node: Node): void {
    this.#inner.retain(node);
  }

  forget(node: Node): void {
    this.#inner.forget(node);
  }

  lookup(parent: Node, name: Bytes): Awaitable<Node | undefined> {
    return this.#inner.lookup(parent, name);
  }

  parent(node: Node): Awaitable<Node> {
    return this.#inner.parent(node);
  }

  name(node: Node): Awaitable<Bytes> {
    return this.#inner.name(node);
  }

  getattr(node: Node): Awaitable<Attributes> {
    return this.#inner.getattr(node);
  }

  setattr(node: Node, changes: AttributeChanges, caller: Caller): Awaitable<void> {
    const done = this.#inner.setattr(node, changes, caller);
    return this.#observed ? then(done, () => this.#nodeChanged(node)) : done;
  }

  readlink(node: Node): Awaitable<Bytes> {
    return this.#inner.readlink(node);
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Awaitable<Node> {
    return this.#made(this.#inner.mkdir(parent, name, mode, caller), parent, name);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Awaitable<Node> {
    return this.#made(this.#inner.mknod(parent, name, mode, rdev, caller), parent, name);
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Awaitable<Node> {
    return this.#made(this.#inner.symlink(parent, name, target, caller), parent, name);
  }

  link(node: Node, parent: Node, name: Bytes): Awaitable<void> {
    return this.#made(this.#inner.link(node, parent, name), parent, name);
  }

  unlink(parent: Node, name: Bytes, folder: boolean): Awaitable<void> {
    const done = this.#inner.unlink(parent, name, folder);
    return this.#observed ? then(done, () => this.#tell('removed', parent, name)) : done;
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Awaitable<void> {
    const done = this.#inner.rename(parent, name, newParent, newName, flags);
    if (!this.#observed) return done;
    return then(done, () => {
      this.#renamed(parent, name, newParent, newName);
      if ((flags & renameFlags.exchange) !== 0) this.#renamed(newParent, newName, parent, name);
    });
  }

  create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Awaitable<{ readonly node: Node; readonly file: OpenFile }> {
    const create = (): ReturnType<Backend['create']> =>
      then(this.#inner.create(parent, name, flags, mode, caller), ({ node, file }) => this.#opened(file, node, flags));
    return this.#observed ? run(this.#createObserved(parent, name, flags, create)) : create();
  }

  open(node: Node, flags: number): Awaitable<OpenFile> {
    return then(this.#inner.open(node, flags), (file) => {
      this.#opened(file, node, flags);
      if ((flags & openFlags.truncate) !== 0 && this.#observed) this.#nodeChanged(node);
    });
  }

  release(file: OpenFile): Awaitable<void> {
    const node = this.#nodes.get(file);
    if (node !== undefined) {
      this.#nodes.delete(file);
      this.#inner.forget(node);
    }
    return this.#inner.release(file);
  }

  getattrOpen(file: OpenFile): Awaitable<Attributes> {
    return this.#inner.getattrOpen(file);
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges, caller: Caller): Awaitable<void> {
    const done = this.#inner.setattrOpen(file, changes, caller);
    return this.#observed ? then(done, () => this.#fileChanged(file)) : done;
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    return this.#inner.read(file, offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number> {
    const done = this.#inner.write(file, offset, from);
    return this.#observed ? then(done, () => this.#fileChanged(file)) : done;
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Awaitable<void> {
    return this.#inner.readdir(file, cookie, emit);
  }

  fsync(file: OpenFile, dataOnly: boolean): Awaitable<void> {
    return this.#inner.fsync(file, dataOnly);
  }

  openLocks(file: OpenFile): OutsideLocks | undefined {
    return this.#inner.openLocks?.(file);
  }

  getxattr(node: Node, name: Bytes): Awaitable<Bytes | undefined> {
    return this.#inner.getxattr(node, name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): Awaitable<void> {
    const done = this.#inner.setxattr(node, name, value, flags);
    return this.#observed ? then(done, () => this.#nodeChanged(node)) : done;
  }

  listxattr(node: Node): Awaitable<readonly Bytes[]> {
    return this.#inner.listxattr(node);
  }

  removexattr(node: Node, name: Bytes): Awaitable<void> {
    const done = this.#inner.removexattr(node, name);
    return this.#observed ? then(done, () => this.#nodeChanged(node)) : done;
  }

  statfs(node: Node): Awaitable<FilesystemStatistics> {
    return this.#inner.statfs(node);
  }

  close(): Awaitable<void> {
    this.#unwatch?.();
    this.#observers.clear();
    return this.#inner.close();
  }

  get #observed(): boolean {
    return this.#observers.size > 0;
  }

  #emit(change: ShareChange): void {
    for (const observer of this.#observers) observer(change);
  }

  #opened(file: OpenFile, node: Node, flags: number): void {
    if ((flags & openFlags.accessMode) === openFlags.readOnly && !this.#observed) return;
    this.#inner.retain(node);
    this.#nodes.set(file, node);
  }

  #made<T>(result: Awaitable<T>, parent: Node, name: Bytes): Awaitable<T> {
    return this.#observed ? then(result, () => this.#tell('created', parent, name)) : result;
  }

  *#createObserved(
    parent: Node,
    name: Bytes,
    flags: number,
    create: () => ReturnType<Backend['create']>,
  ): Coroutine<{ readonly node: Node; readonly file: OpenFile }> {
    const existing = yield* wait(this.#inner.lookup(parent, name));
    if (existing !== undefined) this.#inner.forget(existing);
    const created = yield* wait(create());
    if (existing === undefined) this.#tell('created', parent, name);
    else if ((flags & openFlags.truncate) !== 0) this.#nodeChanged(created.node);
    return created;
  }

  #fileChanged(file: OpenFile): void {
    const node = this.#nodes.get(file);
    if (node !== undefined) this.#nodeChanged(node);
  }

  #nodeChanged(node: Node): void {
    this.#inTheEnd(this.#path(node), (path) => this.#emit({ type: 'changed', path: path === '' ? '/' : path }));
  }

  #tell(type: 'created' | 'removed', parent: Node, name: Bytes): void {
    const last = textOf(name);
    this.#inTheEnd(this.#path(parent), (path) => this.#emit({ type, path: `${path}/${last}` }));
  }

  #renamed(parent: Node, name: Bytes, newParent: Node, newName: Bytes): void {
    const was = textOf(name);
    const is = textOf(newName);
    this.#inTheEnd(this.#path(parent), (from) =>
      this.#inTheEnd(this.#path(newParent), (path) =>
        this.#emit({ type: 'renamed', path: `${path}/${is}`, from: `${from}/${was}` }),
      ),
    );
  }

  #inTheEnd(path: Coroutine<string | undefined>, tell: (path: string) => void): void {
    void then(run(path), (found) => {
      if (found !== undefined) tell(found);
    });
  }

  /** The path of a node, the root's as ''; undefined where it has none any more. */
  *#path(node: Node): Coroutine<string | undefined> {
    let at = node;
    // At once: whoever made the change may forget the node before the path is found.
    this.#inner.retain(at);
    try {
      for (let path = ''; ;) {
        const name = yield* this.#nameOf(at);
        if (name === undefined) return path;
        path = `/${textOf(name)}${path}`;
        const above = yield* wait(this.#inner.parent(at));
        this.#inner.forget(at);
        at = above;
      }
    } catch (error) {
      if (error instanceof Errno) return undefined;
      throw error;
    } finally {
      this.#inner.forget(at);
    }
  }

  /** Undefined for the root. Throws Errno for what has lost its name. */
  *#nameOf(node: Node): Coroutine<Bytes | undefined> {
    try {
      return yield* wait(this.#inner.name(node));
    } catch (error) {
      if (error instanceof Errno && error.code === 'EBUSY') return undefined;
      throw error;
    }
  }
}
