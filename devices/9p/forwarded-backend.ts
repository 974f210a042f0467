// A backend in front of another that hands every call on: what others override.
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
  OutsideChange,
} from './backend.ts';
import type { Bytes } from '../ports.ts';

export class ForwardedBackend implements Backend {
  protected readonly inner: Backend;
  /** Where the other has none, there is none. */
  readonly watch?: (listener: (change: OutsideChange) => void) => () => void;

  constructor(inner: Backend) {
    this.inner = inner;
    if (inner.watch !== undefined) this.watch = (listener) => this.watchInner(listener);
  }

  get busy(): boolean {
    return this.inner.busy === true;
  }

  root(): Awaitable<Node> {
    return this.inner.root();
  }

  retain(node: Node): void {
    this.inner.retain(node);
  }

  forget(node: Node): void {
    this.inner.forget(node);
  }

  lookup(parent: Node, name: Bytes): Awaitable<Node | undefined> {
    return this.inner.lookup(parent, name);
  }

  parent(node: Node): Awaitable<Node> {
    return this.inner.parent(node);
  }

  name(node: Node): Awaitable<Bytes> {
    return this.inner.name(node);
  }

  getattr(node: Node): Awaitable<Attributes> {
    return this.inner.getattr(node);
  }

  setattr(node: Node, changes: AttributeChanges, caller: Caller): Awaitable<void> {
    return this.inner.setattr(node, changes, caller);
  }

  readlink(node: Node): Awaitable<Bytes> {
    return this.inner.readlink(node);
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Awaitable<Node> {
    return this.inner.mkdir(parent, name, mode, caller);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Awaitable<Node> {
    return this.inner.mknod(parent, name, mode, rdev, caller);
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Awaitable<Node> {
    return this.inner.symlink(parent, name, target, caller);
  }

  link(node: Node, parent: Node, name: Bytes): Awaitable<void> {
    return this.inner.link(node, parent, name);
  }

  unlink(parent: Node, name: Bytes, folder: boolean): Awaitable<void> {
    return this.inner.unlink(parent, name, folder);
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Awaitable<void> {
    return this.inner.rename(parent, name, newParent, newName, flags);
  }

  create(parent: Node, name: Bytes, flags: number, mode: number, caller: Caller): ReturnType<Backend['create']> {
    return this.inner.create(parent, name, flags, mode, caller);
  }

  open(node: Node, flags: number): Awaitable<OpenFile> {
    return this.inner.open(node, flags);
  }

  release(file: OpenFile): Awaitable<void> {
    return this.inner.release(file);
  }

  getattrOpen(file: OpenFile): Awaitable<Attributes> {
    return this.inner.getattrOpen(file);
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges, caller: Caller): Awaitable<void> {
    return this.inner.setattrOpen(file, changes, caller);
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    return this.inner.read(file, offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number> {
    return this.inner.write(file, offset, from);
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Awaitable<void> {
    return this.inner.readdir(file, cookie, emit);
  }

  fsync(file: OpenFile, dataOnly: boolean): Awaitable<void> {
    return this.inner.fsync(file, dataOnly);
  }

  getxattr(node: Node, name: Bytes): Awaitable<Bytes | undefined> {
    return this.inner.getxattr(node, name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): Awaitable<void> {
    return this.inner.setxattr(node, name, value, flags);
  }

  listxattr(node: Node): Awaitable<readonly Bytes[]> {
    return this.inner.listxattr(node);
  }

  removexattr(node: Node, name: Bytes): Awaitable<void> {
    return this.inner.removexattr(node, name);
  }

  statfs(node: Node): Awaitable<FilesystemStatistics> {
    return this.inner.statfs(node);
  }

  close(): Awaitable<void> {
    return this.inner.close();
  }

  /** `watch` of the other, where it has one. */
  protected watchInner(listener: (change: OutsideChange) => void): () => void {
    return this.inner.watch?.(listener) ?? (() => undefined);
  }
}
