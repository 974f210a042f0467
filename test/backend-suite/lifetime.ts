// How long nodes and files live: references, and what is open without a name.
import { describe, expect, it } from 'vitest';
import { openFlags } from '../../devices/9p/backend.ts';
import { bytes, nobodySpecial, refused } from './guest.ts';
import type { Guest } from './guest.ts';

const { readOnly, readWrite } = openFlags;

export function lifetimeTests(use: () => Guest): void {
  describe('a file that is open and has no name', () => {
    it('is read, written, resized and changed', async () => {
      const guest = use();
      await guest.file('file', 'content');
      const file = await guest.open('file', readWrite);
      await guest.unlink('file');
      expect(await guest.find('file')).toBeUndefined();
      expect(await guest.read(file)).toBe('content');
      await guest.write(file, 7, ' and more');
      await guest.backend.setattrOpen(file, { size: 11, mode: 0o640, mtime: 3_000_000_000n }, nobodySpecial);
      expect(await guest.read(file)).toBe('content and');
      expect(await guest.backend.getattrOpen(file)).toMatchObject({
        mode: 0o100640,
        nlink: 0,
        size: 11,
        mtime: 3_000_000_000n,
      });
      await guest.backend.fsync(file, false);
    });

    it('is not the file that gets its name next', async () => {
      const guest = use();
      await guest.file('file', 'first');
      const file = await guest.open('file', readWrite);
      await guest.unlink('file');
      await guest.file('file', 'second');
      expect(await guest.read(file)).toBe('first');
      await guest.write(file, 0, 'FIRST');
      expect(await guest.content('file')).toBe('second');
    });

    it('keeps its node, open or not', async () => {
      const guest = use();
      const node = await guest.file('file', 'content');
      const closed = await guest.file('closed', '12');
      const opened = await guest.open(node);
      await guest.unlink('file');
      await guest.unlink('closed');
      expect(await guest.attributes(node)).toMatchObject({ nlink: 0, size: 7 });
      expect(await guest.attributes(closed)).toMatchObject({ nlink: 0, size: 2 });
      await guest.release(opened);
      expect(await guest.attributes(node)).toMatchObject({ nlink: 0, size: 7 });
    });

    it('is independent of the node that it was opened through', async () => {
      const guest = use();
      const { node, file } = await guest.backend.create(
        await guest.root(),
        bytes('file'),
        readWrite,
        0o644,
        nobodySpecial,
      );
      guest.backend.forget(node);
      await guest.write(file, 0, 'content');
      expect(await guest.read(file)).toBe('content');
      await guest.unlink('file');
      expect(await guest.read(file)).toBe('content');
      await guest.backend.release(file);
    });
  });

  describe('a folder that was removed', () => {
    it('has attributes, is empty, and takes no names', async () => {
      const guest = use();
      const folder = await guest.mkdir('folder');
      const opened = await guest.open('folder', readOnly);
      await guest.rmdir('folder');
      expect((await guest.attributes(folder)).nlink).toBe(0);
      expect((await guest.backend.getattrOpen(opened)).nlink).toBe(0);
      expect((await guest.entries(opened)).filter(({ name }) => !name.startsWith('.'))).toEqual([]);
      expect(await guest.backend.lookup(folder, bytes('x'))).toBeUndefined();
      await refused(() => guest.backend.mkdir(folder, bytes('x'), 0o755, nobodySpecial), 'ENOENT');
      await refused(() => guest.backend.create(folder, bytes('x'), readWrite, 0o644, nobodySpecial), 'ENOENT');
      await guest.backend.setattrOpen(opened, { mode: 0o700 }, nobodySpecial);
      expect((await guest.backend.getattrOpen(opened)).mode).toBe(0o040700);
    });

    it('is not the folder that gets its name next', async () => {
      const guest = use();
      const old = await guest.mkdir('folder');
      await guest.rmdir('folder');
      await guest.mkdir('folder');
      await guest.file('folder/file');
      expect(await guest.backend.lookup(old, bytes('file'))).toBeUndefined();
    });

    it('by a rename over it too', async () => {
      const guest = use();
      const old = await guest.mkdir('old');
      await guest.mkdir('new');
      await guest.file('new/file');
      await guest.rename('new', 'old');
      expect(await guest.backend.lookup(old, bytes('file'))).toBeUndefined();
      expect((await guest.attributes(old)).nlink).toBe(0);
      expect(await guest.names('old')).toEqual(['file']);
    });
  });

  describe('references', () => {
    it('are counted: a node lives until the last is given back', async () => {
      const guest = use();
      await guest.file('file', 'content');
      const root = await guest.root();
      const node = await guest.backend.lookup(root, bytes('file'));
      if (node === undefined) throw new Error('the file is there');
      guest.backend.retain(node);
      guest.backend.forget(node);
      expect((await guest.backend.getattr(node)).size).toBe(7);
      guest.backend.forget(node);
    });

    it('outlive those of the folders above', async () => {
      const guest = use();
      await guest.mkdir('a');
      await guest.mkdir('a/b');
      await guest.file('a/b/file', 'content');
      const { backend } = guest;
      const root = await backend.root();
      const a = await backend.lookup(root, bytes('a'));
      const b = a === undefined ? undefined : await backend.lookup(a, bytes('b'));
      const file = b === undefined ? undefined : await backend.lookup(b, bytes('file'));
      if (a === undefined || b === undefined || file === undefined) throw new Error('all are there');
      for (const node of [root, a, b]) backend.forget(node);
      expect(await guest.content(file)).toBe('content');
      const parent = await backend.parent(file);
      expect((await backend.getattr(parent)).ino).toBe((await guest.attributes('a/b')).ino);
      backend.forget(parent);
      backend.forget(file);
    });

    it('of a failed create are none', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.symlink('x', 'link');
      // The count after the test is what proves it.
      await refused(() => guest.create('folder', readWrite), 'EISDIR', 'EEXIST');
      await refused(() => guest.create('link', readWrite), 'ELOOP');
    });

    it('by the hundred are no burden', async () => {
      const guest = use();
      for (let index = 0; index < 300; index++) await guest.mkdir(`folder-${index}`);
      for (let index = 0; index < 300; index += 37) {
        await guest.file(`folder-${index}/file`, String(index));
        expect(await guest.content(`folder-${index}/file`)).toBe(String(index));
      }
    });
  });
}
