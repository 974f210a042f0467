// A folder of the host as a share. Every operation is done when its call returns, but fsync: a slow disk must not stop the
// guest. What reaches the host, and what does not, is walk.ts's; who owns what is owners.ts's.
import { constants } from 'node:fs';
import { fileType, openFlags, renameFlags } from '../../../devices/9p/backend.ts';
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
} from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { listToGuest, listToHost } from './access-lists.ts';
import { change } from './attributes.ts';
import { descriptorLimit, Descriptors } from './descriptors.ts';
import { readHiddenLink } from './hidden-links.ts';
import { hostFlags } from './host-file.ts';
import { HostLocks } from './host-locks.ts';
import { host, isErrno, nameToBytes, pathToBytes } from './host.ts';
import type { HostName } from './host.ts';
import { InodeNumbers } from './inode-numbers.ts';
import { Listings } from './listings.ts';
import { loadNative } from './load-native.ts';
import { Looks } from './looks.ts';
import { NameChanges } from './name-changes.ts';
import type { Native } from './native.ts';
import { OpenFiles, reopenFiles } from './open-files.ts';
import { openRoot } from './open-root.ts';
import type { WalkKind } from './open-root.ts';
import { Places } from './places.ts';
import { openSecurity } from './open-security.ts';
import type { SecurityOptions } from './open-security.ts';
import type { Making, Security } from './security.ts';
import { linkOf, OpenTarget } from './targets.ts';
import type { Target } from './targets.ts';
import { timeAbilities } from './times.ts';
import type { TimeAbilities } from './times.ts';
import { Tree, typeOf } from './tree.ts';
import type { Entry } from './tree.ts';
import { componentOf } from './walk.ts';
import { guestXattr, hostXattr, isAccessList, isKeptXattr } from './xattrs.ts';
import type { Walk } from './walk.ts';

const { O_WRONLY } = constants;

const permissions = 0o7777;
const nameLength = 255;
/** How often an existing file may vanish, and a vanished one come back, while it is being opened. */
const mostAttempts = 8;

export interface NodeFsOptions {
  /** Every change is refused with EROFS. */
  readonly readOnly: boolean;
  /** Whether system calls that Node.js does not have are used where they can be had (load-native.ts). Default: yes. */
  readonly native?: boolean;
  /** Is told why they can not be had. */
  readonly log?: (line: string) => void;
  /** How files are reached. Default: through descriptors where the host has /proc, by checked paths elsewhere. */
  readonly walk?: WalkKind;
  /** The most names that are kept of folders that the guest lists. Default: `maximumListedNames`. */
  readonly listedNames?: number;
  /** Who owns the files, and what is kept of them besides. */
  readonly security?: SecurityOptions;
}

export class NodeFsBackend implements Backend {
  readonly #readOnly: boolean;
  readonly #walk: Walk;
  readonly #tree: Tree;
  readonly #places: Places;
  readonly #native: Native | undefined;
  readonly #security: Security;
  readonly #times: TimeAbilities;
  readonly #files: OpenFiles;
  readonly #names: NameChanges;
  readonly #looks: Looks;
  readonly #locks = new Set<HostLocks>();

  /** Shares `directory`. Throws Error naming it where it is missing, no folder, or may not be read. */
  static open(directory: string, options: NodeFsOptions): NodeFsBackend {
    return new NodeFsBackend(directory, options);
  }

  private constructor(directory: string, options: NodeFsOptions) {
    const { readOnly, walk: kind, native: wanted, log } = options;
    this.#readOnly = readOnly;
    const descriptors = new Descriptors(descriptorLimit());
    const loaded = wanted === false ? undefined : loadNative(log ?? (() => undefined));
    const { walk, stat, native } = openRoot(directory, descriptors, kind, loaded);
    const numbers = new InodeNumbers(stat.dev);
    this.#walk = walk;
    this.#native = native;
    this.#times = { ...timeAbilities(process.versions.uv), native };
    this.#tree = new Tree(stat, (entry) => walk.freed(entry));
    try {
      this.#security = openSecurity(options.security ?? {}, {
        stat,
        root: walk.folder(this.#tree.root),
        native,
        log: log ?? (() => undefined),
      });
    } catch (error) {
      walk.close();
      throw error;
    }
    this.#places = new Places(this.#tree, walk);
    this.#looks = new Looks({ walk, tree: this.#tree, native, numbers, security: this.#security });
    this.#files = new OpenFiles({
      tree: this.#tree,
      places: this.#places,
      share: {
        walk,
        descriptors,
        numbers,
        security: this.#security,
        native,
        listings: new Listings(options.listedNames),
      },
      changing: () => this.#changing(),
    });
    this.#names = new NameChanges({ walk, tree: this.#tree, descriptors, native, security: this.#security });
  }

  /** Nodes that are referenced, the root, and files that are open, for those who look for leaks. */
  get handleCount(): number {
    return this.#tree.size + this.#files.count;
  }

  root(): Node {
    return this.#tree.hold(this.#tree.root);
  }

  retain(node: Node): void {
    this.#tree.retain(node);
  }

  forget(node: Node): void {
    this.#tree.forget(node);
  }

  lookup(parent: Node, name: Bytes): Node | undefined {
    const known = this.#tree.get(parent);
    if (!known.isFolder) throw new Errno('ENOTDIR');
    if (known.isGone) return undefined;
    const component = componentOf(name);
    return this.#places.following(known, (folder) => {
      const stat = this.#walk.stat(folder, component);
      if (stat === undefined) return undefined;
      const entry = this.#tree.reach(folder, component, stat);
      this.#walk.found(entry);
      this.#looks.saw(entry, stat);
      return entry.node;
    });
  }

  parent(node: Node): Node {
    const entry = this.#tree.get(node);
    if (entry.isGone) throw new Errno('ENOENT');
    return this.#tree.hold(entry.parent ?? entry);
  }

  name(node: Node): Bytes {
    const entry = this.#tree.get(node);
    if (entry.isRoot) throw new Errno('EBUSY');
    if (entry.isGone) throw new Errno('ENOENT');
    return nameToBytes(entry.name);
  }

  getattr(node: Node): Attributes {
    return this.#looks.at(node);
  }

  setattr(node: Node, changes: AttributeChanges): void {
    this.#changing();
    const entry = this.#tree.get(node);
    // Permissions that go must not keep what is open from being opened again.
    if (changes.mode !== undefined) reopenFiles(entry);
    this.#withTarget(node, (target) => change(target, changes, { security: this.#security, times: this.#times }));
  }

  readlink(node: Node): Bytes {
    const entry = this.#tree.get(node);
    if (entry.type !== fileType.link) return this.#withTarget(node, (target) => readHiddenLink(target, this.#security));
    return this.#places.following(entry, (link) => {
      if (link.parent === undefined) throw new Errno('ENOENT');
      const path = this.#walk.child(link.parent, link.name);
      const stat = host.lstat(path);
      if (stat === undefined || !link.isSame(stat)) throw new Errno('ESTALE');
      return pathToBytes(host.readlink(path));
    });
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Node {
    this.#changing();
    const component = componentOf(name);
    const making = { mode: fileType.folder | (mode & permissions), rdev: 0n, caller };
    return this.#inFolder(parent, (folder) => this.#names.mkdir(folder, component, making).node);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Node {
    this.#changing();
    const component = componentOf(name);
    const making = { mode, rdev, caller };
    if ((mode & fileType.mask) !== fileType.file && !this.#security.hidesTypes) {
      // mknod(2): EPERM where the file system does not have the type.
      if (!this.#security.makesSpecialFiles)
        throw new Errno('EPERM', 'special files are made with security=mapped or passthrough only');
      return this.#inFolder(parent, (folder) => this.#names.mknod(folder, component, making).node);
    }
    const made = this.#inFolder(parent, (folder) => this.#names.createFile(folder, component, O_WRONLY, making));
    if (made === undefined) throw new Errno('EEXIST');
    try {
      host.close(made.fd);
    } catch (error) {
      this.#tree.release(made.entry);
      throw error;
    }
    return made.entry.node;
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Node {
    this.#changing();
    const component = componentOf(name);
    const copy = target.slice();
    if (copy.includes(0)) throw new Errno('EINVAL', 'a link to a name with a NUL');
    const making = { mode: fileType.link | 0o777, rdev: 0n, caller };
    return this.#inFolder(parent, (folder) => this.#names.symlink(folder, component, copy, making).node);
  }

  link(node: Node, parent: Node, name: Bytes): void {
    this.#changing();
    const entry = this.#tree.get(node);
    const component = componentOf(name);
    if (entry.isFolder) throw new Errno('EPERM', 'a second name for a folder');
    this.#inFolder(parent, (folder) =>
      this.#places.following(entry, (file) => this.#names.link(file, folder, component)),
    );
  }

  unlink(parent: Node, name: Bytes, isFolder: boolean): void {
    this.#changing();
    const component = componentOf(name);
    this.#inFolder(parent, (folder) => this.#names.unlink(folder, component, isFolder));
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): void {
    this.#changing();
    const known = renameFlags.noReplace | (this.#native === undefined ? 0 : renameFlags.exchange);
    if ((flags & ~known) !== 0) throw new Errno('EINVAL', 'this host can not exchange names');
    const component = componentOf(name);
    const newComponent = componentOf(newName);
    this.#inFolder(parent, (folder) =>
      this.#inFolder(newParent, (newFolder) => this.#names.rename(folder, component, newFolder, newComponent, flags)),
    );
  }

  create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): { readonly node: Node; readonly file: OpenFile } {
    const component = componentOf(name);
    this.#looks.forget();
    const making = { mode: fileType.file | (mode & permissions), rdev: 0n, caller };
    return this.#inFolder(parent, (folder) => this.#create(folder, component, flags, making));
  }

  open(node: Node, flags: number): OpenFile {
    return this.#files.open(this.#tree.get(node), flags);
  }

  release(file: OpenFile): Awaitable<void> {
    return this.#files.release(file);
  }

  getattrOpen(file: OpenFile): Attributes {
    return this.#looks.opened(this.#files.get(file).opened());
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges): void {
    this.#changing();
    const opened = this.#files.get(file);
    if (changes.mode !== undefined) reopenFiles(opened.entry);
    change(new OpenTarget(opened.opened()), changes, { security: this.#security, times: this.#times });
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number {
    return this.#files.get(file).read(offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    this.#looks.forget();
    return this.#files.get(file).write(offset, from);
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): void {
    const opened = this.#files.get(file);
    if (!opened.entry.isFolder) throw new Errno('ENOTDIR');
    opened.list(cookie, emit);
  }

  fsync(file: OpenFile, dataOnly: boolean): Promise<void> {
    return this.#files.get(file).sync(dataOnly);
  }

  openLocks(file: OpenFile): OutsideLocks | undefined {
    if (this.#native === undefined) return undefined;
    const fd = this.#files.get(file).opened();
    const open = (flags: number): number => this.#walk.openAgain(fd, flags);
    const locks = HostLocks.open(this.#native, open, !this.#readOnly, (closed) => this.#locks.delete(closed));
    this.#locks.add(locks);
    return locks;
  }

  getxattr(node: Node, name: Bytes): Bytes | undefined {
    const xattrs = this.#xattrs();
    const kept = hostXattr(name, this.#security.accessLists);
    const value = kept && this.#withTarget(node, (target) => xattrs.getxattr(linkOf(target), kept));
    return value && this.#isHostsList(name) ? listToGuest(value, this.#security.owners) : value;
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): void {
    const xattrs = this.#xattrs();
    this.#changing();
    if (isKeptXattr(name)) throw new Errno('EACCES', 'an attribute of the share itself');
    const kept = hostXattr(name, this.#security.accessLists);
    if (kept === undefined) throw new Errno('EOPNOTSUPP', 'only the attributes of users and access lists are kept');
    const set = this.#isHostsList(name) ? listToHost(value, this.#security.owners) : value;
    this.#withTarget(node, (target) => xattrs.setxattr(linkOf(target), kept, set, flags));
  }

  listxattr(node: Node): readonly Bytes[] {
    const xattrs = this.#xattrs();
    const names = this.#withTarget(node, (target) => xattrs.listxattr(linkOf(target)));
    return names.flatMap((name) => guestXattr(name, this.#security.accessLists) ?? []);
  }

  removexattr(node: Node, name: Bytes): void {
    const xattrs = this.#xattrs();
    this.#changing();
    const kept = hostXattr(name, this.#security.accessLists);
    if (kept === undefined) throw new Errno('ENODATA');
    this.#withTarget(node, (target) => xattrs.removexattr(linkOf(target), kept));
  }

  statfs(node: Node): FilesystemStatistics {
    const entry = this.#tree.get(node);
    const folder = entry.isFolder ? entry : (entry.parent ?? this.#tree.root);
    const statistics = this.#places.following(folder, (found) => host.statfs(this.#walk.folder(found)));
    return {
      type: Number(BigInt.asUintN(32, statistics.type)),
      blockSize: Number(statistics.bsize),
      blocks: statistics.blocks,
      blocksFree: statistics.bfree,
      blocksAvailable: statistics.bavail,
      files: statistics.files,
      filesFree: statistics.ffree,
      fsid: entry.dev,
      nameLength,
    };
  }

  /** Waits for what another thread still does with a file. Throws the first error of closing, with everything closed. */
  async close(): Promise<void> {
    const closed = await this.#files.close();
    for (const locks of this.#locks) locks.close();
    this.#walk.close();
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }

  /** The calls for extended attributes. Throws EOPNOTSUPP where there are none. */
  #xattrs(): Native {
    if (this.#native === undefined) throw new Errno('EOPNOTSUPP');
    return this.#native;
  }

  #isHostsList(name: Bytes): boolean {
    return this.#security.accessLists === 'host' && isAccessList(name);
  }

  /** Does `action` to the file of a node. */
  #withTarget<T>(node: Node, action: (target: Target) => T): T {
    return this.#places.reaching(
      this.#tree.get(node),
      (found) => this.#walk.withTarget(found, action),
      (opened) => action(new OpenTarget(opened)),
    );
  }

  /** Does `action` in a folder. */
  #inFolder<T>(node: Node, action: (folder: Entry) => T): T {
    const entry = this.#tree.get(node);
    if (!entry.isFolder) throw new Errno('ENOTDIR');
    if (entry.isGone) throw new Errno('ENOENT', 'the folder was removed');
    return this.#places.following(entry, action);
  }

  /** Comes before every change. Throws EROFS. */
  #changing(): void {
    this.#looks.forget();
    if (this.#readOnly) throw new Errno('EROFS');
  }

  #create(
    folder: Entry,
    component: HostName,
    flags: number,
    making: Making,
  ): { readonly node: Node; readonly file: OpenFile } {
    const asked = hostFlags(flags);
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const made = this.#readOnly ? undefined : this.#names.createFile(folder, component, asked, making);
      if (made !== undefined) return { node: made.entry.node, file: this.#files.add(made.entry, made.fd, asked) };
      const stat = this.#walk.stat(folder, component);
      if (stat === undefined) {
        this.#changing();
        continue;
      }
      if ((flags & openFlags.exclusive) !== 0) throw new Errno('EEXIST');
      if (typeOf(stat) === fileType.folder) throw new Errno('EISDIR');
      const entry = this.#tree.reach(folder, component, stat);
      try {
        return { node: entry.node, file: this.#files.open(entry, flags) };
      } catch (error) {
        this.#tree.release(entry);
        if (!isErrno(error, 'ESTALE')) throw error;
      }
    }
    throw new Errno('EAGAIN', 'the name comes and goes');
  }
}
