// Folders: making, removing, listing.
import { describe, expect, it } from 'vitest';
import { fileType, openFlags } from '../../devices/9p/backend.ts';
import type { OpenFile } from '../../devices/9p/backend.ts';
import { bytes, nobodySpecial, refused, typeOf } from './guest.ts';
import type { Guest, Listed } from './guest.ts';

const { readOnly } = openFlags;

/** Lists a folder as a client does, `most` entries a request, with `between` after each. */
async function inSteps(guest: Guest, folder: OpenFile, most: number, between: () => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  let cookie = 0n;
  for (;;) {
    const entries: Listed[] = await guest.entries(folder, cookie, most);
    if (entries.length === 0) return found;
    found.push(...entries.map(({ name }) => name));
    cookie = entries.at(-1)?.cookie ?? 0n;
    await between();
  }
}

export function folderTests(use: () => Guest): void {
  describe('folders', () => {
    it('are made with their permissions', async () => {
      const guest = use();
      await guest.mkdir('folder', 0o750);
      const attributes = await guest.attributes('folder');
      expect(attributes.mode).toBe(0o040750);
      expect(attributes.nlink).toBeGreaterThanOrEqual(1);
    });

    it('are removed when empty, else ENOTEMPTY', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.file('folder/file');
      await refused(() => guest.rmdir('folder'), 'ENOTEMPTY');
      await guest.unlink('folder/file');
      await guest.rmdir('folder');
      expect(await guest.find('folder')).toBeUndefined();
    });

    it('are not unlinked, and files not removed as folders', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.file('file');
      await guest.symlink('folder', 'link');
      await refused(() => guest.unlink('folder'), 'EISDIR');
      await refused(() => guest.rmdir('file'), 'ENOTDIR');
      await refused(() => guest.rmdir('link'), 'ENOTDIR');
      await refused(() => guest.rmdir('nothing'), 'ENOENT');
      await refused(() => guest.unlink('nothing'), 'ENOENT');
      expect(await guest.names('')).toEqual(['file', 'folder', 'link']);
    });

    it('are listed with the dots, numbers and types', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.mkdir('folder/below');
      await guest.file('folder/file');
      await guest.symlink('file', 'folder/link');
      const entries = await guest.entries(await guest.open('folder', readOnly));
      const types = Object.fromEntries(entries.map(({ name, type }) => [name, type]));
      const { folder, file, link } = fileType;
      expect(types).toEqual({ '.': folder, '..': folder, below: folder, file, link });
      const numbers = new Map(entries.map(({ name, ino }) => [name, ino]));
      expect(numbers.get('.')).toBe((await guest.attributes('folder')).ino);
      expect(numbers.get('..')).toBe((await guest.attributes('')).ino);
      expect(numbers.get('file')).toBe((await guest.attributes('folder/file')).ino);
      expect(new Set(entries.map(({ cookie }) => cookie)).size).toBe(entries.length);
      expect(entries.every(({ cookie }) => cookie > 0n)).toBe(true);
    });

    it('have a root whose ".." is itself', async () => {
      const guest = use();
      const entries = await guest.entries(await guest.open('', readOnly));
      const { ino } = await guest.attributes('');
      expect(entries.map((entry) => [entry.name, entry.ino])).toEqual([
        ['.', ino],
        ['..', ino],
      ]);
    });

    it('go on at the cookie of the entry that was taken last', async () => {
      const guest = use();
      for (const name of ['a', 'b', 'c', 'd']) await guest.file(name);
      const folder = await guest.open('', readOnly);
      const whole = (await guest.entries(folder)).map(({ name }) => name);
      for (const most of [1, 2, 3]) {
        expect(await inSteps(guest, folder, most, () => Promise.resolve())).toEqual(whole);
      }
    });

    it('are listed completely while their entries are removed', async () => {
      const guest = use();
      const names = Array.from({ length: 300 }, (_, index) => `file-${String(index).padStart(3, '0')}`);
      for (const name of names) await guest.file(name);
      const folder = await guest.open('', readOnly);
      // What rm -r does: list some, remove them, go on.
      let removed = 0;
      const found: string[] = [];
      let cookie = 0n;
      for (;;) {
        const entries = await guest.entries(folder, cookie, 7);
        if (entries.length === 0) break;
        for (const { name } of entries) {
          found.push(name);
          if (name.startsWith('.')) continue;
          await guest.unlink(name);
          removed++;
        }
        cookie = entries.at(-1)?.cookie ?? 0n;
      }
      expect(removed).toBe(300);
      expect(found.filter((name) => !name.startsWith('.')).toSorted()).toEqual(names);
      expect(await guest.names('')).toEqual([]);
    });

    it('list each entry once while others are created', async () => {
      const guest = use();
      const names = Array.from({ length: 50 }, (_, index) => `old-${index}`);
      for (const name of names) await guest.file(name);
      const folder = await guest.open('', readOnly);
      let created = 0;
      const found = await inSteps(guest, folder, 5, async () => {
        if (created < 100) await guest.file(`new-${created++}`);
      });
      const old = found.filter((name) => name.startsWith('old-'));
      expect(old.toSorted()).toEqual(names.toSorted());
      expect(new Set(found).size).toBe(found.length);
    });

    it('are listed anew from the start', async () => {
      const guest = use();
      const folder = await guest.open('', readOnly);
      expect(await guest.entries(folder)).toHaveLength(2);
      await guest.file('new');
      expect((await guest.entries(folder)).map(({ name }) => name)).toContain('new');
      await guest.unlink('new');
      expect(await guest.entries(folder)).toHaveLength(2);
    });

    it('do not lose an entry that was refused', async () => {
      const guest = use();
      await guest.file('file');
      const folder = await guest.open('', readOnly);
      let offered = 0;
      await guest.backend.readdir(folder, 0n, () => {
        offered++;
        return false;
      });
      expect(offered).toBe(1);
      expect(await guest.entries(folder)).toHaveLength(3);
    });

    it('hold 1,000 files', async () => {
      const guest = use();
      const root = await guest.root();
      for (let index = 0; index < 1000; index++) {
        const { node, file } = await guest.backend.create(root, bytes(`file-${index}`), 1, 0o644, nobodySpecial);
        await guest.backend.release(file);
        guest.backend.forget(node);
      }
      expect(await guest.names('')).toHaveLength(1000);
      const numbers = (await guest.entries(await guest.open('', readOnly))).map(({ ino }) => ino);
      // All but the root, which is there as "." and "..".
      expect(new Set(numbers).size).toBe(1001);
    });

    it('count their folders as links, or not at all', async () => {
      const guest = use();
      await guest.mkdir('folder');
      const before = (await guest.attributes('folder')).nlink;
      await guest.mkdir('folder/below');
      const after = (await guest.attributes('folder')).nlink;
      expect(before === 1 ? after : after - before).toBe(1);
    });

    it('are not read or written as files', async () => {
      const guest = use();
      const folder = await guest.open('', readOnly);
      await refused(() => guest.read(folder), 'EISDIR');
      await refused(() => guest.write(folder, 0, 'x'), 'EISDIR', 'EBADF');
      const file = await guest.create('file');
      await refused(() => guest.entries(file), 'ENOTDIR');
      expect(typeOf(await guest.attributes(''))).toBe(fileType.folder);
    });
  });
}
