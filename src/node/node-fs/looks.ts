// What the guest is told of a file's attributes: by its name, by what the last lookup saw, or by a descriptor.
import { performance } from 'node:perf_hooks';
import type { Attributes, Node } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { attributesOf, statOpened } from './attributes.ts';
import { isErrno } from './host.ts';
import type { HostStat } from './host.ts';
import type { InodeNumbers } from './inode-numbers.ts';
import { placeOf } from './kept-attributes.ts';
import type { Native, Place } from './native.ts';
import type { Reach, Security } from './security.ts';
import type { Entry, Tree } from './tree.ts';
import type { Walk } from './walk.ts';

/**
 * Milliseconds for which a lookup serves the attributes that are asked for next: a walk asks for both, and one look at the
 * host takes half as long as two. A change by the guest ends it at once; one by the host counts as a moment later.
 */
const freshTime = 0.02;

/** Undefined where a name does not lead to its file any more. */
function unlessStale(look: () => HostStat | undefined): HostStat | undefined {
  try {
    return look();
  } catch (error) {
    if (isErrno(error, 'ESTALE')) return undefined;
    throw error;
  }
}

interface LooksOptions {
  readonly walk: Walk;
  readonly tree: Tree;
  readonly native: Native | undefined;
  readonly numbers: InodeNumbers;
  readonly security: Security;
}

export class Looks {
  readonly #walk: Walk;
  readonly #tree: Tree;
  readonly #native: Native | undefined;
  readonly #numbers: InodeNumbers;
  readonly #security: Security;
  /** What the last lookup saw. */
  #seen: { readonly entry: Entry; readonly stat: HostStat; readonly at: number } | undefined;

  constructor({ walk, tree, native, numbers, security }: LooksOptions) {
    this.#walk = walk;
    this.#tree = tree;
    this.#native = native;
    this.#numbers = numbers;
    this.#security = security;
  }

  /** A lookup has just seen `stat`. */
  saw(entry: Entry, stat: HostStat): void {
    this.#seen = { entry, stat, at: performance.now() };
  }

  /** Comes before every change. */
  forget(): void {
    this.#seen = undefined;
  }

  /** Throws Errno: ENOENT where the name leads to another file, or to none, by now. */
  at(node: Node): Attributes {
    const seen = this.#seen;
    this.#seen = undefined;
    if (seen !== undefined && seen.entry === this.#tree.get(node) && performance.now() - seen.at < freshTime)
      return this.#attributes(seen.stat, () => this.#placeOf(seen.entry));
    const stat = this.#statByRow(node);
    return stat === undefined ? this.#look(this.#tree.get(node)) : this.#attributesByRow(node, stat);
  }

  /** Of what is open. Throws Errno. */
  opened(fd: number): Attributes {
    return this.#attributes(statOpened(fd, this.#native), () => ({ fd }));
  }

  #attributes(stat: HostStat, reach: Reach): Attributes {
    return attributesOf(stat, this.#security.seen(stat, reach), this.#numbers);
  }

  #attributesByRow(node: Node, stat: HostStat): Attributes {
    const { rows } = this.#tree;
    const security = this.#security;
    if (rows.isPlain(node, security.keptEpoch, stat.ctimeNs))
      return attributesOf(stat, security.seenPlain(stat), this.#numbers);
    const attributes = this.#attributes(stat, () => this.#placeOf(this.#tree.get(node)));
    if (security.isPlain(stat)) rows.setPlain(node, security.keptEpoch, stat.ctimeNs);
    return attributes;
  }

  /** Where the extended attributes of an entry are, for the system calls that come next. */
  #placeOf(entry: Entry): Place {
    return entry.parent === undefined
      ? this.#walk.withTarget(entry, placeOf)
      : this.#walk.place(entry.parent, entry.name);
  }

  #look(entry: Entry): Attributes {
    if (entry.parent === undefined)
      return this.#walk.withTarget(entry, (target) => this.#attributes(target.stat(), () => placeOf(target)));
    const { parent, name } = entry;
    const stat = unlessStale(() => this.#walk.stat(parent, name));
    if (stat !== undefined && entry.isSame(stat)) return this.#attributes(stat, () => this.#placeOf(entry));
    const { openDescriptor } = entry;
    if (openDescriptor !== undefined) return this.opened(openDescriptor);
    // Not ESTALE: Linux's client looks a name up again only when its attributes end in ENOENT (v9fs_lookup_revalidate).
    throw new Errno('ENOENT', 'another file has the name');
  }

  /** Undefined where the row of a node does not suffice, or its name does not lead to its file. */
  #statByRow(node: Node): HostStat | undefined {
    const { rows } = this.#tree;
    const native = this.#native;
    const folder = rows.folder(node);
    if (folder === 0 || native === undefined) return undefined;
    const parent = this.#tree.get(folder as Node);
    const stat = unlessStale(() => native.statNode(this.#walk.descriptor(parent), rows, node));
    return stat !== undefined && rows.isSame(node, stat) ? stat : undefined;
  }
}
