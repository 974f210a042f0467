// Names: what leads where, and which bytes a name may have.
import { describe, expect, it } from 'vitest';
import { openFlags } from '../../devices/9p/backend.ts';
import { bytes, nobodySpecial, refused, text } from './guest.ts';
import type { Guest } from './guest.ts';

const oddNames: Readonly<Record<string, string>> = {
  'a space': 'a name',
  'a newline': 'two\nlines',
  'a tab and quotes': '\t"\'`$',
  'a leading dash': '-rf',
  'three dots': '...',
  'a backslash': 'a\\b',
  'a control character': '\x01',
  'UTF-8': '\xc3\xa4\xe2\x82\xac',
  'bytes that are not UTF-8': '\xff\xfe\x80',
  '255 bytes': 'n'.repeat(255),
};

export function nameTests(use: () => Guest): void {
  describe('names', () => {
    for (const [what, name] of Object.entries(oddNames)) {
      it(`may have ${what}`, async () => {
        const guest = use();
        await guest.file(name, what);
        expect(await guest.names('')).toEqual([name]);
        expect(await guest.content(name)).toBe(what);
        expect(text(await guest.backend.name(await guest.at(name)))).toBe(name);
        await guest.rename(name, `${name.slice(0, 200)}~`);
        await guest.unlink(`${name.slice(0, 200)}~`);
        expect(await guest.names('')).toEqual([]);
      });
    }

    it('that differ in case are two files', async () => {
      const guest = use();
      await guest.file('name', 'lower');
      await guest.file('NAME', 'upper');
      expect([await guest.content('name'), await guest.content('NAME')]).toEqual(['lower', 'upper']);
    });

    it('that do not exist lead nowhere', async () => {
      expect(await use().find('nothing')).toBeUndefined();
    });

    it('can not be looked up in a file', async () => {
      const guest = use();
      const file = await guest.file('file');
      await refused(() => guest.backend.lookup(file, bytes('x')), 'ENOTDIR');
      await refused(() => guest.backend.mkdir(file, bytes('x'), 0o755, nobodySpecial), 'ENOTDIR');
      await refused(() => guest.backend.unlink(file, bytes('x'), false), 'ENOTDIR');
    });

    it('that are taken are EEXIST for whatever is made', async () => {
      const guest = use();
      const root = await guest.root();
      const file = await guest.file('taken');
      await refused(() => guest.mkdir('taken'), 'EEXIST');
      await refused(() => guest.symlink('x', 'taken'), 'EEXIST');
      await refused(() => guest.link(file, 'taken'), 'EEXIST');
      await refused(() => guest.create('taken'), 'EEXIST');
      await refused(() => guest.backend.mknod(root, bytes('taken'), 0o100644, 0n, nobodySpecial), 'EEXIST');
    });

    it('go down as deep as wanted', async () => {
      const guest = use();
      const depth = 60;
      let path = 'deep';
      await guest.mkdir(path);
      for (let level = 1; level < depth; level++) await guest.mkdir((path += '/deep'));
      await guest.file(`${path}/file`, 'bottom');
      expect(await guest.content(`${path}/file`)).toBe('bottom');
    });

    it('are handed back as they are at present', async () => {
      const guest = use();
      await guest.mkdir('folder');
      const node = await guest.file('before');
      await guest.rename('before', 'folder/after');
      expect(text(await guest.backend.name(node))).toBe('after');
      const parent = guest.keep(await guest.backend.parent(node));
      expect((await guest.attributes(parent)).ino).toBe((await guest.attributes('folder')).ino);
    });

    it('have a root that is its own parent and can not be named', async () => {
      const guest = use();
      const root = await guest.root();
      const parent = guest.keep(await guest.backend.parent(root));
      expect((await guest.attributes(parent)).ino).toBe((await guest.attributes(root)).ino);
      await refused(() => guest.backend.name(root), 'EBUSY');
    });

    it('that are gone have no parent', async () => {
      const guest = use();
      const node = await guest.file('file');
      await guest.unlink('file');
      await refused(() => guest.backend.parent(node), 'ENOENT');
      await refused(() => guest.backend.name(node), 'ENOENT');
    });

    it('are the same node as long as they lead to the same file', async () => {
      const guest = use();
      const file = await guest.create('file', openFlags.readWrite);
      expect((await guest.attributes('file')).ino).toBe((await guest.backend.getattrOpen(file)).ino);
    });
  });
}
