// What the stores of the browser promise beyond the conformance suite: files that stay, one owner, a clear word.
import { afterEach, describe, expect, test } from 'vitest';
import { Guest } from '../../backend-suite/guest.ts';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { RemoteStore } from './remote-store.ts';
import { freshName, indexedDbStore, opfsStore } from './stores.ts';

describe.each([indexedDbStore, opfsStore])('$label', (browserStore) => {
  let name = '';
  let store: RemoteStore | undefined;

  async function open(again?: 'again'): Promise<Guest> {
    if (again === undefined) name = freshName();
    store = await browserStore.open(name);
    return new Guest(store);
  }

  async function close(): Promise<void> {
    const closing = store;
    store = undefined;
    await closing?.close();
  }

  afterEach(async () => {
    await close();
    await browserStore.remove(name);
  });

  test('what was there is there again: data, names, attributes, numbers', async () => {
    const guest = await open();
    await guest.mkdir('folder', 0o711);
    await guest.file('folder/file', 'content');
    await guest.file('large', 'abc'.repeat(400_000));
    await guest.link('large', 'folder/second');
    await guest.symlink('folder/file', 'link');
    await guest.change('folder/file', { mode: 0o4751, uid: 12, gid: 34, mtime: 1_234_567_890_123_456_789n });
    const sparse = await guest.create('sparse');
    await guest.write(sparse, 5_000_000_000, 'far');
    const paths = ['', 'folder', 'folder/file', 'large', 'folder/second', 'link', 'sparse'];
    const look = async (of: Guest): Promise<unknown[]> => {
      const all = [];
      for (const path of paths) all.push({ ...(await of.attributes(path)), atime: 0n });
      return [...all, await of.entries(await of.open('', openFlags.readOnly))];
    };
    const before = await look(guest);
    await guest.leave();
    await close();
    const again = await open('again');
    expect(await look(again)).toEqual(before);
    expect(await again.content('folder/file')).toBe('content');
    const large = await again.open('folder/second');
    expect(await again.read(large, 599_999, 4)).toBe('cabc');
    expect(await again.read(await again.open('sparse'), 4_999_999_999, 10)).toBe('\0far');
    expect(await again.readlink('link')).toBe('folder/file');
    await again.leave();
  });

  test('what was stored by fsync survives the end of its worker', async () => {
    const guest = await open();
    const file = await guest.create('file');
    await guest.write(file, 0, 'content');
    await guest.backend.fsync(file, false);
    store?.kill();
    const again = await open('again');
    expect(await again.content('file')).toBe('content');
    await again.leave();
  });

  test('what was closed two seconds ago survives the end of its worker', async () => {
    const guest = await open();
    await guest.file('file', 'content');
    await new Promise((resolve) => {
      setTimeout(resolve, 2000);
    });
    store?.kill();
    const again = await open('again');
    expect(await again.content('file')).toBe('content');
    await again.leave();
  });

  test('a second owner is told who has it, and gets it when the first is gone', async () => {
    const guest = await open();
    await guest.file('file', 'content');
    await expect(browserStore.open(name)).rejects.toThrow(
      `the files "${name}" are open in another tab or window: close it there, then load this page again`,
    );
    await guest.leave();
    const closing = close();
    const again = await open('again');
    await closing;
    expect(await again.content('file')).toBe('content');
    await again.leave();
  });

  test('two names are two stores', async () => {
    const guest = await open();
    await guest.file('file', 'content');
    const other = freshName();
    const otherStore = await browserStore.open(other);
    expect(await new Guest(otherStore).find('file')).toBeUndefined();
    await otherStore.close();
    await browserStore.remove(other);
    await guest.leave();
  });

  test('reads that wait keep their order with writes that come meanwhile', async () => {
    const guest = await open();
    await guest.file('file', '0123456789');
    await guest.leave();
    await close();
    const again = await open('again');
    const file = await again.open('file');
    const [before, , after] = await Promise.all([again.read(file), again.write(file, 3, 'XY'), again.read(file)]);
    expect([before, after]).toEqual(['0123456789', '012XY56789']);
    await again.leave();
  });
});

test('a journal in IndexedDB that was damaged is told of, and what to do', async () => {
  const name = freshName();
  const store = await indexedDbStore.open(name);
  await new Guest(store).mkdir('folder');
  await store.close();
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open(`vm9:${name}`);
    request.addEventListener('success', () => {
      const transaction = request.result.transaction('journal', 'readwrite');
      transaction.objectStore('journal').put(new Uint8Array(100), 1);
      transaction.addEventListener('complete', () => {
        request.result.close();
        resolve();
      });
      transaction.addEventListener('error', () => reject(transaction.error ?? new Error('no reason')));
    });
  });
  await expect(indexedDbStore.open(name)).rejects.toThrow(
    `the files "${name}": commit 1 of the journal is damaged or missing: delete the data of this site`,
  );
  await indexedDbStore.remove(name);
});

test('data in IndexedDB that is missing is told of', async () => {
  const name = freshName();
  const store = await indexedDbStore.open(name);
  const guest = new Guest(store);
  await guest.file('file', 'content');
  await guest.leave();
  await store.close();
  await new Promise<void>((resolve) => {
    const request = indexedDB.open(`vm9:${name}`);
    request.addEventListener('success', () => {
      const transaction = request.result.transaction('packs', 'readwrite');
      transaction.objectStore('packs').clear();
      transaction.addEventListener('complete', () => {
        request.result.close();
        resolve();
      });
    });
  });
  await expect(indexedDbStore.open(name)).rejects.toThrow(/the data that the journal calls \d+ is missing/);
  await indexedDbStore.remove(name);
});
