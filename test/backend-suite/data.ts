// The data of files: create, open, read, write, resize.
import { describe, expect, it } from 'vitest';
import { openFlags } from '../../devices/9p/backend.ts';
import { bytes, nobodySpecial, refused, text } from './guest.ts';
import type { Guest } from './guest.ts';

const { readOnly, readWrite, writeOnly, append, exclusive, truncate, directory } = openFlags;
const beyond4GiB = 2 ** 32 + 12_345;

export function dataTests(use: () => Guest): void {
  describe('opening', () => {
    it('creates a file with its permissions, whatever they allow', async () => {
      const guest = use();
      const file = await guest.create('read-only', writeOnly | exclusive, 0o444);
      expect(await guest.write(file, 0, 'written all the same')).toBe(20);
      expect((await guest.attributes('read-only')).mode).toBe(0o100444);
    });

    it('creates permissions that a umask would take away', async () => {
      const guest = use();
      await guest.create('open', readWrite | exclusive, 0o666);
      await guest.mkdir('folder', 0o777);
      expect((await guest.attributes('open')).mode).toBe(0o100666);
      expect((await guest.attributes('folder')).mode).toBe(0o040777);
    });

    it('opens what exists unless exclusive', async () => {
      const guest = use();
      await guest.file('file', 'content');
      const file = await guest.create('file', readWrite, 0o600);
      expect(await guest.read(file)).toBe('content');
      expect((await guest.attributes('file')).mode).toBe(0o100644);
      await refused(() => guest.create('file', readWrite | exclusive), 'EEXIST');
    });

    it('empties the file where asked', async () => {
      const guest = use();
      await guest.file('file', 'content');
      await guest.create('file', readWrite | truncate);
      expect((await guest.attributes('file')).size).toBe(0);
      await guest.file('other', 'content');
      await guest.open('other', writeOnly | truncate);
      expect((await guest.attributes('other')).size).toBe(0);
    });

    it('of a folder is for reading only', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await refused(() => guest.open('folder', readWrite), 'EISDIR');
      await refused(() => guest.open('folder', writeOnly), 'EISDIR');
      await refused(() => guest.open('folder', readOnly | truncate), 'EISDIR');
      await refused(() => guest.create('folder', readOnly), 'EISDIR', 'EEXIST');
      await guest.open('folder', readOnly);
    });

    it('of a file as a folder is ENOTDIR', async () => {
      const guest = use();
      await guest.file('file');
      await refused(() => guest.open('file', readOnly | directory), 'ENOTDIR');
    });

    it('of a link is ELOOP, also where it leads nowhere', async () => {
      const guest = use();
      await guest.file('file');
      await guest.symlink('file', 'link');
      await guest.symlink('nowhere', 'dangling');
      await refused(() => guest.open('link', readOnly), 'ELOOP');
      await refused(() => guest.create('link', readWrite), 'ELOOP');
      await refused(() => guest.create('dangling', readWrite), 'ELOOP');
      expect(await guest.find('nowhere')).toBeUndefined();
    });

    it('by mknod makes an empty file', async () => {
      const guest = use();
      const node = await guest.backend.mknod(await guest.root(), bytes('file'), 0o100640, 0n, nobodySpecial);
      guest.keep(node);
      expect(await guest.attributes(node)).toMatchObject({ mode: 0o100640, size: 0, nlink: 1 });
    });
  });

  describe('data', () => {
    it('is read as written, by another opening too', async () => {
      const guest = use();
      const file = await guest.create('file');
      expect(await guest.write(file, 0, 'some content')).toBe(12);
      expect(await guest.read(file)).toBe('some content');
      expect(await guest.content('file')).toBe('some content');
      expect((await guest.attributes('file')).size).toBe(12);
    });

    it('is overwritten in the middle', async () => {
      const guest = use();
      await guest.file('file', 'some content');
      const file = await guest.open('file');
      await guest.write(file, 5, 'CONT');
      expect(await guest.read(file)).toBe('some CONTent');
      expect(await guest.read(file, 5, 3)).toBe('CON');
    });

    it('ends where the file ends', async () => {
      const guest = use();
      await guest.file('file', '12345');
      const file = await guest.open('file', readOnly);
      expect(await guest.read(file, 3, 10)).toBe('45');
      expect(await guest.read(file, 5, 10)).toBe('');
      expect(await guest.read(file, 5_000_000, 10)).toBe('');
    });

    it('is scattered to pieces and gathered from them', async () => {
      const guest = use();
      const file = await guest.create('file');
      expect(await guest.write(file, 0, 'one,', 'two,', '', 'three')).toBe(13);
      const pieces = [new Uint8Array(3), new Uint8Array(6), new Uint8Array(10)];
      const result = guest.backend.read(file, 0, pieces);
      if (typeof result === 'number') {
        expect(result).toBe(13);
        expect(pieces.map(text).join('').slice(0, 13)).toBe('one,two,three');
      } else expect(text(await result)).toBe('one,two,three');
    });

    it('comes in more pieces than one system call takes', async () => {
      const guest = use();
      const count = 1500;
      const file = await guest.create('file');
      const pieces = Array.from({ length: count }, (_, index) => String(index % 10).repeat(3));
      expect(await guest.write(file, 0, ...pieces)).toBe(3 * count);
      const into = pieces.map(() => new Uint8Array(3));
      const result = guest.backend.read(file, 0, into);
      const read = typeof result === 'number' ? into.map(text).join('').slice(0, result) : text(await result);
      expect(read).toBe(pieces.join(''));
    });

    it('goes from and to shared memory', async () => {
      const guest = use();
      const ram = new Uint8Array(new SharedArrayBuffer(64));
      ram.set(bytes('from shared memory'), 8);
      const file = await guest.create('file');
      expect(await guest.backend.write(file, 0, [ram.subarray(8, 26)])).toBe(18);
      const result = guest.backend.read(file, 5, [ram.subarray(40, 46)]);
      const read = typeof result === 'number' ? ram.slice(40, 40 + result) : await result;
      expect(text(read)).toBe('shared');
    });

    it('is appended, whatever the offset', async () => {
      const guest = use();
      await guest.file('file', 'first');
      const file = await guest.open('file', readWrite | append);
      await guest.write(file, 0, ' second');
      await guest.write(file, 2, ' thi', 'rd');
      expect(await guest.read(file)).toBe('first second third');
    });

    it('of two files that append goes to the end each time', async () => {
      const guest = use();
      const one = await guest.create('file', writeOnly | append);
      const two = await guest.open('file', writeOnly | append);
      for (const [file, what] of [
        [one, 'a'],
        [two, 'b'],
        [one, 'c'],
      ] as const)
        await guest.write(file, 0, what);
      expect(await guest.content('file')).toBe('abc');
    });

    it('between what was written is zeros, and takes no room', async () => {
      const guest = use();
      const file = await guest.create('file');
      await guest.write(file, 50_000_000, 'end');
      expect(await guest.read(file, 49_999_998, 10)).toBe('\0\0end');
      const { size, blocks } = await guest.backend.getattrOpen(file);
      expect(size).toBe(50_000_003);
      expect(blocks * 512).toBeLessThan(10_000_000);
    });

    it('reaches beyond 4 GiB', async () => {
      const guest = use();
      const file = await guest.create('file');
      await guest.write(file, beyond4GiB, 'far');
      await guest.write(file, 0, 'near');
      expect(await guest.read(file, beyond4GiB, 10)).toBe('far');
      expect(await guest.read(file, beyond4GiB - 2 ** 32, 10)).toBe('\0'.repeat(10));
      expect((await guest.attributes('file')).size).toBe(beyond4GiB + 3);
      // Not every host that stores it on close has so much room.
      await guest.unlink('file');
    });

    it('is cut and filled with zeros by a change of size', async () => {
      const guest = use();
      await guest.file('file', '1234567890');
      await guest.change('file', { size: 4 });
      expect(await guest.content('file')).toBe('1234');
      await guest.change('file', { size: 6 });
      expect(await guest.content('file')).toBe('1234\0\0');
      const file = await guest.open('file');
      await guest.backend.setattrOpen(file, { size: 2 }, nobodySpecial);
      expect(await guest.read(file)).toBe('12');
      await guest.change('file', { size: beyond4GiB });
      expect((await guest.attributes('file')).size).toBe(beyond4GiB);
      await guest.unlink('file');
    });

    it('of a folder or link has no size to set', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.symlink('x', 'link');
      await refused(() => guest.change('folder', { size: 0 }), 'EISDIR');
      await refused(() => guest.change('link', { size: 0 }), 'EINVAL');
    });

    it('of 3 MiB comes back byte for byte', async () => {
      const guest = use();
      const length = 3 * 2 ** 20 + 17;
      const content = new Uint8Array(length);
      let state = 1;
      for (let i = 0; i < length; i++) content[i] = (state = (Math.imul(state, 1_103_515_245) + 12_345) | 0) >>> 24;
      const file = await guest.create('file');
      const step = 100_003;
      for (let at = 0; at < length; at += step) await guest.backend.write(file, at, [content.subarray(at, at + step)]);
      const read = new Uint8Array(length);
      const result = guest.backend.read(file, 0, [read]);
      const found = typeof result === 'number' ? read.subarray(0, result) : await result;
      expect(found.length).toBe(length);
      expect(found.findIndex((byte, at) => byte !== content[at])).toBe(-1);
    });

    it('is stored by fsync, of folders too', async () => {
      const guest = use();
      const file = await guest.create('file');
      await guest.write(file, 0, 'content');
      await guest.backend.fsync(file, false);
      await guest.backend.fsync(file, true);
      await guest.backend.fsync(await guest.open('', readOnly), false);
      expect(await guest.content('file')).toBe('content');
    });
  });
}
