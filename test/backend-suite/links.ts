// Second names, symbolic links, and the files that are not files.
import { describe, expect, it } from 'vitest';
import { fileType, openFlags } from '../../devices/9p/backend.ts';
import { bytes, nobodySpecial, refused, typeOf } from './guest.ts';
import type { Capabilities, Guest } from './guest.ts';

export function linkTests(use: () => Guest, { specials }: Capabilities): void {
  describe('hard links', () => {
    it('are one file with one number', async () => {
      const guest = use();
      const node = await guest.file('one', 'content');
      await guest.mkdir('folder');
      await guest.link(node, 'folder/two');
      const [one, two] = [await guest.attributes('one'), await guest.attributes('folder/two')];
      expect(two.ino).toBe(one.ino);
      expect([one.nlink, two.nlink]).toEqual([2, 2]);
      const file = await guest.open('folder/two');
      await guest.write(file, 0, 'CONTENT');
      expect(await guest.content('one')).toBe('CONTENT');
    });

    it('keep the file until the last is removed', async () => {
      const guest = use();
      const node = await guest.file('one', 'content');
      await guest.link(node, 'two');
      await guest.unlink('one');
      expect(await guest.content('two')).toBe('content');
      expect((await guest.attributes('two')).nlink).toBe(1);
      expect((await guest.attributes(node)).nlink).toBe(1);
    });

    it('are not made of folders', async () => {
      const guest = use();
      const folder = await guest.mkdir('folder');
      await refused(() => guest.link(folder, 'other'), 'EPERM');
    });

    it('are not made of a file whose last name is gone', async () => {
      const guest = use();
      const node = await guest.file('file');
      await guest.unlink('file');
      await refused(() => guest.link(node, 'other'), 'ENOENT');
    });

    it('of a link are of the link itself', async () => {
      const guest = use();
      await guest.file('file');
      const link = await guest.symlink('file', 'link');
      await guest.link(link, 'second');
      expect(await guest.readlink('second')).toBe('file');
      expect((await guest.attributes('file')).nlink).toBe(1);
    });
  });

  describe('symbolic links', () => {
    for (const target of ['file', '../../etc/passwd', '/absolute', '\xff\xfe', ' ', 't'.repeat(1000)]) {
      it(`keep their target as it is: ${JSON.stringify(target.slice(0, 20))}`, async () => {
        const guest = use();
        await guest.symlink(target, 'link');
        expect(await guest.readlink('link')).toBe(target);
        expect(await guest.attributes('link')).toMatchObject({ size: target.length });
        expect(typeOf(await guest.attributes('link'))).toBe(fileType.link);
      });
    }

    it('are never followed', async () => {
      const guest = use();
      await guest.mkdir('folder');
      await guest.file('folder/file');
      await guest.symlink('folder', 'link');
      await refused(() => guest.find('link/file'), 'ENOTDIR');
    });

    it('are all that readlink reads', async () => {
      const guest = use();
      await guest.file('file');
      await guest.mkdir('folder');
      await refused(() => guest.readlink('file'), 'EINVAL');
      await refused(() => guest.readlink('folder'), 'EINVAL');
    });

    it('are removed without what they lead to', async () => {
      const guest = use();
      await guest.file('file', 'content');
      await guest.symlink('file', 'link');
      await guest.unlink('link');
      expect(await guest.content('file')).toBe('content');
    });

    it('have times of their own', async () => {
      const guest = use();
      await guest.file('file');
      const before = (await guest.attributes('file')).mtime;
      await guest.symlink('file', 'link');
      await guest.change('link', { mtime: 1_500_000_000_000_000_000n, atime: 1_400_000_000_000_000_000n });
      expect((await guest.attributes('link')).mtime).toBe(1_500_000_000_000_000_000n);
      expect((await guest.attributes('file')).mtime).toBe(before);
    });
  });

  describe('special files', () => {
    const types = {
      fifo: fileType.fifo,
      socket: fileType.socket,
      block: fileType.block,
      character: fileType.character,
    };
    for (const [name, type] of Object.entries(types)) {
      it(specials ? `are made: ${name}, and not opened` : `are EPERM: ${name}`, async () => {
        const guest = use();
        const root = await guest.root();
        const rdev = type === fileType.block || type === fileType.character ? 0x103n : 0n;
        const make = (): unknown => guest.backend.mknod(root, bytes('special'), type | 0o644, rdev, nobodySpecial);
        if (!specials) {
          await refused(make, 'EPERM');
          expect(await guest.names('')).toEqual([]);
          return;
        }
        guest.keep(await guest.backend.mknod(root, bytes('special'), type | 0o644, rdev, nobodySpecial));
        expect(await guest.attributes('special')).toMatchObject({ mode: type | 0o644, rdev });
        await refused(() => guest.open('special', openFlags.readOnly), 'ENXIO');
      });
    }
  });
}
