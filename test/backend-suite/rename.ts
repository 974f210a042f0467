// Renames, as rename(2) has them.
import { describe, expect, it } from 'vitest';
import { openFlags, renameFlags } from '../../devices/9p/backend.ts';
import { refused } from './guest.ts';
import type { Capabilities, Guest } from './guest.ts';

const { readOnly, readWrite } = openFlags;

export function renameTests(use: () => Guest, { exchange }: Capabilities): void {
  describe('rename', () => {
    it('gives a file another name in another folder', async () => {
      const guest = use();
      await guest.file('file', 'content');
      await guest.mkdir('folder');
      const { ino } = await guest.attributes('file');
      await guest.rename('file', 'folder/moved');
      expect(await guest.find('file')).toBeUndefined();
      expect(await guest.content('folder/moved')).toBe('content');
      expect((await guest.attributes('folder/moved')).ino).toBe(ino);
    });

    it('replaces a file, and what was open of it stays', async () => {
      const guest = use();
      await guest.file('new', 'new content');
      await guest.file('old', 'old content');
      const oldNode = await guest.at('old');
      const opened = await guest.open('old', readWrite);
      await guest.rename('new', 'old');
      expect(await guest.content('old')).toBe('new content');
      expect(await guest.read(opened)).toBe('old content');
      expect(await guest.write(opened, 0, 'OLD')).toBe(3);
      expect(await guest.read(opened)).toBe('OLD content');
      expect(await guest.content('old')).toBe('new content');
      expect((await guest.backend.getattrOpen(opened)).nlink).toBe(0);
      expect((await guest.attributes(oldNode)).nlink).toBe(0);
    });

    it('takes nodes and open files along, below a folder too', async () => {
      const guest = use();
      await guest.mkdir('a');
      await guest.mkdir('a/b');
      const node = await guest.file('a/b/file', 'content');
      const below = await guest.at('a/b');
      const opened = await guest.open(node, readWrite);
      await guest.mkdir('elsewhere');
      await guest.rename('a', 'elsewhere/c');
      expect(await guest.content(node)).toBe('content');
      expect((await guest.attributes(node)).size).toBe(7);
      await guest.write(opened, 0, 'CONTENT');
      expect(await guest.content('elsewhere/c/b/file')).toBe('CONTENT');
      expect(await guest.names(below)).toEqual(['file']);
      await guest.change(node, { mode: 0o600 });
      expect((await guest.attributes('elsewhere/c/b/file')).mode).toBe(0o100600);
      // A folder that takes the old name has nothing to do with it.
      await guest.mkdir('a');
      expect(await guest.names(below)).toEqual(['file']);
      expect(await guest.names('a')).toEqual([]);
    });

    it('of an open folder leaves its listing as it is', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.file('folder/file');
      const folder = await guest.open('folder', readOnly);
      await guest.rename('folder', 'renamed');
      expect((await guest.entries(folder)).map(({ name }) => name).toSorted()).toEqual(['.', '..', 'file']);
    });

    it('replaces an empty folder by a folder, no other', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.mkdir('empty');
      await guest.mkdir('full');
      await guest.file('full/file');
      await guest.file('file');
      await refused(() => guest.rename('folder', 'full'), 'ENOTEMPTY', 'EEXIST');
      await refused(() => guest.rename('folder', 'file'), 'ENOTDIR');
      await refused(() => guest.rename('file', 'folder'), 'EISDIR');
      await guest.rename('folder', 'empty');
      expect(await guest.names('')).toEqual(['empty', 'file', 'full']);
    });

    it('does not move a folder into itself', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.mkdir('folder/below');
      await refused(() => guest.rename('folder', 'folder/below/folder'), 'EINVAL');
      await refused(() => guest.rename('folder', 'folder/folder'), 'EINVAL');
      expect(await guest.names('folder')).toEqual(['below']);
    });

    it('to the same name changes nothing', async () => {
      const guest = use();
      await guest.file('file', 'content');
      await guest.rename('file', 'file');
      expect(await guest.content('file')).toBe('content');
    });

    it('of one of two names of a file to the other leaves both', async () => {
      const guest = use();
      const node = await guest.file('one', 'content');
      await guest.link(node, 'two');
      await guest.rename('one', 'two');
      expect(await guest.names('')).toEqual(['one', 'two']);
      expect((await guest.attributes('two')).nlink).toBe(2);
    });

    it('of what is not there is ENOENT', async () => {
      const guest = use();
      await guest.file('file');
      await refused(() => guest.rename('nothing', 'other'), 'ENOENT');
      await refused(() => guest.rename('nothing', 'file'), 'ENOENT');
      expect(await guest.names('')).toEqual(['file']);
    });

    it('renames a link, not what it leads to', async () => {
      const guest = use();
      await guest.file('file', 'content');
      await guest.symlink('file', 'link');
      await guest.rename('link', 'renamed');
      expect(await guest.readlink('renamed')).toBe('file');
      expect(await guest.content('file')).toBe('content');
    });

    it('with noReplace refuses a name that is taken, by whatever', async () => {
      const guest = use();
      const { noReplace } = renameFlags;
      await guest.file('file', 'file');
      await guest.file('other', 'other');
      await guest.mkdir('folder');
      await guest.mkdir('empty');
      await refused(() => guest.rename('file', 'other', noReplace), 'EEXIST');
      await refused(() => guest.rename('folder', 'empty', noReplace), 'EEXIST');
      await guest.rename('file', 'new', noReplace);
      await guest.rename('folder', 'new-folder', noReplace);
      expect(await guest.names('')).toEqual(['empty', 'new', 'new-folder', 'other']);
      expect((await guest.attributes('new')).nlink).toBe(1);
      expect([await guest.content('new'), await guest.content('other')]).toEqual(['file', 'other']);
    });

    it(exchange ? 'with exchange swaps two names' : 'with exchange is EINVAL and does nothing', async () => {
      const guest = use();
      await guest.file('a', 'A');
      await guest.file('b', 'B');
      const swap = (): Promise<void> => guest.rename('a', 'b', renameFlags.exchange);
      if (exchange) await swap();
      else await refused(swap, 'EINVAL');
      expect([await guest.content('a'), await guest.content('b')]).toEqual(exchange ? ['B', 'A'] : ['A', 'B']);
    });
  });
}
