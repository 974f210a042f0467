// A backend of which some names are hidden: looked up they are ENOENT, in listings they are not, and made they are EPERM. A
// folder with hidden names in it is never empty: rmdir says ENOTEMPTY.
//
// Which path a folder has is asked when it matters, so that it may be renamed: into a place where less of it would be hidden it
// may not (EPERM), or a rename would show what the patterns hide.
import type { Awaitable, Backend, Caller, EmitEntry, Node, OpenFile, OutsideChange } from './backend.ts';
import { fileType, renameFlags } from './backend.ts';
import { run, wait } from './coroutine.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import { ForwardedBackend } from './forwarded-backend.ts';
import type { HiddenNames, PatternPlace } from './hidden-names.ts';
import type { Bytes } from '../ports.ts';

const dot = 0x2e;

function isDots(name: Bytes): boolean {
  return name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot));
}

export class HidingBackend extends ForwardedBackend {
  readonly #hidden: HiddenNames;
  /** Folders that are open, each with a reference; none where paths do not matter. */
  readonly #folders = new Map<OpenFile, Node>();

  constructor(inner: Backend, hidden: HiddenNames) {
    super(inner);
    this.#hidden = hidden;
  }

  override lookup(parent: Node, name: Bytes): Awaitable<Node | undefined> {
    return this.#unlessHidden(
      parent,
      name,
      () => this.inner.lookup(parent, name),
      () => undefined,
    );
  }

  override mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Awaitable<Node> {
    return this.#making(parent, name, () => this.inner.mkdir(parent, name, mode, caller));
  }

  override mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Awaitable<Node> {
    return this.#making(parent, name, () => this.inner.mknod(parent, name, mode, rdev, caller));
  }

  override symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Awaitable<Node> {
    return this.#making(parent, name, () => this.inner.symlink(parent, name, target, caller));
  }

  override link(node: Node, parent: Node, name: Bytes): Awaitable<void> {
    return this.#making(parent, name, () => this.inner.link(node, parent, name));
  }

  override unlink(parent: Node, name: Bytes, folder: boolean): Awaitable<void> {
    return this.#unlessHidden(
      parent,
      name,
      () => this.inner.unlink(parent, name, folder),
      () => {
        throw new Errno('ENOENT', 'a hidden name');
      },
    );
  }

  override rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Awaitable<void> {
    return run(this.#rename(parent, name, newParent, newName, flags));
  }

  override create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): ReturnType<Backend['create']> {
    return this.#making(parent, name, () => this.inner.create(parent, name, flags, mode, caller));
  }

  override open(node: Node, flags: number): Awaitable<OpenFile> {
    return this.#hidden.areNames ? this.inner.open(node, flags) : run(this.#open(node, flags));
  }

  override release(file: OpenFile): Awaitable<void> {
    const node = this.#folders.get(file);
    if (node !== undefined) {
      this.#folders.delete(file);
      this.inner.forget(node);
    }
    return this.inner.release(file);
  }

  override readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Awaitable<void> {
    const list = (place: PatternPlace): Awaitable<void> =>
      this.inner.readdir(
        file,
        cookie,
        (entry) => (!isDots(entry.name) && this.#hidden.below(place, entry.name) === 'hidden') || emit(entry),
      );
    const node = this.#folders.get(file);
    return node === undefined ? list(this.#hidden.root) : run(this.#list(node, list));
  }

  /** A change of a hidden name is none; a file that comes out of one, or goes into one, is made or removed. */
  protected override watchInner(listener: (change: OutsideChange) => void): () => void {
    return super.watchInner((change) => {
      const { type, path, from } = change;
      if (type !== 'renamed' || from === undefined) {
        if (!this.#isHidden(path)) listener(change);
        return;
      }
      const [was, is] = [this.#isHidden(from), this.#isHidden(path)];
      if (!was && !is) listener(change);
      else if (!is) listener({ type: 'created', path });
      else if (!was) listener({ type: 'removed', path: from });
    });
  }

  #isHidden(path: readonly Bytes[]): boolean {
    let place = this.#hidden.root;
    for (const name of path) {
      const below = this.#hidden.below(place, name);
      if (below === 'hidden') return true;
      place = below;
    }
    return false;
  }

  #making<T>(parent: Node, name: Bytes, make: () => Awaitable<T>): Awaitable<T> {
    return this.#unlessHidden(parent, name, make, () => {
      throw new Errno('EPERM', 'a name that is hidden');
    });
  }

  #unlessHidden<T>(parent: Node, name: Bytes, action: () => Awaitable<T>, otherwise: () => T): Awaitable<T> {
    if (this.#hidden.areNames) return this.#hidden.below(this.#hidden.root, name) === 'hidden' ? otherwise() : action();
    return run(this.#unlessHiddenThere(parent, name, action, otherwise));
  }

  *#unlessHiddenThere<T>(parent: Node, name: Bytes, action: () => Awaitable<T>, otherwise: () => T): Coroutine<T> {
    const place = yield* this.#placeOf(parent);
    return this.#hidden.below(place, name) === 'hidden' ? otherwise() : yield* wait(action());
  }

  *#rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Coroutine<void> {
    const from = this.#hidden.below(yield* this.#placeOf(parent), name);
    const to = this.#hidden.below(yield* this.#placeOf(newParent), newName);
    if (from === 'hidden') throw new Errno('ENOENT', 'a hidden name');
    if (to === 'hidden') throw new Errno('EPERM', 'a name that is hidden');
    const exchanges = (flags & renameFlags.exchange) !== 0;
    if (!this.#hidden.hidesAtLeast(from, to)) yield* this.#refuseFolder(parent, name);
    if (exchanges && !this.#hidden.hidesAtLeast(to, from)) yield* this.#refuseFolder(newParent, newName);
    yield* wait(this.inner.rename(parent, name, newParent, newName, flags));
  }

  /** Throws EPERM where the name is a folder's. */
  *#refuseFolder(parent: Node, name: Bytes): Coroutine<void> {
    const node = yield* wait(this.inner.lookup(parent, name));
    if (node === undefined) return;
    try {
      const { mode } = yield* wait(this.inner.getattr(node));
      if ((mode & fileType.mask) === fileType.folder) throw new Errno('EPERM', 'less of the folder would be hidden');
    } finally {
      this.inner.forget(node);
    }
  }

  *#open(node: Node, flags: number): Coroutine<OpenFile> {
    const file = yield* wait(this.inner.open(node, flags));
    this.inner.retain(node);
    this.#folders.set(file, node);
    return file;
  }

  *#list(node: Node, list: (place: PatternPlace) => Awaitable<void>): Coroutine<void> {
    yield* wait(list(yield* this.#placeOf(node)));
  }

  /** The place of a folder; the root's where it has no name any more, for then it holds nothing. */
  *#placeOf(folder: Node): Coroutine<PatternPlace> {
    if (this.#hidden.areNames) return this.#hidden.root;
    const names: Bytes[] = [];
    let at = folder;
    // Whoever asks may forget the folder meanwhile.
    this.inner.retain(at);
    try {
      for (;;) {
        const name = yield* this.#nameOf(at);
        if (name === undefined) break;
        names.push(name);
        const above = yield* wait(this.inner.parent(at));
        this.inner.forget(at);
        at = above;
      }
    } catch (error) {
      if (error instanceof Errno && error.code === 'ENOENT') return this.#hidden.root;
      throw error;
    } finally {
      this.inner.forget(at);
    }
    let place = this.#hidden.root;
    for (const name of names.toReversed()) {
      const below = this.#hidden.below(place, name);
      // It was moved there by others.
      if (below === 'hidden') throw new Errno('ENOENT', 'in a hidden folder');
      place = below;
    }
    return place;
  }

  /** Undefined for the root. */
  *#nameOf(node: Node): Coroutine<Bytes | undefined> {
    try {
      return yield* wait(this.inner.name(node));
    } catch (error) {
      if (error instanceof Errno && error.code === 'EBUSY') return undefined;
      throw error;
    }
  }
}
