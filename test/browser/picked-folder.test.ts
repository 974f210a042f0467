// The conformance suite over a picked folder in a real browser: a folder of the origin's private file system has the same
// interface as one of the user's.
import { expect, test } from 'vitest';
import type { PickedFolderBackend } from '../../src/browser/picked-folder/backend.ts';
import { openPickedFolder } from '../../src/browser/picked-folder/open.ts';
import { pickedFolder } from '../../src/browser/picked-folder/source.ts';
import { backendSuite } from '../backend-suite.ts';
import { Guest } from '../backend-suite/guest.ts';

const now = (): bigint => BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
let count = 0;

async function makeFolder(): Promise<{ name: string; handle: FileSystemDirectoryHandle }> {
  const root = await navigator.storage.getDirectory();
  const name = `picked-${count++}`;
  return { name, handle: await root.getDirectoryHandle(name, { create: true }) };
}

async function removeFolder(name: string): Promise<void> {
  const root = await navigator.storage.getDirectory();
  await root.removeEntry(name, { recursive: true });
}

async function mount(handle: FileSystemDirectoryHandle, log: string[] = []): Promise<PickedFolderBackend> {
  return openPickedFolder(pickedFolder(handle), { now, log: (line) => log.push(line) });
}

backendSuite(
  'PickedFolderBackend in the browser',
  async () => {
    const { name, handle } = await makeFolder();
    const backend = await mount(handle);
    return {
      backend,
      handles: () => backend.handleCount,
      dispose: async () => {
        await backend.close();
        await removeFolder(name);
      },
    };
  },
  { timeTolerance: 0n, chown: true, specials: true, setIds: true, exchange: false, changesOrphans: true, xattrs: true },
);

test('what the guest has made is there when the folder is picked again', async () => {
  const { name, handle } = await makeFolder();
  try {
    const first = await mount(handle);
    const before = new Guest(first);
    await before.file('script', '#!/bin/sh');
    await before.change('script', { mode: 0o755, mtime: 1_234_567_890_123_456_789n });
    await before.symlink('script', 'link');
    const attributes = await before.attributes('script');
    await before.leave();
    await first.close();
    expect(await (await (await handle.getFileHandle('script')).getFile()).text()).toBe('#!/bin/sh');

    const second = await mount(handle);
    const after = new Guest(second);
    expect(await after.names('')).toEqual(['link', 'script']);
    expect(await after.readlink('link')).toBe('script');
    expect(await after.content('script')).toBe('#!/bin/sh');
    const { ino, mode, mtime } = await after.attributes('script');
    expect({ ino, mode, mtime }).toEqual({ ino: attributes.ino, mode: 0o100755, mtime: 1_234_567_890_123_456_789n });
    await after.leave();
    await second.close();
  } finally {
    await removeFolder(name);
  }
});

test('a folder that is open elsewhere is refused in the words of a user', async () => {
  const { name, handle } = await makeFolder();
  const backend = await mount(handle);
  try {
    await expect(mount(handle)).rejects.toMatchObject({
      code: 'bad-file',
      message: `the files "${name}" are open in another tab or window: close it there, then load this page again`,
    });
  } finally {
    await backend.close();
    await removeFolder(name);
  }
});
