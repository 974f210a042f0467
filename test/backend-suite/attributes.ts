// Attributes: what is told of a file, and what can be changed.
import { describe, expect, it } from 'vitest';
import { fileType, noId, openFlags } from '../../devices/9p/backend.ts';
import { nobodySpecial, permissionsOf, refused, typeOf } from './guest.ts';
import type { Capabilities, Guest } from './guest.ts';

/** Every time that a file can be given, and the middle of a microsecond. */
const times: Readonly<Record<string, bigint>> = {
  'the present': 1_760_000_000_123_456_789n,
  'whole seconds': 1_700_000_000_000_000_000n,
  'the last nanosecond of a second': 1_700_000_000_999_999_999n,
  'a microsecond': 1_700_000_000_000_001_000n,
  '1970': 0n,
  'a moment before 1970': -1_000n,
  'half a second before 1970': -500_000_000n,
  '1960': -315_619_200_123_457_000n,
  'after 2038': 2_500_000_000_654_321_000n,
};

function distance(one: bigint, two: bigint): bigint {
  return one > two ? one - two : two - one;
}

async function aMoment(): Promise<void> {
  // Longer than the tick of a kernel's clock for files (4 ms, 10 at most).
  await new Promise((resolve) => setTimeout(resolve, 12));
}

export function attributeTests(use: () => Guest, { timeTolerance, chown, setIds, changesOrphans }: Capabilities): void {
  describe('attributes', () => {
    it('of a new file', async () => {
      const guest = use();
      await guest.file('file', '12345');
      const attributes = await guest.attributes('file');
      expect(attributes).toMatchObject({ mode: 0o100644, nlink: 1, uid: 0, gid: 0, size: 5, rdev: 0n });
      expect(attributes.blockSize).toBeGreaterThanOrEqual(512);
      expect(attributes.ino).toBeGreaterThan(0n);
    });

    it('are the same through an open file', async () => {
      const guest = use();
      const file = await guest.create('file');
      await guest.write(file, 0, 'content');
      expect(await guest.backend.getattrOpen(file)).toEqual(await guest.attributes('file'));
    });

    it('have every permission bit but SUID and SGID', async () => {
      const guest = use();
      await guest.file('file');
      for (const mode of [0o000, 0o777, 0o1644, 0o421, 0o600]) {
        await guest.change('file', { mode });
        expect(permissionsOf(await guest.attributes('file'))).toBe(mode);
      }
      expect(typeOf(await guest.attributes('file'))).toBe(fileType.file);
    });

    it(setIds ? 'have SUID and SGID' : 'refuse SUID and SGID with EPERM', async () => {
      const guest = use();
      await guest.file('file');
      for (const mode of [0o4755, 0o2755, 0o6755]) {
        const set = (): Promise<void> => guest.change('file', { mode });
        if (setIds) await set();
        else await refused(set, 'EPERM');
        expect(permissionsOf(await guest.attributes('file'))).toBe(setIds ? mode : 0o644);
      }
      if (setIds) return;
      await refused(() => guest.create('new', openFlags.readWrite, 0o4755), 'EPERM');
      await refused(() => guest.mkdir('new', 0o2755), 'EPERM');
      expect(await guest.names('')).toEqual(['file']);
    });

    it(chown ? 'have other owners' : 'keep their owner: EPERM for any other', async () => {
      const guest = use();
      await guest.file('file');
      for (const owner of [{ uid: 1234 }, { gid: 1234 }, { uid: 1, gid: 2 }]) {
        const give = (): Promise<void> => guest.change('file', { ...owner, mode: 0o600 });
        if (chown) await give();
        else await refused(give, 'EPERM');
      }
      const expected = chown ? { uid: 1, gid: 2, mode: 0o100600 } : { uid: 0, gid: 0, mode: 0o100644 };
      expect(await guest.attributes('file')).toMatchObject(expected);
    });

    it('can be given the owner that they have', async () => {
      const guest = use();
      await guest.file('file');
      await guest.mkdir('folder');
      await guest.symlink('file', 'link');
      for (const name of ['file', 'folder', 'link']) {
        await guest.change(name, { uid: 0, gid: 0 });
        expect(await guest.attributes(name)).toMatchObject({ uid: 0, gid: 0 });
      }
    });

    it('are changed through an open file', async () => {
      const guest = use();
      const file = await guest.create('file');
      const mtime = 1_600_000_000_000_000_000n;
      await guest.backend.setattrOpen(file, { mode: 0o640, mtime }, nobodySpecial);
      expect(await guest.attributes('file')).toMatchObject({ mode: 0o100640, mtime });
    });

    it('change all together', async () => {
      const guest = use();
      await guest.file('file', '1234567890');
      const changes = { size: 3, mode: 0o600, atime: 1_000_000_000_000_000_000n, mtime: 2_000_000_000_000_000_000n };
      await guest.change('file', changes);
      const { mode, ...others } = changes;
      expect(await guest.attributes('file')).toMatchObject({ ...others, mode: 0o100000 | mode });
    });

    it(`of a file without a name ${changesOrphans ? 'change' : 'are refused or change'}`, async () => {
      const guest = use();
      const node = await guest.file('file');
      await guest.unlink('file');
      const change = (): Promise<void> => guest.change(node, { mode: 0o600, mtime: 5_000_000_000n });
      if (!changesOrphans) return refused(change, 'ESTALE', 'EBADF', 'EPERM');
      await change();
      expect(await guest.attributes(node)).toMatchObject({ mode: 0o100600, mtime: 5_000_000_000n });
      return undefined;
    });
  });

  describe('times', () => {
    for (const [what, time] of Object.entries(times)) {
      it(`are set as given: ${what}`, async () => {
        const guest = use();
        await guest.file('file');
        await guest.change('file', { atime: time, mtime: time + 2_000n });
        const { atime, mtime } = await guest.attributes('file');
        expect(distance(atime, time)).toBeLessThanOrEqual(timeTolerance);
        expect(distance(mtime, time + 2_000n)).toBeLessThanOrEqual(timeTolerance);
      });
    }

    it('that were read are set without drifting', async () => {
      const guest = use();
      await guest.file('file');
      await guest.change('file', { mtime: 1_700_000_000_987_654_321n });
      const { mtime } = await guest.attributes('file');
      // cp -p of a copy of a copy.
      for (let copy = 0; copy < 5; copy++) {
        const present = await guest.attributes('file');
        await guest.change('file', { atime: present.mtime, mtime: present.mtime });
      }
      expect(await guest.attributes('file')).toMatchObject({ atime: mtime, mtime });
    });

    it('leave the other one alone', async () => {
      const guest = use();
      await guest.file('file');
      const atime = 1_111_111_111_111_111_000n;
      await guest.change('file', { atime, mtime: 1_222_222_222_222_222_000n });
      const before = await guest.attributes('file');
      await guest.change('file', { mtime: 1_333_333_333_000_000_000n });
      expect((await guest.attributes('file')).atime).toBe(before.atime);
      await guest.change('file', { atime: 'now' });
      const after = await guest.attributes('file');
      expect(after.mtime).toBe(1_333_333_333_000_000_000n);
      expect(after.atime).toBeGreaterThan(1_333_333_333_000_000_000n);
    });

    it('set to now are not after those of a later write', async () => {
      const guest = use();
      await guest.file('target');
      const source = await guest.create('source');
      for (let round = 0; round < 20; round++) {
        await guest.change('target', { mtime: 'now', atime: 'now' });
        await guest.write(source, 0, String(round));
        const [target, written] = [await guest.attributes('target'), await guest.attributes('source')];
        expect(target.mtime).toBeLessThanOrEqual(written.mtime);
        expect(target.atime).toBe(target.mtime);
      }
    });

    it('of a file move with its data, by less than a second', async () => {
      const guest = use();
      const file = await guest.create('file');
      await guest.write(file, 0, 'one');
      const before = await guest.attributes('file');
      await aMoment();
      await guest.write(file, 0, 'two');
      const after = await guest.attributes('file');
      expect(after.mtime).toBeGreaterThan(before.mtime);
      expect(after.ctime).toBeGreaterThan(before.ctime);
      await aMoment();
      await guest.change('file', { size: 3 });
      expect((await guest.attributes('file')).mtime).toBeGreaterThan(after.mtime);
    });

    it('of a folder move with its names', async () => {
      const guest = use();
      await guest.mkdir('folder');
      let before = (await guest.attributes('folder')).mtime;
      const steps: readonly (() => Promise<unknown>)[] = [
        () => guest.file('folder/a'),
        () => guest.rename('folder/a', 'folder/b'),
        () => guest.unlink('folder/b'),
        () => guest.mkdir('folder/c'),
        () => guest.rmdir('folder/c'),
      ];
      for (const step of steps) {
        await aMoment();
        await step();
        const { mtime } = await guest.attributes('folder');
        expect(mtime).toBeGreaterThan(before);
        before = mtime;
      }
    });

    it('of change move with the attributes, and by themselves', async () => {
      const guest = use();
      const node = await guest.file('file');
      let before = (await guest.attributes('file')).ctime;
      const steps: readonly (() => Promise<unknown>)[] = [
        () => guest.change('file', { mode: 0o600 }),
        () => guest.change('file', { mtime: 1n }),
        () => guest.change('file', {}),
        () => guest.link(node, 'second'),
        () => guest.unlink('second'),
      ];
      for (const step of steps) {
        await aMoment();
        await step();
        const { ctime } = await guest.attributes('file');
        expect(ctime).toBeGreaterThan(before);
        before = ctime;
      }
    });
  });

  describe('statistics', () => {
    it('tell of room and names', async () => {
      const guest = use();
      const statistics = await guest.backend.statfs(await guest.root());
      expect(statistics.nameLength).toBe(255);
      expect(statistics.blockSize).toBeGreaterThanOrEqual(512);
      expect(statistics.blocks).toBeGreaterThan(0n);
      expect(statistics.blocksFree).toBeLessThanOrEqual(statistics.blocks);
      expect(statistics.blocksAvailable).toBeLessThanOrEqual(statistics.blocksFree);
      const file = await guest.file('file');
      expect((await guest.backend.statfs(file)).type).toBe(statistics.type);
    });

    it('ignore an owner that is none', async () => {
      const guest = use();
      await guest.file('file');
      await guest.backend.setattr(await guest.at('file'), { mode: 0o600 }, { uid: 0, gid: noId });
      expect((await guest.attributes('file')).mode).toBe(0o100600);
    });
  });
}
