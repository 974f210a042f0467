// Extended attributes of files and folders, in the namespace that every store has: user.
import { describe, expect, it } from 'vitest';
import { openFlags, xattrFlags } from '../../devices/9p/backend.ts';
import type { Node } from '../../devices/9p/backend.ts';
import { bytes, refused, text } from './guest.ts';
import type { Capabilities, Guest } from './guest.ts';

const { create, replace } = xattrFlags;

async function set(guest: Guest, place: string | Node, name: string, value: string, flags = 0): Promise<void> {
  await guest.backend.setxattr(await guest.at(place), bytes(name), bytes(value), flags);
}

async function get(guest: Guest, place: string | Node, name: string): Promise<string | undefined> {
  const value = await guest.backend.getxattr(await guest.at(place), bytes(name));
  return value === undefined ? undefined : text(value);
}

async function remove(guest: Guest, place: string | Node, name: string): Promise<void> {
  await guest.backend.removexattr(await guest.at(place), bytes(name));
}

async function list(guest: Guest, place: string | Node): Promise<string[]> {
  return (await guest.backend.listxattr(await guest.at(place))).map(text).toSorted();
}

function refusals(use: () => Guest): void {
  it('are EOPNOTSUPP', async () => {
    const guest = use();
    await guest.file('file');
    await refused(() => get(guest, 'file', 'user.x'), 'EOPNOTSUPP');
    await refused(() => set(guest, 'file', 'user.x', '1'), 'EOPNOTSUPP');
    await refused(() => list(guest, 'file'), 'EOPNOTSUPP');
    await refused(() => remove(guest, 'file', 'user.x'), 'EOPNOTSUPP');
  });
}

export function xattrTests(use: () => Guest, { xattrs }: Capabilities): void {
  describe('extended attributes', () => {
    if (!xattrs) return refusals(use);

    it('of a new file or folder are none', async () => {
      const guest = use();
      await guest.file('file');
      await guest.mkdir('folder');
      for (const name of ['file', 'folder']) {
        expect(await list(guest, name)).toEqual([]);
        expect(await get(guest, name, 'user.x')).toBeUndefined();
        await refused(() => remove(guest, name, 'user.x'), 'ENODATA');
      }
    });

    it('are set, listed, replaced and removed, each for itself', async () => {
      const guest = use();
      await guest.file('file');
      await guest.mkdir('folder');
      for (const place of ['file', 'folder']) {
        await set(guest, place, 'user.one', `${place} 1`);
        await set(guest, place, 'user.two', '');
        await set(guest, place, 'user.one', `${place} one`);
        expect(await list(guest, place)).toEqual(['user.one', 'user.two']);
        expect(await get(guest, place, 'user.two')).toBe('');
        await remove(guest, place, 'user.two');
        expect(await list(guest, place)).toEqual(['user.one']);
      }
      expect(await get(guest, 'file', 'user.one')).toBe('file one');
      expect(await get(guest, 'folder', 'user.one')).toBe('folder one');
    });

    it('are created where they are not, and replaced where they are', async () => {
      const guest = use();
      await guest.file('file');
      await refused(() => set(guest, 'file', 'user.x', '1', replace), 'ENODATA');
      await set(guest, 'file', 'user.x', '2', create);
      await refused(() => set(guest, 'file', 'user.x', '3', create), 'EEXIST');
      expect(await get(guest, 'file', 'user.x')).toBe('2');
      await set(guest, 'file', 'user.x', '4', replace);
      expect(await get(guest, 'file', 'user.x')).toBe('4');
    });

    it('hold any bytes, under names of any bytes', async () => {
      const guest = use();
      await guest.file('file');
      const name = 'user.\xff\xfe \n';
      const every = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
      await set(guest, 'file', name, every);
      expect(await list(guest, 'file')).toEqual([name]);
      expect(await get(guest, 'file', name)).toBe(every);
    });

    it('belong to the file, whatever name leads to it', async () => {
      const guest = use();
      const node = await guest.file('one');
      await guest.mkdir('folder');
      await set(guest, 'one', 'user.x', 'value');
      await guest.link(node, 'two');
      await guest.rename('one', 'folder/moved');
      expect(await get(guest, 'folder/moved', 'user.x')).toBe('value');
      expect(await get(guest, node, 'user.x')).toBe('value');
      await set(guest, 'two', 'user.y', 'of both');
      expect(await get(guest, 'folder/moved', 'user.y')).toBe('of both');
    });

    it('do not come back with the next file of the name', async () => {
      const guest = use();
      await guest.file('file');
      await set(guest, 'file', 'user.x', 'value');
      await guest.unlink('file');
      await guest.file('file');
      expect(await list(guest, 'file')).toEqual([]);
    });

    it('of a file that is open and has no name stay and change', async () => {
      const guest = use();
      const node = await guest.file('file');
      await set(guest, node, 'user.x', 'value');
      await guest.open('file', openFlags.readWrite);
      await guest.unlink('file');
      expect(await get(guest, node, 'user.x')).toBe('value');
      await set(guest, node, 'user.y', 'new');
      await remove(guest, node, 'user.x');
      expect(await list(guest, node)).toEqual(['user.y']);
    });

    it('stay when data is written and the file is cut', async () => {
      const guest = use();
      const file = await guest.create('file');
      await set(guest, 'file', 'user.x', 'value');
      await guest.write(file, 0, 'content');
      await guest.change('file', { size: 0 });
      expect(await get(guest, 'file', 'user.x')).toBe('value');
    });

    it('move ctime and leave mtime', async () => {
      const guest = use();
      await guest.file('file');
      await guest.change('file', { mtime: 1_000_000_000_000_000_000n });
      const before = await guest.attributes('file');
      // Longer than the tick of a kernel's clock for files.
      await new Promise((resolve) => setTimeout(resolve, 12));
      await set(guest, 'file', 'user.x', 'value');
      const after = await guest.attributes('file');
      expect(after.mtime).toBe(before.mtime);
      expect(after.ctime).toBeGreaterThan(before.ctime);
    });

    it('are the caller’s no more once they are set', async () => {
      const guest = use();
      const node = await guest.file('file');
      const name = bytes('user.x');
      await guest.backend.setxattr(node, name, bytes('value'), 0);
      name.fill(0x79);
      expect(await list(guest, 'file')).toEqual(['user.x']);
    });
    return undefined;
  });
}
