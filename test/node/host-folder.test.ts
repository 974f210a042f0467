// What a share of a host's folder is told through the API, and what is refused.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder, VmError, type HostFolderOptions, type ShareFiles } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { capabilities } from './node-fs/shared-folder.ts';

function share(options: HostFolderOptions, prepare: (folder: string) => void): { folder: string; files: ShareFiles } {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-host-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  prepare(folder);
  const vm = createVm({ shares: [{ source: hostFolder(folder, options) }] });
  onTestFinished(() => vm.dispose());
  return { folder, files: vm.fs() };
}

test.each<[HostFolderOptions, RegExp]>([
  [{ security: 'full' as 'none' }, /security=full is none of default, mapped, passthrough, none/],
  [{ owner: { uid: -1, gid: 0 } }, /owner: -1 is no number of a user/],
  [{ owner: { uid: 1.5, gid: 0 } }, /owner: 1.5 is no number/],
  [{ uidMap: [{ guest: 0, host: 2 ** 32, count: 1 }] }, /uidMap: 0:4294967296:1 is no range/],
  [{ fileMode: 0o600 }, /are for security=mapped/],
  [{ security: 'mapped', fileMode: 0o1600 }, /fmode: 01600 is no mode from 0 to 0777/],
  [{ hide: ['a', '[a'] }, /hide: the pattern "\[a" has a \[ without its \]/],
])('%o is refused', (options, reason) => {
  let error: unknown;
  try {
    hostFolder('.', options);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(VmError);
  expect(error).toMatchObject({ code: 'bad-option', message: expect.stringMatching(reason) as string });
});

test('hidden names are hidden from the files API too', async () => {
  const { files } = share({ hide: ['*.pem', '/private'] }, (folder) => {
    mkdirSync(join(folder, 'private'));
    for (const name of ['key.pem', 'private/file', 'seen']) writeFileSync(join(folder, name), name);
  });
  expect((await files.readdir('/')).map(({ name }) => name)).toEqual(['seen']);
  await expect(files.readFile('/key.pem')).rejects.toMatchObject({ errno: 'ENOENT' });
  await expect(files.writeFile('/new.pem', '')).rejects.toMatchObject({ errno: 'EPERM' });
});

test.runIf(capabilities.xattrs)('a mapped folder has the modes that it is told', async () => {
  const options: HostFolderOptions = { security: 'mapped', fileMode: 0o640, folderMode: 0o750 };
  const { folder, files } = share(options, (path) => chmodSync(path, 0o755));
  await files.writeFile('/file', 'content', { mode: 0o604 });
  await files.symlink('file', '/link');
  expect(await files.stat('/file')).toMatchObject({ mode: 0o100604 });
  expect(Buffer.from(await files.readFile('/link')).toString()).toBe('content');
  for (const name of ['file', 'link']) expect(statSync(join(folder, name)).mode).toBe(0o100640);
});
