// Rows of inodes and entries are given to others once nothing leads to what had them: whoever refers to a file must never see another's.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { noId, openFlags, type Node, type OpenFile } from '../../../devices/9p/backend.ts';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { Folder } from '../../../devices/9p/memory/folder.ts';
import { Inode } from '../../../devices/9p/memory/inode.ts';
import { Rows } from '../../../devices/9p/memory/rows.ts';
import { usedMemory } from '../../used-memory.ts';
import { bytes } from './client.ts';

const caller = { uid: 0, gid: noId };

function emptyBackend(): MemoryBackend {
  return new MemoryBackend({ now: () => 0n });
}

/** What tells a file of the model from all others: its owner, which no other has. */
interface Known {
  readonly owner: number;
  names: number;
}

test('nodes and open files have their own numbers, whatever comes and goes beside them', () => {
  const step = fc.record({
    what: fc.constantFrom(
      'create',
      'create',
      'mkdir',
      'unlink',
      'unlink',
      'rename',
      'link',
      'open',
      'forget',
      'release',
    ),
    folder: fc.nat(2),
    name: fc.constantFrom('a', 'b', 'c'),
    other: fc.constantFrom('a', 'b', 'c'),
    choice: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const backend = emptyBackend();
      const root = backend.root();
      const folders = ['x', 'y', 'z'].map((name) => backend.mkdir(root, bytes(name), 0o755, caller));
      const there = new Map<string, Known>();
      const nodes: { node: Node; known: Known }[] = [];
      const files: { file: OpenFile; known: Known }[] = [];
      let owners = 0;
      const drop = (key: string): void => {
        const known = there.get(key);
        if (known !== undefined) known.names--;
        there.delete(key);
      };
      const take = <T>(list: T[], choice: number): T | undefined => list.splice(choice % (list.length || 1), 1)[0];
      for (const { what, folder, name, other, choice } of steps) {
        const parent = folders[folder]!;
        const key = `${folder}/${name}`;
        const known = there.get(key);
        if (what === 'create' || what === 'mkdir') {
          if (known !== undefined) continue;
          const made = { owner: ++owners, names: 1 };
          const who = { uid: made.owner, gid: noId };
          if (what === 'mkdir') nodes.push({ node: backend.mkdir(parent, bytes(name), 0o755, who), known: made });
          else {
            const { node, file } = backend.create(parent, bytes(name), openFlags.readWrite, 0o644, who);
            nodes.push({ node, known: made });
            files.push({ file, known: made });
            backend.write(file, 0, [new Uint8Array(made.owner)]);
          }
          there.set(key, made);
        } else if (what === 'forget') {
          const gone = take(nodes, choice);
          if (gone !== undefined) backend.forget(gone.node);
        } else if (what === 'release') {
          const gone = take(files, choice);
          if (gone !== undefined) backend.release(gone.file);
        } else if (known !== undefined) {
          const node = backend.lookup(parent, bytes(name))!;
          const isFolder = (backend.getattr(node).mode & 0o170000) === 0o040000;
          const target = `${(folder + 1) % 3}/${other}`;
          const beside = folders[(folder + 1) % 3]!;
          if (what === 'open') nodes.push({ node, known });
          else backend.forget(node);
          if (what === 'unlink') {
            backend.unlink(parent, bytes(name), isFolder);
            drop(key);
          } else if (what === 'rename' && !there.has(target)) {
            backend.rename(parent, bytes(name), beside, bytes(other), 0);
            there.delete(key);
            there.set(target, known);
          } else if (what === 'link' && !there.has(target) && !isFolder) {
            const from = backend.lookup(parent, bytes(name))!;
            backend.link(from, beside, bytes(other));
            backend.forget(from);
            known.names++;
            there.set(target, known);
          }
        }
        const held = [
          ...nodes.map((each) => ({ known: each.known, attributes: backend.getattr(each.node) })),
          ...files.map((each) => ({ known: each.known, attributes: backend.getattrOpen(each.file) })),
          ...Array.from(there, ([at, its]) => {
            const node = backend.lookup(folders[Number(at[0])]!, bytes(at.slice(2)))!;
            const attributes = backend.getattr(node);
            backend.forget(node);
            return { known: its, attributes };
          }),
        ];
        const others = held.filter(({ known: { owner, names }, attributes: { mode, uid, nlink, size } }) => {
          const isFolder = (mode & 0o170000) === 0o040000;
          return uid !== owner || nlink !== (isFolder ? 2 * names : names) || size !== (isFolder ? 0 : owner);
        });
        if (others.length > 0) expect(others).toEqual([]);
      }
      for (const { node } of nodes) backend.forget(node);
      for (const { file } of files) backend.release(file);
      expect(backend.handleCount).toBe(4);
    }),
    { numRuns: 50 },
  );
});

test('a node that nobody refers to is refused, also while its row waits for another entry', () => {
  const backend = emptyBackend();
  const root = backend.root();
  const { node, file } = backend.create(root, bytes('file'), openFlags.readWrite, 0o644, caller);
  backend.release(file);
  backend.forget(node);
  const calls = [
    () => backend.getattr(node),
    () => backend.retain(node),
    () => backend.forget(node),
    () => backend.lookup(node, bytes('x')),
    () => backend.getattr(0 as Node),
    () => backend.getattr(1_000_000 as Node),
    () => backend.getattr(-1 as Node),
  ];
  for (const call of calls) expect(call).toThrow('does not exist');
  backend.unlink(root, bytes('file'), false);
  for (const call of calls) expect(call).toThrow('does not exist');
});

test('files and folders that come and go leave no rows behind', () => {
  const backend = emptyBackend();
  const root = backend.root();
  const comeAndGo = (times: number): void => {
    for (let time = 0; time < times; time++) {
      const folder = backend.mkdir(root, bytes(`folder-${time}`), 0o755, caller);
      const { node, file } = backend.create(folder, bytes('file'), openFlags.readWrite, 0o644, caller);
      backend.unlink(folder, bytes('file'), false);
      backend.unlink(root, bytes(`folder-${time}`), true);
      backend.forget(folder);
      backend.forget(node);
      backend.release(file);
    }
  };
  comeAndGo(1000);
  const before = usedMemory();
  comeAndGo(20_000);
  // Rows alone would be 2.8 MB.
  expect(usedMemory() - before).toBeLessThan(2 ** 20);
});

test('an inode that is gone tells nothing of the one that has its row', () => {
  const rows = new Rows();
  const make = (ino: bigint, uid: number): Inode =>
    new Inode(rows, ino, 0o020644, { kind: 'special', rdev: 7n }, uid, uid, 5n);
  const gone = make(7n, 1000);
  gone.retire();
  gone.retire();
  const next = make(8n, 2000);
  next.nlink = 1;
  const other = make(9n, 3000);
  gone.nlink++;
  gone.uid = 1;
  gone.mtime = 9n;
  gone.sized(77, 4096);
  expect({ ...gone.attributes() }).toMatchObject({ mode: 0, uid: 0, nlink: 0, size: 0, blocks: 0, mtime: 0n });
  expect([gone.ino, gone.isGone, next.isGone]).toEqual([7n, true, false]);
  expect(next.attributes()).toMatchObject({ ino: 8n, uid: 2000, nlink: 1, mtime: 5n, rdev: 7n });
  expect(other.attributes()).toMatchObject({ ino: 9n, uid: 3000, nlink: 0 });
});

test('a folder that is gone with names in it shares them with no other', () => {
  const backend = new (class extends MemoryBackend {
    /** As where a host has removed it. */
    vanish(name: string): void {
      const { parent, inode } = this.rootEntry;
      if (inode.content.kind !== 'folder' || parent === undefined) throw new Error('the root is no folder');
      const entry = inode.content.folder.get(bytes(name))!;
      this.extract(entry, inode);
      this.dropName(entry.inode);
    }
  })({ now: () => 0n });
  const root = backend.root();
  const old = backend.mkdir(root, bytes('old'), 0o755, caller);
  const { node, file } = backend.create(old, bytes('secret'), openFlags.readWrite, 0o600, { uid: 1, gid: 1 });
  backend.release(file);
  backend.vanish('old');
  backend.forget(old);
  const folders = Array.from({ length: 3 }, (_, index) => backend.mkdir(root, bytes(`new-${index}`), 0o755, caller));
  for (const folder of folders) expect(backend.lookup(folder, bytes('secret'))).toBeUndefined();
  expect(backend.getattr(node).uid).toBe(1);
  expect(() => backend.parent(node)).toThrow('ENOENT');
});

test('folders that were emptied and filled again have their own names', () => {
  const backend = emptyBackend();
  const root = backend.root();
  const [one, two] = ['one', 'two'].map((name) => backend.mkdir(root, bytes(name), 0o755, caller)) as [Node, Node];
  const fill = (folder: Node, name: string): void => {
    const { node, file } = backend.create(folder, bytes(name), openFlags.readWrite, 0o600, caller);
    backend.release(file);
    backend.forget(node);
  };
  fill(one, 'a');
  backend.unlink(one, bytes('a'), false);
  fill(two, 'b');
  fill(one, 'c');
  expect(['a', 'b', 'c'].map((name) => backend.lookup(one, bytes(name)) !== undefined)).toEqual([false, false, true]);
  expect(['a', 'b', 'c'].map((name) => backend.lookup(two, bytes(name)) !== undefined)).toEqual([false, true, false]);
  expect([backend.getattr(one).size, backend.getattr(one).blocks]).toEqual([32, 0]);
  expect(new Folder(new Rows()).get(bytes('a'))).toBeUndefined();
});
