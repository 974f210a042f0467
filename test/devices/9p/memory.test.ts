// What the memory backend does beyond what every backend does.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileType, noId, openFlags, renameFlags } from '../../../devices/9p/backend.ts';
import type { Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { memory } from './backends.ts';
import { bytes, cut, text } from './client.ts';

const root = { uid: 0, gid: 0 };

function create(
  backend: MemoryBackend,
  name: string,
  flags: number = openFlags.readWrite,
): { node: Node; file: OpenFile } {
  return backend.create(backend.root(), bytes(name), flags, 0o644, root);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
  return 'no error';
}

function namesOf(backend: MemoryBackend, folder: Node): string[] {
  const file = backend.open(folder, 0);
  const names: string[] = [];
  backend.readdir(file, 0n, ({ name }) => {
    names.push(text(name));
    return true;
  });
  backend.release(file);
  return names.slice(2);
}

test('sparse data reads back like one array of bytes', () => {
  const size = 400_000;
  const operation = fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      at: fc.nat(size),
      data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    }),
    fc.record({ kind: fc.constant('fill' as const), at: fc.nat(size), length: fc.nat(150_000) }),
    fc.record({ kind: fc.constant('resize' as const), at: fc.nat(size) }),
    fc.record({ kind: fc.constant('read' as const), at: fc.nat(size), length: fc.nat(200_000) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
      const backend = memory();
      const { node, file } = create(backend, 'x');
      const model = new Uint8Array(1_000_000);
      let length = 0;
      for (const each of operations) {
        if (each.kind === 'resize') {
          backend.setattrOpen(file, { size: each.at });
          if (each.at < length) model.fill(0, each.at, length);
          length = each.at;
        } else if (each.kind === 'read') {
          const target = new Uint8Array(each.length).fill(0xee);
          const count = backend.read(file, each.at, cut(target, [7, 5000]));
          expect(count).toBe(Math.max(0, Math.min(each.length, length - each.at)));
        } else {
          const data = each.kind === 'write' ? each.data : new Uint8Array(each.length).fill(each.at & 0xff);
          expect(backend.write(file, each.at, cut(data, [1, 100]))).toBe(data.length);
          model.set(data, each.at);
          if (data.length > 0) length = Math.max(length, each.at + data.length);
        }
        expect(backend.getattr(node).size).toBe(length);
      }
      const target = new Uint8Array(length + 10).fill(0xee);
      const pieces = [target.subarray(0, 3), target.subarray(3, 70_000), target.subarray(70_000)];
      expect(backend.read(file, 0, pieces)).toBe(length);
      expect(Buffer.compare(target.subarray(0, length), model.subarray(0, length))).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('a hole takes no space', () => {
  const backend = memory();
  const { node, file } = create(backend, 'x');
  backend.write(file, 2 ** 50, [bytes('far')]);
  const { size, blocks } = backend.getattr(node);
  expect(size).toBe(2 ** 50 + 3);
  expect(blocks * 512).toBeLessThan(100_000);
  expect(backend.usedSpace).toBe(blocks * 512);
});

test('a small file takes little space, and gives it back when it is gone', () => {
  const backend = memory();
  const { node, file } = create(backend, 'x');
  backend.write(file, 0, [bytes('small')]);
  expect(backend.usedSpace).toBe(512);
  backend.unlink(backend.root(), bytes('x'), false);
  expect(backend.usedSpace).toBe(512);
  backend.release(file);
  expect(backend.usedSpace).toBe(512);
  backend.forget(node);
  expect(backend.usedSpace).toBe(0);
});

test('cutting a file frees its space', () => {
  const backend = memory();
  const { file } = create(backend, 'x');
  backend.write(file, 0, [new Uint8Array(1_000_000).fill(1)]);
  backend.setattrOpen(file, { size: 70_000 });
  expect(backend.usedSpace).toBe(2 * 65_536);
  backend.setattrOpen(file, { size: 0 });
  expect(backend.usedSpace).toBe(0);
});

test('statfs counts names and space', () => {
  const backend = new MemoryBackend({ now: () => 0n, capacity: 40_960 });
  const before = backend.statfs();
  expect(before).toMatchObject({ blocks: 10n, blocksFree: 10n });
  const { file } = create(backend, 'x');
  backend.write(file, 0, [new Uint8Array(8192)]);
  const after = backend.statfs();
  expect(after.blocksFree).toBe(8n);
  expect(before.filesFree - after.filesFree).toBe(1n);
});

test('without a caller’s ids files belong to root', () => {
  const backend = memory();
  const node = backend.mkdir(backend.root(), bytes('x'), 0o755, { uid: noId, gid: noId });
  expect(backend.getattr(node)).toMatchObject({ uid: 0, gid: 0 });
});

test('rename with noReplace leaves what is there', () => {
  const backend = memory();
  create(backend, 'a');
  create(backend, 'b');
  const folder = backend.root();
  expect(codeOf(() => backend.rename(folder, bytes('a'), folder, bytes('b'), renameFlags.noReplace))).toBe('EEXIST');
  backend.rename(folder, bytes('a'), folder, bytes('c'), renameFlags.noReplace);
  expect(namesOf(backend, folder)).toEqual(['b', 'c']);
});

test('rename with exchange swaps a file and a folder between folders', () => {
  const backend = memory();
  const folder = backend.root();
  const { node: file } = create(backend, 'file');
  const one = backend.mkdir(folder, bytes('one'), 0o755, root);
  const two = backend.mkdir(one, bytes('two'), 0o755, root);
  backend.rename(folder, bytes('file'), one, bytes('two'), renameFlags.exchange);
  expect(namesOf(backend, folder)).toEqual(['one', 'file']);
  expect(namesOf(backend, one)).toEqual(['two']);
  expect(text(backend.name(file))).toBe('two');
  expect(text(backend.name(two))).toBe('file');
  expect(backend.parent(two)).toBe(folder);
  expect(backend.getattr(folder).nlink).toBe(4);
  expect(backend.getattr(one).nlink).toBe(2);
});

test('exchange with what is missing is ENOENT, with what is above EINVAL', () => {
  const backend = memory();
  const folder = backend.root();
  const one = backend.mkdir(folder, bytes('one'), 0o755, root);
  backend.mkdir(one, bytes('two'), 0o755, root);
  const exchange = renameFlags.exchange;
  expect(codeOf(() => backend.rename(folder, bytes('one'), folder, bytes('x'), exchange))).toBe('ENOENT');
  expect(codeOf(() => backend.rename(one, bytes('two'), folder, bytes('one'), exchange))).toBe('EINVAL');
  expect(codeOf(() => backend.rename(folder, bytes('one'), one, bytes('two'), exchange))).toBe('EINVAL');
  expect(namesOf(backend, one)).toEqual(['two']);
});

test('reading moves atime only when something has changed since, or once a day', () => {
  let now = 1_000_000_000n;
  const backend = new MemoryBackend({ now: () => now });
  const { node, file } = create(backend, 'x');
  backend.write(file, 0, [bytes('x')]);
  const readAt = (time: bigint): bigint => {
    now = time;
    backend.read(file, 0, [new Uint8Array(1)]);
    return backend.getattr(node).atime;
  };
  expect(readAt(2_000_000_000n)).toBe(2_000_000_000n);
  expect(readAt(3_000_000_000n)).toBe(2_000_000_000n);
  const day = 86_400_000_000_000n;
  expect(readAt(2_000_000_000n + day)).toBe(2_000_000_000n + day);
});

test('100,000 entries: names are found, listed once each, and removed, in a time that grows with their number only', () => {
  const backend = memory();
  const folder = backend.root();
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    backend.forget(backend.mknod(folder, bytes(`entry-${i}`), fileType.file | 0o644, 0n, root));
  }
  const file = backend.open(folder, 0);
  let cookie = 0n;
  let seen = 0;
  // A hundred at a time, as a client lists; every second one is removed on the way.
  for (let before = -1; seen !== before;) {
    before = seen;
    let taken = 0;
    const doomed: Uint8Array[] = [];
    backend.readdir(file, cookie, (entry) => {
      if (taken++ === 100) return false;
      ({ cookie } = entry);
      if (++seen % 2 === 0 && entry.name.length > 2) doomed.push(new Uint8Array(entry.name));
      return true;
    });
    for (const name of doomed) backend.unlink(folder, name, false);
  }
  expect(seen).toBe(count + 2);
  expect(namesOf(backend, folder)).toHaveLength(count / 2);
  expect(backend.lookup(folder, bytes('entry-99999'))).toBeUndefined();
});

test('names of equal length and every byte are told apart', () => {
  const backend = memory();
  const folder = backend.root();
  const nodes = new Set<Node>();
  for (let i = 1; i < 256; i++) {
    for (const name of [Uint8Array.of(i), Uint8Array.of(0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, i, 0x79)]) {
      if (i !== 0x2e && i !== 0x2f) nodes.add(backend.mkdir(folder, name, 0o755, root));
    }
  }
  expect(nodes.size).toBe(2 * 253);
});

test('a handle that is none is our mistake, not the guest’s', () => {
  const backend = memory();
  const node = backend.root();
  backend.forget(node);
  expect(() => backend.getattr(node)).toThrow('node 1 does not exist');
});

test('handles are used again', () => {
  const backend = memory();
  for (let i = 0; i < 1000; i++) backend.forget(backend.root());
  expect(backend.handleCount).toBe(0);
  expect(backend.root()).toBe(1);
});

test('the target of a link counts as names do: memory is bounded, however long links are', () => {
  const backend = memory();
  const folder = backend.root();
  const free = backend.statfs().filesFree;
  backend.forget(backend.symlink(folder, bytes('short'), bytes('x'), root));
  expect(free - backend.statfs().filesFree).toBe(1n);
  backend.forget(backend.symlink(folder, bytes('long'), new Uint8Array(4095).fill(0x78), root));
  expect(free - backend.statfs().filesFree).toBe(9n);
  backend.unlink(folder, bytes('long'), false);
  backend.unlink(folder, bytes('short'), false);
  expect(backend.statfs().filesFree).toBe(free);
});
