// Changes on the host are told to whoever watches, and the guest's own are not.
import { expect, onTestFinished, test, vi } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { text } from '../../backend-suite/guest.ts';
import { FakeHost } from './fake-host.ts';
import { mount } from './mount.ts';
import type { Mounted } from './mount.ts';

async function watched(host = new FakeHost()): Promise<Mounted & { readonly heard: string[] }> {
  const folder = await mount(host, { observed: true });
  const heard: string[] = [];
  const unwatch = folder.backend.watch(({ type, path }) => heard.push(`${type} ${path.map(text).join('/')}`));
  onTestFinished(async () => {
    unwatch();
    await folder.leave();
  });
  return { ...folder, heard };
}

test('what the host changes is told, and seen by the guest at once', async () => {
  const { guest, host, heard } = await watched();
  await guest.mkdir('folder');
  await guest.file('folder/file', 'before');
  await guest.names('folder');
  host.write('folder/file', 'afterwards');
  host.write('folder/new', 'content');
  host.mkdir('other');
  await vi.waitFor(() => expect(heard).toHaveLength(3));
  expect(heard.toSorted()).toEqual(['changed folder/file', 'created folder/new', 'created other']);
  expect(await guest.names('folder')).toEqual(['file', 'new']);
  expect((await guest.attributes('folder/file')).size).toBe(10);
  host.remove('folder/new');
  await vi.waitFor(() => expect(heard).toContain('removed folder/new'));
  expect(await guest.find('folder/new')).toBeUndefined();
});

test('a folder that the guest has never been in is told of too', async () => {
  const host = new FakeHost();
  host.mkdir('a');
  host.mkdir('a/b');
  const { heard } = await watched(host);
  host.write('a/b/file', 'content');
  await vi.waitFor(() => expect(heard).toEqual(['created a/b/file']));
});

test('what the guest changes is not told', async () => {
  const { guest, backend, host, heard } = await watched();
  await guest.mkdir('folder');
  const file = await guest.create('folder/file');
  await guest.write(file, 0, 'content');
  await backend.fsync(file, false);
  await guest.write(file, 0, 'CONTENT');
  await guest.release(file);
  await guest.rename('folder/file', 'folder/renamed');
  await guest.rename('folder', 'moved');
  await guest.unlink('moved/renamed');
  await guest.rmdir('moved');
  host.write('last', 'the end');
  await vi.waitFor(() => expect(heard).toContain('created last'));
  expect(heard).toEqual(['created last']);
});

test('an unsaved change of the guest is not taken for the host file that it will conflict with', async () => {
  const { guest, host, heard } = await watched();
  await guest.file('file', 'before');
  const file = await guest.open('file', openFlags.writeOnly | openFlags.truncate);
  await guest.write(file, 0, 'guest');
  host.write('file', 'by the host');
  await guest.release(file);
  await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(2));
  expect(heard.filter((line) => line === 'changed file')).toHaveLength(1);
  expect(heard.some((line) => line.startsWith('created file.guest-'))).toBe(true);
});

test('a file that the host renames keeps its permissions', async () => {
  const { guest, host, heard } = await watched();
  await guest.file('script', '#!/bin/sh');
  await guest.change('script', { mode: 0o755 });
  host.rename('script', 'renamed');
  await vi.waitFor(() => expect(heard).toEqual(['removed script', 'created renamed']));
  await vi.waitFor(async () => expect((await guest.attributes('renamed')).mode).toBe(0o100755));
});

test('while the browser tells of changes, known attributes need no look', async () => {
  const { guest, host } = await watched();
  await guest.file('file', 'content');
  await new Promise((resolve) => setTimeout(resolve, 150));
  const before = host.calls.get('getFile');
  await guest.attributes('file');
  expect(host.calls.get('getFile')).toBe(before);
});

test("the guest's own changes are no reason to list a folder again", async () => {
  const { guest, host } = await watched();
  await guest.names('');
  const before = host.calls.get('list');
  for (let index = 0; index < 20; index++) {
    await guest.file(`file-${index}`, 'content');
    await guest.rename(`file-${index}`, `renamed-${index}`);
    if (index % 2 === 0) await guest.unlink(`renamed-${index}`);
  }
  expect(host.names()).toHaveLength(10);
  expect(host.calls.get('list')).toBe(before);
});
