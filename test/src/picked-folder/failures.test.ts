// What the host refuses: the guest is told, and what it has written is kept until it can be stored.
import { expect, onTestFinished, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { refused } from '../../backend-suite/guest.ts';
import { FakeHost } from './fake-host.ts';
import { mount } from './mount.ts';
import type { Mounted } from './mount.ts';

async function mounted(...args: Parameters<typeof mount>): Promise<Mounted> {
  const folder = await mount(...args);
  onTestFinished(() => folder.leave());
  return folder;
}

test('a full disk is ENOSPC on close; nothing is lost, and the next close stores it', async () => {
  const host = new FakeHost();
  host.write('file', 'before');
  const { guest } = await mounted(host);
  const file = await guest.open('file', openFlags.writeOnly | openFlags.truncate);
  await guest.write(file, 0, 'after');
  host.fail('write', /file/, 'QuotaExceededError');
  await refused(() => guest.release(file), 'ENOSPC');
  expect(host.read('file')).toBe('before');
  expect(await guest.content('file')).toBe('after');
  host.heal();
  await guest.release(await guest.open('file', openFlags.writeOnly));
  expect(host.read('file')).toBe('after');
});

test('a store that fails at its end leaves the host file as it was', async () => {
  const host = new FakeHost();
  host.write('file', 'before');
  const { guest, backend } = await mounted(host);
  const file = await guest.open('file', openFlags.writeOnly);
  await guest.write(file, 0, 'AFTER!');
  host.fail('close', /file/, 'AbortError', 1);
  await refused(() => backend.fsync(file, false), 'EIO');
  expect(host.read('file')).toBe('before');
  await backend.fsync(file, false);
  expect(host.read('file')).toBe('AFTER!');
});

test('a file that another program holds is EBUSY', async () => {
  const host = new FakeHost();
  host.write('file', 'before');
  const { guest } = await mounted(host);
  host.fail('createWritable', /file/, 'NoModificationAllowedError', 1);
  const file = await guest.open('file', openFlags.writeOnly);
  await guest.write(file, 0, 'x');
  await refused(() => guest.release(file), 'EBUSY');
  host.fail('removeEntry', /file/, 'NoModificationAllowedError', 1);
  await refused(() => guest.unlink('file'), 'EBUSY');
  expect(host.names()).toEqual(['file']);
});

test('a permission that was taken back is EACCES, and said once', async () => {
  const host = new FakeHost();
  host.write('file', 'content');
  const { guest, log } = await mounted(host);
  for (const operation of ['list', 'getFile', 'create', 'removeEntry'] as const)
    host.fail(operation, /./, 'NotAllowedError');
  await refused(() => guest.content('file'), 'EACCES');
  await refused(() => guest.create('new'), 'EACCES');
  await refused(() => guest.unlink('file'), 'EACCES');
  expect(log).toEqual([
    'the browser does not allow to use it any more: allow it in the page, then load the page again',
  ]);
  host.heal();
  expect(await guest.content('file')).toBe('content');
});

test('a change that could not be stored is tried again, and close says what is lost', async () => {
  const host = new FakeHost();
  const { guest, backend } = await mount(host);
  const file = await guest.create('file');
  await guest.write(file, 0, 'content');
  host.fail('createWritable', /file/, 'QuotaExceededError');
  await refused(() => guest.release(file), 'ENOSPC');
  await guest.leave();
  await expect(backend.close()).rejects.toThrow('QuotaExceededError');
  expect(host.read('file')).toBe('');
});

test('a rename that fails while copying leaves everything where it was', async () => {
  const host = new FakeHost({ copiesOnly: true });
  host.mkdir('a');
  host.mkdir('a/below');
  host.write('a/one', '1');
  host.write('a/below/two', '2');
  const { guest } = await mounted(host);
  host.fail('write', /^b\//, 'QuotaExceededError');
  await refused(() => guest.rename('a', 'b'), 'ENOSPC');
  expect(host.names()).toEqual(['a']);
  expect(await guest.names('a')).toEqual(['below', 'one']);
  expect(await guest.content('a/below/two')).toBe('2');
});

test('a rename that fails while removing leaves both, and says so', async () => {
  const host = new FakeHost({ copiesOnly: true });
  host.mkdir('a');
  host.write('a/one', '1');
  host.write('a/two', '2');
  const { guest, log } = await mounted(host);
  host.fail('removeEntry', /^a\/two/, 'NoModificationAllowedError');
  await guest.rename('a', 'b');
  expect([host.read('b/one'), host.read('b/two'), host.read('a/two')]).toEqual(['1', '2', '2']);
  expect(await guest.names('')).toEqual(['a', 'b']);
  expect(log).toEqual([
    'a was renamed, but some of it could not be removed from its old place: the fake host says NoModificationAllowedError',
  ]);
});

test('a file that the host changes while it is being copied is not removed', async () => {
  const host = new FakeHost({ copiesOnly: true });
  host.mkdir('a');
  host.write('a/file', 'before');
  const { guest, log } = await mounted(host);
  host.before = (operation, path) => {
    if (operation === 'close' && path === 'b/file') host.write('a/file', 'changed meanwhile');
  };
  await guest.rename('a', 'b');
  host.before = undefined;
  expect(host.read('b/file')).toBe('before');
  expect(host.read('a/file')).toBe('changed meanwhile');
  expect(log.join('\n')).toContain('a/file was changed on the host while the guest renamed it');
});

test('records that can not be stored cost no file, and are tried again', async () => {
  const first = await mount();
  const { guest, records, log, host } = first;
  records.failure = new Error('the disk is full');
  await guest.file('file', 'content');
  await guest.change('file', { mode: 0o600 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(log[0]).toBe('permissions, times and links of files cannot be remembered: the disk is full');
  expect(host.read('file')).toBe('content');
  records.failure = undefined;
  const again = await first.again();
  onTestFinished(() => again.leave());
  expect((await again.guest.attributes('file')).mode).toBe(0o100600);
});

test('records do not grow with every change', async () => {
  const { guest, backend, records } = await mounted();
  await guest.file('file', 'x');
  const root = await guest.open('', openFlags.readOnly);
  for (let round = 0; round < 2100; round++) {
    await guest.change('file', { mode: round % 2 === 0 ? 0o600 : 0o644 });
    await backend.fsync(root, false);
  }
  expect(records.records.length).toBeLessThan(1500);
});
