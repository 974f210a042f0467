// What a name leads to by now. The host may replace a file, or a folder above it, while the guest holds the old one. A client
// that caches names (cache=loose) does not look again before it uses them: to its programs the name would be broken until
// the client forgets it, and nobody could say when that is. So whatever reaches a file by its name goes on with the file
// that has taken its place, as a program on the host would. Only attributes are refused: that makes the client look.
import { Errno } from '../../../devices/9p/errno.ts';
import { isErrno } from './host.ts';
import type { Entry, Tree } from './tree.ts';
import type { Walk } from './walk.ts';

export class Places {
  readonly #tree: Tree;
  readonly #walk: Walk;

  constructor(tree: Tree, walk: Walk) {
    this.#tree = tree;
    this.#walk = walk;
  }

  /**
   * Does `action` with an entry; with the one that has taken its place, where that made it throw ESTALE, which it must not do
   * once it has changed anything.
   */
  following<T>(entry: Entry, action: (entry: Entry) => T): T {
    try {
      return action(entry);
    } catch (error) {
      if (!isErrno(error, 'ESTALE')) throw error;
    }
    const successor = this.#successor(entry);
    try {
      return action(successor);
    } finally {
      this.#tree.release(successor);
    }
  }

  /** As `following`; where the name leads nowhere, with a descriptor through which the guest has the file open. */
  reaching<T>(entry: Entry, action: (entry: Entry) => T, ifOpen: (fd: number) => T): T {
    try {
      return this.following(entry, action);
    } catch (error) {
      const { openDescriptor } = entry;
      if (openDescriptor === undefined || !isErrno(error, 'ESTALE', 'ENOENT')) throw error;
      return ifOpen(openDescriptor);
    }
  }

  /** What an entry's names lead to now, with one more hold: ENOENT where that is nothing, ESTALE where it is another type. */
  #successor(entry: Entry): Entry {
    const names = this.#tree.pathOf(entry);
    if (names === undefined) throw new Errno('ESTALE', 'a file whose name is gone');
    let found = this.#tree.root;
    this.#tree.hold(found);
    for (const name of names) {
      const folder = found;
      try {
        const stat = this.#walk.stat(folder, name);
        if (stat === undefined) throw new Errno('ENOENT');
        found = this.#tree.reach(folder, name, stat);
      } finally {
        this.#tree.release(folder);
      }
    }
    if (found.type === entry.type) return found;
    this.#tree.release(found);
    throw new Errno('ESTALE', 'a file of another type has the name');
  }
}
