// More listings at once than names are kept for.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type { OpenFile } from '../../../devices/9p/backend.ts';
import { refused } from '../../backend-suite/guest.ts';
import type { HostName } from '../../../src/node/node-fs/host.ts';
import { Listing, Listings } from '../../../src/node/node-fs/listings.ts';
import { DirectoryEntries, PlainNames } from '../../../src/node/node-fs/name-lists.ts';
import { hasNative, SharedFolder } from './shared-folder.ts';

const files = 98;
/** With "." and "..". */
const names = files + 2;
const listings = 20;
/** Room for five of them. */
const listedNames = 5 * names;

describe('listings of one folder', () => {
  let share: SharedFolder;
  let open: OpenFile[];

  beforeEach(() => {
    share = new SharedFolder({ listedNames }, (path) => {
      for (let index = 0; index < files; index++) writeFileSync(join(path, `name-${index}`), '');
    });
    const { backend } = share;
    const root = backend.root();
    open = Array.from({ length: listings }, () => backend.open(root, openFlags.readOnly));
    backend.forget(root);
  });

  afterEach(async () => {
    for (const file of open) await share.backend.release(file);
    await share.dispose();
  });

  /** Up to `most` names from `cookie` on, and where to go on. */
  const list = (file: OpenFile, cookie: bigint, most: number): [names: string[], next: bigint] => {
    const found: string[] = [];
    let next = cookie;
    share.backend.readdir(file, cookie, (entry) => {
      if (found.length === most) return false;
      found.push(Buffer.from(entry.name).toString());
      next = entry.cookie;
      return true;
    });
    return [found, next];
  };

  it('go on exactly where they were, however many there are', () => {
    const all = open.map((): string[] => []);
    let cookies = open.map(() => 0n);
    // By turns, so that each has lost its names whenever it goes on.
    for (let done = 0; done < names; done += 30)
      cookies = open.map((file, index) => {
        const [found, next] = list(file, cookies[index]!, 30);
        all[index]!.push(...found);
        return next;
      });
    const expected = ['.', '..', ...Array.from({ length: files }, (_, index) => `name-${index}`)].toSorted();
    for (const found of all) {
      expect(found).toEqual(all[0]);
      expect(found.toSorted()).toEqual(expected);
    }
    for (const [index, file] of open.entries()) expect(list(file, cookies[index]!, 30)[0]).toEqual([]);
  });

  it('that had to go are ENOMEM where the folder has changed, and begin anew', async () => {
    const begun = open.map((file) => list(file, 0n, 30));
    rmSync(join(share.path, 'name-7'));
    writeFileSync(join(share.path, 'other'), '');
    // The five that were asked for last have kept theirs, and do not see what came later.
    for (const [index, [first, next]] of begun.entries()) {
      if (index < listings - 5) continue;
      const [rest] = list(open[index]!, next, names);
      expect([...first, ...rest]).not.toContain('other');
      expect(new Set([...first, ...rest]).size).toBeGreaterThanOrEqual(names - 1);
    }
    for (const [index, [, next]] of begun.entries())
      if (index < listings - 5) await refused(() => list(open[index]!, next, names), 'ENOMEM');
    const [again] = list(open[0]!, 0n, names);
    expect(again).toContain('other');
    expect(again).toHaveLength(names);
  });
});

describe('the names that are kept', () => {
  const named = (count: number) => (): PlainNames =>
    new PlainNames(Array.from({ length: count }, (_, index) => `name-${index}` as HostName));

  const noTime = (): undefined => undefined;

  it('are no more than there is room for, but for a listing in use', () => {
    const kept = new Listings(100);
    const all = Array.from({ length: 10 }, () => new Listing(kept));
    const sizes = (): number[] => all.map(({ size }) => size);
    for (const listing of all) listing.snapshot(true, named(30), noTime);
    expect(sizes()).toEqual([0, 0, 0, 0, 0, 0, 0, 30, 30, 30]);
    all[7]!.snapshot(false, named(30), noTime);
    all[0]!.snapshot(true, named(31), noTime);
    expect(sizes()).toEqual([31, 0, 0, 0, 0, 0, 0, 30, 0, 30]);
    all[1]!.snapshot(true, named(1000), noTime);
    expect(sizes()).toEqual([0, 1000, 0, 0, 0, 0, 0, 0, 0, 0]);
    all[1]!.close();
    for (const listing of all.slice(2, 5)) listing.snapshot(true, named(33), noTime);
    expect(sizes()).toEqual([0, 0, 33, 33, 33, 0, 0, 0, 0, 0]);
  });
});

describe('what was listed of a name', () => {
  const names = (): PlainNames => new PlainNames(['a', 'b'] as HostName[]);
  const now = 1_700_000_000_000;
  /** Nanoseconds. */
  const ago = (seconds: number): bigint => BigInt(now - seconds * 1000) * 1_000_000n;

  it.each([
    ['is believed as long as the folder’s ctime stays', ago(3), ago(3), true],
    ['is not believed when that has changed', ago(3), ago(2.5), false],
    ['is believed soon where times have a fraction', ago(0.25), ago(0.25), true],
    ['is not believed where a second change may come in the same step of the clock', ago(0.05), ago(0.05), false],
    // A second change may have the same time: FAT counts in steps of two seconds.
    ['is not believed where that was too young to tell', ago(2), ago(2), false],
    ['is not believed where there is none', undefined, undefined, false],
  ])('%s', (_, before, after, isFresh) => {
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now);
    try {
      const listing = new Listing(new Listings());
      expect(listing.snapshot(true, names, () => before).isFresh).toBe(true);
      expect(listing.snapshot(false, names, () => after).isFresh).toBe(isFresh);
      expect(listing.snapshot(true, names, () => after).isFresh).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });

  it.runIf(hasNative)('is the truth about a folder that was left alone for long, until it changes', async () => {
    const share = new SharedFolder({}, (path) => {
      for (let index = 0; index < 40; index++) writeFileSync(join(path, `name-${index}`), '');
    });
    // As if the folder were that old.
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 10_000);
    try {
      const { guest } = share;
      const folder = await guest.open('', openFlags.readOnly);
      const first = await guest.entries(folder, 0n, 12);
      const second = await guest.entries(folder, first.at(-1)!.cookie, 10);
      for (const { name, ino, type } of second) {
        const { mode, ino: seen } = await guest.attributes(name);
        expect([name, ino, type]).toEqual([name, seen, mode & fileType.mask]);
      }
      const told = new Set([...first, ...second].map(({ name }) => name));
      const left = Array.from({ length: 40 }, (_, index) => `name-${index}`).filter((name) => !told.has(name));
      rmSync(join(share.path, left[0]!));
      rmSync(join(share.path, left[1]!));
      writeFileSync(join(share.path, left[1]!), '');
      const rest = await guest.entries(folder, second.at(-1)!.cookie);
      expect(rest.map(({ name }) => name).toSorted()).toEqual(left.slice(1).toSorted());
      expect(rest.find(({ name }) => name === left[1])!.ino).toBe((await guest.attributes(left[1]!)).ino);
      await guest.leave();
    } finally {
      clock.mockRestore();
      await share.dispose();
    }
  });
});

describe('what the kernel lists', () => {
  /** A struct linux_dirent64 of 32 bytes. */
  const entry = (ino: bigint, type: number, name: string): Buffer => {
    const bytes = Buffer.alloc(32, 0xff);
    bytes.writeBigUInt64LE(ino, 0);
    bytes.writeUInt16LE(bytes.length, 16);
    bytes.writeUInt8(type, 18);
    bytes.write(`${name}\0`, 19);
    return bytes;
  };

  it('is names with what is known of them, in all pieces, without the dots', () => {
    const list = new DirectoryEntries();
    list.add(Buffer.concat([entry(1n, 4, '.'), entry(2n, 8, '.a'), entry(3n, 4, '..'), entry(4n, 10, '...')]));
    // A file system that knows no types: DT_UNKNOWN.
    list.add(entry(2n ** 64n - 1n, 0, 'twelve-bytes'));
    list.add(Buffer.concat([entry(5n, 4, 'a')]));
    const found = Array.from({ length: list.length }, (_, index) => [
      Buffer.from(list.name(index)).toString(),
      list.listed(index),
    ]);
    expect(found).toEqual([
      ['.a', { ino: 2n, type: fileType.file }],
      ['...', { ino: 4n, type: fileType.link }],
      ['twelve-bytes', undefined],
      ['a', { ino: 5n, type: fileType.folder }],
    ]);
    expect(() => list.name(4)).toThrow('4 names');
  });
});
