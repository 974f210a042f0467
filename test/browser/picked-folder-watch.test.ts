// Changes of a picked folder by others, in a real browser: told by its FileSystemObserver.
import { expect, onTestFinished, test, vi } from 'vitest';
import { openPickedFolder } from '../../src/browser/picked-folder/open.ts';
import { pickedFolder } from '../../src/browser/picked-folder/source.ts';
import { Guest, text } from '../backend-suite/guest.ts';
import { hostRead, hostWrite } from './folder-of-host.ts';

test('both sides see what the other changes', async () => {
  const root = await navigator.storage.getDirectory();
  const host = await root.getDirectoryHandle('watched', { create: true });
  const log: string[] = [];
  const backend = await openPickedFolder(pickedFolder(host), {
    now: () => BigInt(Date.now()) * 1_000_000n,
    log: (line) => log.push(line),
  });
  const guest = new Guest(backend);
  const heard: string[] = [];
  const unwatch = backend.watch(({ type, path }) => heard.push(`${type} ${path.map(text).join('/')}`));
  onTestFinished(async () => {
    unwatch();
    await guest.leave();
    await backend.close();
    await root.removeEntry('watched', { recursive: true });
  });
  expect(backend.busy).toBe(true);

  await guest.mkdir('folder');
  await guest.file('folder/file', 'by the guest');
  const folder = await host.getDirectoryHandle('folder');
  expect(await hostRead(folder, 'file')).toBe('by the guest');
  await hostWrite(folder, 'file', 'by the host');
  expect(await guest.content('folder/file')).toBe('by the host');
  await hostWrite(folder, 'new', 'new');
  await vi.waitFor(() => expect(heard).toContain('created folder/new'));
  expect(await guest.names('folder')).toEqual(['file', 'new']);
  await folder.removeEntry('new');
  await vi.waitFor(() => expect(heard).toContain('removed folder/new'));
  expect(heard.filter((line) => line === 'changed folder/file')).toHaveLength(1);
  expect(heard).not.toContain('created folder/file');
  expect(log).toEqual([]);
});
