// Rows of nodes, and descriptors of folders that nobody refers to.
import { fstatSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Descriptors } from '../../../src/node/node-fs/descriptors.ts';
import { FolderDescriptors } from '../../../src/node/node-fs/folder-descriptors.ts';
import type { FolderDescriptor } from '../../../src/node/node-fs/folder-descriptors.ts';
import type { HostStat } from '../../../src/node/node-fs/host.ts';
import { NodeRows } from '../../../src/node/node-fs/node-rows.ts';

const folder = { node: 1 };

function stat(ino: bigint, { dev = 7n, mode = 0o100644n } = {}): HostStat {
  return { dev, ino, mode } as HostStat;
}

/** The name that a row has, as a system call reads it; undefined where it has none. */
function nameIn(rows: NodeRows, node: number): string | undefined {
  if (rows.folder(node) === 0) return undefined;
  const words = new Int32Array(16).fill(-1);
  rows.copyName(node, words);
  const bytes = Buffer.from(words.buffer);
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

describe('a row', () => {
  it('has names of up to 27 bytes, whatever it had before', () => {
    const rows = new NodeRows();
    rows.add(2, stat(1n));
    for (const length of [27, 1, 26, 28, 3, 255, 4, 0, 27]) {
      const name = String.fromCharCode(...Array.from({ length }, (_, index) => 255 - (index % 255)));
      rows.rename({ node: 2, name, parent: folder });
      expect(nameIn(rows, 2)).toBe(length > 27 ? undefined : name);
    }
    rows.rename({ node: 2, name: 'gone', parent: undefined });
    expect(nameIn(rows, 2)).toBeUndefined();
  });

  it('is of one file: number, file system and type', () => {
    const rows = new NodeRows();
    for (const ino of [1n, 2n ** 63n - 1n, -1n]) {
      rows.add(2, stat(ino));
      rows.rename({ node: 2, name: 'name', parent: folder });
      expect(rows.isSame(2, stat(ino, { mode: 0o100600n }))).toBe(true);
      expect(rows.isSame(2, stat(ino + 1n))).toBe(false);
      expect(rows.isSame(2, stat(ino, { dev: 8n }))).toBe(false);
      expect(rows.isSame(2, stat(ino, { mode: 0o40600n }))).toBe(false);
    }
    rows.add(3, stat(1n, { dev: 8n }));
    expect([rows.isSame(3, stat(1n, { dev: 8n })), rows.isSame(3, stat(1n))]).toEqual([true, false]);
  });

  it('goes with its last hold, and nothing of it is the next one’s', () => {
    const rows = new NodeRows();
    rows.add(2, stat(1n));
    rows.rename({ node: 2, name: 'name', parent: folder });
    rows.setPlain(2, 0, 5n);
    rows.hold(2);
    expect([rows.release(2), rows.folder(2), rows.release(2), rows.folder(2)]).toEqual([1, 1, 0, 0]);
    for (const none of [0, 2, 3, 1_000_000]) {
      expect(() => rows.hold(none)).toThrow(`node ${none} does not exist`);
      expect(() => rows.release(none)).toThrow(`node ${none} does not exist`);
    }
    rows.add(2, stat(1n));
    expect([rows.folder(2), rows.isPlain(2, 0, 5n), rows.isPlain(2, 0, 0n)]).toEqual([0, false, false]);
  });

  it('knows that nothing is kept of a file in one epoch, with one ctime', () => {
    const rows = new NodeRows();
    rows.add(2, stat(1n));
    rows.setPlain(2, 3, 5n);
    expect([rows.isPlain(2, 3, 5n), rows.isPlain(2, 4, 5n), rows.isPlain(2, 3, 6n)]).toEqual([true, false, false]);
  });

  it('stays when others come', () => {
    const rows = new NodeRows();
    for (let node = 1; node <= 1000; node++) {
      rows.add(node, stat(BigInt(node)));
      rows.rename({ node, name: `name-${node}`, parent: folder });
    }
    for (let node = 1; node <= 1000; node++) {
      expect([nameIn(rows, node), rows.isSame(node, stat(BigInt(node)))]).toEqual([`name-${node}`, true]);
      expect(rows.release(node)).toBe(0);
    }
  });
});

describe('what is kept of folders', () => {
  interface Holder {
    readonly dev: bigint;
    readonly ino: bigint;
    folder: FolderDescriptor | undefined;
  }

  const rootDevice = 7n;
  const holder = (ino: bigint, dev = rootDevice): Holder => ({ dev, ino, folder: undefined });
  const open = (): number => openSync('/', 'r');
  const isOpen = (fd: number): boolean => {
    try {
      return fstatSync(fd).isDirectory();
    } catch {
      return false;
    }
  };

  it('is the next entry’s of the same folder, as long as one has it', () => {
    const folders = new FolderDescriptors(new Descriptors(1000), rootDevice);
    const first = holder(1n);
    const { fd } = folders.keep(first, open());
    expect(folders.of(holder(1n))).toBeUndefined();
    folders.letGo(first);
    expect(first.folder).toBeUndefined();
    expect(folders.of(holder(2n))).toBeUndefined();
    expect(folders.of(holder(1n, 8n))).toBeUndefined();
    const next = holder(1n);
    expect(folders.of(next)?.fd).toBe(fd);
    expect(next.folder?.fd).toBe(fd);
    expect(folders.of(holder(1n))).toBeUndefined();
    folders.drop(next);
    expect([next.folder, isOpen(fd)]).toEqual([undefined, false]);
    expect(folders.of(holder(1n))).toBeUndefined();
  });

  it('is not another folder’s whose number is the same as a double', () => {
    const folders = new FolderDescriptors(new Descriptors(1000), rootDevice);
    const one = holder(2n ** 60n);
    const { fd } = folders.keep(one, open());
    folders.letGo(one);
    expect(folders.of(holder(2n ** 60n + 1n))).toBeUndefined();
    // It takes the place, and both go in the end.
    const other = holder(2n ** 60n + 1n);
    const { fd: otherFd } = folders.keep(other, open());
    expect(folders.of(holder(2n ** 60n))).toBeUndefined();
    expect([isOpen(fd), isOpen(otherFd)]).toEqual([true, true]);
    folders.close();
    expect([isOpen(fd), isOpen(otherFd), other.folder]).toEqual([false, false, undefined]);
  });

  it('goes with its entry where it is on another file system, or another has its place', () => {
    const folders = new FolderDescriptors(new Descriptors(1000), rootDevice);
    const mounted = holder(1n, 8n);
    const { fd } = folders.keep(mounted, open());
    folders.letGo(mounted);
    expect([mounted.folder, isOpen(fd)]).toEqual([undefined, false]);
    const [one, two] = [holder(1n), holder(1n)];
    const [oneFd, twoFd] = [one, two].map((each) => folders.keep(each, open()).fd);
    folders.letGo(one);
    folders.letGo(two);
    expect([isOpen(oneFd!), isOpen(twoFd!)]).toEqual([false, true]);
    folders.close();
    expect(isOpen(twoFd!)).toBe(false);
  });

  it('is closed for want of descriptors, least recently used first', () => {
    const descriptors = new Descriptors(160);
    const folders = new FolderDescriptors(descriptors, rootDevice);
    const numbers = Array.from({ length: 30 }, (_, index) => BigInt(index));
    for (const number of numbers) {
      const one = holder(number);
      folders.use(folders.keep(one, open()));
      folders.letGo(one);
    }
    // An eighth of the limit.
    expect(descriptors.folders.size).toBe(20);
    const left = numbers.map((number) => folders.of(holder(number)));
    expect(left.map((kept) => kept !== undefined)).toEqual(numbers.map((number) => number >= 10n));
    expect(left.slice(10).every((kept) => isOpen(kept!.fd))).toBe(true);
    folders.close();
    expect(left.slice(10).some((kept) => isOpen(kept!.fd))).toBe(false);
  });
});
