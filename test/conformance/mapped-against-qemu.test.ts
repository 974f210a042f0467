// One folder, shared as mapped by vm9 and as mapped-xattr by QEMU at the same time: what the one's guest makes and changes, the
// other's guest sees the same.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountOptions, QemuImages, remount, startQemu, startVm9, type Guest } from '../bench/guests.ts';
import { isInstalled, qemu } from '../bench/tools.ts';
import { capabilities } from '../node/node-fs/shared-folder.ts';

/** Everything that a folder can hold, owned by many, with every bit of a mode. */
const makeAll = `
umask 022
mkdir folder sticky setgid locked
chmod 1777 sticky; chmod 2775 setgid; chown 1000:1001 folder; chown 65533:4000000000 locked; chmod 000 locked
chown 7:8 setgid; echo inherited > setgid/file; mkdir setgid/below
echo content > folder/file; chown 1000:1001 folder/file; chmod 4751 folder/file
echo unreadable > folder/none; chmod 000 folder/none
echo roots > plain; ln plain folder/second
ln -s ../plain folder/link; chown -h 1000:1000 folder/link; ln -s nowhere dangling; ln -s "$(printf %04000d 0)" long
ln -s folder to-folder
mkfifo -m 640 fifo; mknod -m 660 block b 8 1; mknod character c 5 300; mknod wide b 259 1048575; chown 0:6 block
printf 'bytes' > "$(printf 'name \\303\\244 \\377')"
printf 'x' > mine && chown 1234:5678 mine
`;

/** Changes of what the other has made. */
const changeAll = `
chown 2000:2001 folder/file; chmod 6711 folder/file
chown -h 33:34 folder/link; chmod 755 locked; chmod 700 sticky
mv fifo folder/pipe; mv block renamed; mv to-folder folder/there
rm character dangling; rmdir setgid/below
chmod 4755 mine; printf 'longer' > mine
echo appended >> plain
ln -sf elsewhere long
ln folder/link folder/link2
chown 1:2 "$(printf 'name \\303\\244 \\377')"
`;

/** All that a guest can say of each file. */
const describeAll = `
find . | sort | while IFS= read -r path; do
  stat -c '%n %f %u %g %s %t:%T %h' "$path"
  if [ -h "$path" ]; then readlink "$path"; fi
  if [ -f "$path" ] && [ ! -h "$path" ]; then cat "$path"; echo; fi
done`;

const inShare = (script: string): string => `cd /mnt/host && { ${script.trim()}\n}`;

describe.runIf(isInstalled(qemu) && capabilities.xattrs)('a folder that vm9 and QEMU share as mapped', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-mapped-'));
  const images = new QemuImages();
  let vm9: Guest;
  let other: Guest;

  beforeAll(async () => {
    [vm9, other] = await Promise.all([
      startVm9(folder, 'translator', { security: 'mapped' }),
      startQemu(images, folder, 'mapped-xattr'),
    ]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([vm9?.dispose(), other?.dispose()]);
    images.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const seenBy = async (guest: Guest): Promise<string[]> => {
    await remount(guest, mountOptions('none', 512_000));
    return (await guest.run(inShare(describeAll))).split('\n');
  };
  const empty = async (guest: Guest): Promise<void> => {
    await remount(guest, mountOptions('none', 512_000));
    await guest.run(inShare('find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +'));
  };

  for (const [maker, changer] of [
    ['vm9', 'QEMU'],
    ['QEMU', 'vm9'],
  ]) {
    const pick = (name: string | undefined): Guest => (name === 'vm9' ? vm9 : other);

    test(`holds what ${maker} makes and ${changer} changes`, { timeout: 120_000 }, async () => {
      await empty(pick(maker));
      // A guest's umask and the host's have nothing to do with one another.
      await pick(maker).run(inShare(makeAll));
      const made = await seenBy(vm9);
      expect(made).toContainEqual(expect.stringMatching(/^\.\/folder\/file 89e9 1000 1001 8 /));
      expect(made).toContainEqual(expect.stringMatching(/^\.\/wide 61.. 0 0 0 103:fffff 1$/));
      expect(made).toContainEqual(expect.stringMatching(/^\.\/folder\/link a1ff 1000 1000 8 /));
      expect(await seenBy(other)).toEqual(made);
      for (const name of ['folder/file', 'fifo', 'block', 'dangling', 'folder/none'])
        expect([name, statSync(join(folder, name)).mode.toString(8)]).toEqual([name, '100600']);
      expect(statSync(join(folder, 'setgid')).mode.toString(8)).toBe('40700');

      await remount(pick(changer), mountOptions('none', 512_000));
      await pick(changer).run(inShare(changeAll));
      const changed = await seenBy(vm9);
      expect(changed).not.toEqual(made);
      // A write takes away SUID in vm9, whoever writes; Linux's client asks QEMU for it only where the writer is not root.
      const mine = changer === 'vm9' ? /^\.\/mine 81ed 1234 5678 6 / : /^\.\/mine 89ed 1234 5678 6 /;
      expect(changed).toContainEqual(expect.stringMatching(mine));
      expect(await seenBy(other)).toEqual(changed);
    });
  }

  test('shows what the host has made as it is, to both', { timeout: 60_000 }, async () => {
    await empty(vm9);
    mkdirSync(join(folder, 'of-the-host'), { mode: 0o750 });
    writeFileSync(join(folder, 'of-the-host/file'), 'content', { mode: 0o640 });
    const seen = await seenBy(vm9);
    expect(seen).toContainEqual(expect.stringMatching(/^\.\/of-the-host\/file 81a0 /));
    expect(await seenBy(other)).toEqual(seen);
  });
});
