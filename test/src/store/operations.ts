// Random operations on a tree of files, done to a store and to plain memory alike, and a picture of all there is to compare.
import * as fc from 'fast-check';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type { Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { FileTree } from '../../../devices/9p/memory/file-tree.ts';
import { bytes, text } from '../../backend-suite/guest.ts';

const someone = { uid: 7, gid: 8 };
const paths = ['a', 'b', 'c', 'a/x', 'a/y', 'b/x', 'c/x', 'a/x/z'];

export const chunkLength = 4096;
/** Files reach over a few chunks, with ends and holes at any place. */
const offsets = fc.oneof(fc.nat(200), fc.nat(5 * chunkLength), fc.constantFrom(chunkLength, 2 * chunkLength));
const path = fc.constantFrom(...paths);
/** The last goes with the data that it was given to. */
const attributeName = fc.constantFrom('user.0', 'user.1', 'user.2', 'security.capability');
/** What is a file most of the time. */
const file = fc.constantFrom('b', 'c', 'a/x');

const dataOperation = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), path: file, truncate: fc.boolean() }),
  fc.record({ kind: fc.constant('write' as const), path: file, at: offsets, length: offsets, fill: fc.nat(255) }),
  fc.record({ kind: fc.constant('write' as const), path: file, at: offsets, length: fc.nat(30), fill: fc.nat(255) }),
  fc.record({ kind: fc.constant('resize' as const), path: file, at: offsets }),
);
const treeOperation = fc.oneof(
  fc.record({ kind: fc.constant('mkdir' as const), path }),
  fc.record({ kind: fc.constant('create' as const), path, truncate: fc.boolean() }),
  fc.record({ kind: fc.constant('rename' as const), path, other: path, flags: fc.constantFrom(0, 0, 0, 1, 2) }),
  fc.record({ kind: fc.constant('link' as const), path, other: path }),
  fc.record({ kind: fc.constant('unlink' as const), path }),
  fc.record({ kind: fc.constant('rmdir' as const), path }),
  fc.record({ kind: fc.constant('symlink' as const), path, other: path }),
  fc.record({ kind: fc.constant('mknod' as const), path, rdev: fc.bigInt(0n, 2n ** 64n - 1n) }),
  fc.record({ kind: fc.constant('change' as const), path, mode: fc.nat(0o7777), uid: fc.nat(2 ** 32 - 2) }),
  fc.record({ kind: fc.constant('utimes' as const), path, mtime: fc.bigInt(-(2n ** 62n), 2n ** 62n) }),
  fc.record({ kind: fc.constant('setxattr' as const), path, name: attributeName, length: fc.nat(100) }),
  fc.record({ kind: fc.constant('removexattr' as const), path, name: attributeName }),
  fc.record({ kind: fc.constant('hold' as const), path }),
  fc.record({ kind: fc.constant('let go' as const) }),
  fc.record({ kind: fc.constant('write held' as const), at: offsets, length: offsets, fill: fc.nat(255) }),
  fc.record({ kind: fc.constant('read held' as const), at: offsets, length: offsets }),
);
export const operation = fc.oneof(dataOperation, treeOperation);
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Does operations by paths, and keeps files open as programs do. */
export class Hands {
  readonly tree: FileTree;
  readonly #held: OpenFile[] = [];

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  /** Returns what came of it, as text. */
  async do(operation: Operation): Promise<string> {
    const nodes: Node[] = [];
    try {
      return await this.#try(operation, nodes);
    } catch (error) {
      if (error instanceof Errno) return error.code;
      throw error;
    } finally {
      for (const node of nodes) this.tree.forget(node);
    }
  }

  async letGo(): Promise<void> {
    for (const file of this.#held.splice(0)) this.tree.release(file);
  }

  async #try(operation: Operation, nodes: Node[]): Promise<string> {
    const { tree } = this;
    const keep = (node: Node): Node => {
      nodes.push(node);
      return node;
    };
    const at = (where: string): Node => {
      let node = keep(tree.root());
      for (const part of where.split('/').filter((each) => each !== '')) {
        const next = tree.lookup(node, bytes(part));
        if (next === undefined) throw new Errno('ENOENT');
        node = keep(next);
      }
      return node;
    };
    const split = (where: string): [Node, Uint8Array<ArrayBuffer>] => {
      const end = where.lastIndexOf('/');
      return [at(where.slice(0, Math.max(0, end))), bytes(where.slice(end + 1))];
    };
    const [held] = this.#held;
    switch (operation.kind) {
      case 'mkdir':
        keep(tree.mkdir(...split(operation.path), 0o755, someone));
        return 'made';
      case 'create': {
        const flags = openFlags.readWrite | (operation.truncate ? openFlags.truncate : 0);
        const { node, file } = tree.create(...split(operation.path), flags, 0o644, someone);
        keep(node);
        tree.release(file);
        return 'created';
      }
      case 'write': {
        const file = tree.open(at(operation.path), openFlags.readWrite);
        try {
          return `wrote ${await tree.write(file, operation.at, [filled(operation.length, operation.fill)])}`;
        } finally {
          tree.release(file);
        }
      }
      case 'resize':
        tree.setattr(at(operation.path), { size: operation.at });
        return 'resized';
      case 'rename':
        tree.rename(...split(operation.path), ...split(operation.other), operation.flags);
        return 'renamed';
      case 'link':
        tree.link(at(operation.path), ...split(operation.other));
        return 'linked';
      case 'unlink':
        tree.unlink(...split(operation.path), false);
        return 'unlinked';
      case 'rmdir':
        tree.unlink(...split(operation.path), true);
        return 'removed';
      case 'symlink':
        keep(tree.symlink(...split(operation.path), bytes(operation.other), someone));
        return 'made';
      case 'mknod':
        keep(tree.mknod(...split(operation.path), fileType.character | 0o600, operation.rdev, someone));
        return 'made';
      case 'change':
        tree.setattr(at(operation.path), { mode: operation.mode, uid: operation.uid });
        return 'changed';
      case 'utimes':
        tree.setattr(at(operation.path), { mtime: operation.mtime });
        return 'changed';
      case 'setxattr':
        tree.setxattr(at(operation.path), bytes(operation.name), filled(operation.length, 1), 0);
        return 'set';
      case 'removexattr':
        tree.removexattr(at(operation.path), bytes(operation.name));
        return 'removed';
      case 'hold':
        this.#held.push(tree.open(at(operation.path), openFlags.readWrite));
        return 'held';
      case 'let go':
        if (held !== undefined) tree.release(held);
        this.#held.shift();
        return 'let go';
      case 'write held':
        if (held === undefined) return 'nothing';
        return `wrote ${await tree.write(held, operation.at, [filled(operation.length, operation.fill)])}`;
      case 'read held':
      default:
        operation satisfies { readonly kind: 'read held' };
        return held === undefined ? 'nothing' : text(await readAt(tree, held, operation.at, operation.length));
    }
  }
}

/** Not the same byte everywhere, so that a shift shows. */
function filled(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => seed + index * 31);
}

async function readAt(tree: FileTree, file: OpenFile, at: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  // In pieces, as guest memory is.
  const result = tree.read(file, at, [into.subarray(0, 7), into.subarray(7, 100), into.subarray(100)]);
  return typeof result === 'number' ? into.subarray(0, result) : result;
}

/** Stores everything. */
export async function fsync(store: FileTree): Promise<void> {
  const root = store.root();
  const folder = store.open(root, openFlags.readOnly);
  await store.fsync(folder, false);
  store.release(folder);
  store.forget(root);
}

/** All there is in a tree, as lines of text. */
export async function picture(tree: FileTree): Promise<string> {
  const lines: string[] = [];
  const visit = async (node: Node, name: string): Promise<void> => {
    const { blocks: _, atime: __, ...attributes } = tree.getattr(node);
    const xattrs = tree.listxattr(node).map((each) => `${text(each)}=${text(tree.getxattr(node, each) ?? bytes('?'))}`);
    lines.push(`${name} ${Object.values(attributes).join(' ')} ${xattrs.join(' ')}`);
    const type = attributes.mode & fileType.mask;
    if (type === fileType.link) lines.push(text(tree.readlink(node)));
    if (type === fileType.file) {
      const file = tree.open(node, openFlags.readOnly);
      lines.push(text(await readAt(tree, file, 0, attributes.size)));
      tree.release(file);
    }
    if (type !== fileType.folder) return;
    const folder = tree.open(node, openFlags.readOnly);
    const found: { name: Uint8Array<ArrayBuffer>; line: string }[] = [];
    tree.readdir(folder, 2n, (entry) => {
      found.push({ name: entry.name.slice(), line: `${entry.cookie} ${entry.ino}` });
      return true;
    });
    tree.release(folder);
    for (const entry of found) {
      lines.push(entry.line);
      const child = tree.lookup(node, entry.name);
      if (child === undefined) throw new Error('an entry that is not found');
      await visit(child, `${name}/${text(entry.name)}`);
      tree.forget(child);
    }
  };
  const root = tree.root();
  await visit(root, '');
  tree.forget(root);
  return lines.join('\n');
}
