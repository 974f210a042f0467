// The client over a server of its own: once answered at once, once each reply by a promise.
import { describe, expect, test } from 'vitest';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type { Awaitable, Backend } from '../../../devices/9p/backend.ts';
import { Client } from '../../../devices/9p/client.ts';
import type { Transport } from '../../../devices/9p/client.ts';
import { Files } from '../../../devices/9p/client-files.ts';
import type { FileAttributes } from '../../../devices/9p/client-files.ts';
import { splitPath } from '../../../devices/9p/client-path.ts';
import type { Path } from '../../../devices/9p/client-walk.ts';
import { run } from '../../../devices/9p/coroutine.ts';
import type { Coroutine } from '../../../devices/9p/coroutine.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { Server } from '../../../devices/9p/server.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { memory } from './backends.ts';
import { bytes, text } from './client.ts';

class Direct implements Transport {
  readonly server: Server;
  readonly #later: boolean;
  requests = 0;

  constructor(backend: Backend, later: boolean, maximumMessageSize = 8192) {
    this.server = new Server({ backend, maximumMessageSize });
    this.#later = later;
  }

  request(message: Uint8Array<ArrayBuffer>, room: number): Awaitable<Bytes> {
    this.requests++;
    const writable = new Uint8Array(room);
    const length = this.server.answer({ readable: [message], writable: [writable] });
    if (typeof length === 'number') {
      const reply = writable.subarray(0, length);
      return this.#later ? Promise.resolve(reply) : reply;
    }
    return length.then((count) => writable.subarray(0, count));
  }
}

async function make(later: boolean, capacity?: number) {
  const backend = memory(capacity);
  const transport = new Direct(backend, later);
  const client = await run(Client.connect(transport, 512_000));
  const files = new Files(client);
  const path = (written: string | Bytes, confined = false, from = client.root): Path => {
    return { ...splitPath(bytes(written)), from, confined };
  };
  /** Runs what must not need a promise where the server answers at once. */
  const go = async <R>(coroutine: Coroutine<R>): Promise<R> => {
    const result = run(coroutine);
    if (!later && result instanceof Promise) throw new Error('a promise over a transport that answers at once');
    return result;
  };
  const write = async (name: string, content: string | Bytes, flags = 0): Promise<void> => {
    const fid = await go(files.open(path(name), openFlags.writeOnly | openFlags.create | flags, 0o644));
    await go(files.write(fid, 0, bytes(content)));
    await go(client.clunk(fid));
  };
  const read = async (name: string): Promise<string> => {
    const fid = await go(files.open(path(name), openFlags.readOnly, 0));
    const into = new Uint8Array(100_000);
    const length = await go(files.read(fid, 0, into));
    await go(client.clunk(fid));
    return text(into.subarray(0, length));
  };
  const list = async (name: string): Promise<string[]> =>
    (await go(files.at(path(name), true, (fid) => files.list(fid)))).map((entry) => text(entry.name));
  return { backend, transport, client, files, path, go, write, read, list };
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof Errno) return error.code;
  throw error;
}

test('splitPath: "." and empty names lead nowhere, and at the end ask for a folder', () => {
  const split = (path: string): unknown[] => {
    const { names, isAbsolute, needsFolder } = splitPath(bytes(path));
    return [names.map(text).join('|'), isAbsolute, needsFolder];
  };
  expect(split('/a/b')).toEqual(['a|b', true, false]);
  expect(split('a/./b//')).toEqual(['a|b', false, true]);
  expect(split('..')).toEqual(['..', false, false]);
  expect(split('a/.')).toEqual(['a', false, true]);
  expect(split('/')).toEqual(['', true, true]);
});

describe.each([
  ['answered at once', false],
  ['answered later', true],
])('%s', (_, later) => {
  test('writes and reads more than a message holds', async () => {
    const { write, read, client } = await make(later);
    expect(client.messageSize).toBe(8192);
    const content = 'abcdefg'.repeat(10_000);
    await write('/big', content);
    expect(await read('/big')).toBe(content);
  });

  test('lists a folder that takes many messages', async () => {
    const { write, list } = await make(later);
    const names = Array.from({ length: 500 }, (_, n) => `a rather long name of a file, number ${n}`);
    for (const name of names) await write(name, '');
    expect((await list('/')).sort()).toEqual(names.sort());
  });

  test('walks paths of more names than a message holds', async () => {
    const { files, path, go, write, read } = await make(later);
    let deep = '';
    for (let depth = 0; depth < 40; depth++) await go(files.mkdir(path((deep += `/folder${depth}`)), 0o755));
    await write(`${deep}/file`, 'deep');
    expect(await read(`${deep}/file`)).toBe('deep');
    expect(await read(`${deep}/../../folder38/folder39/./file`)).toBe('deep');
    await go(files.unlinkTree(path('/folder0')));
    expect(await codeOf(read(`${deep}/file`))).toBe('ENOENT');
  });

  test('follows links: in the middle, at the end, absolute, to one another; not when told not to', async () => {
    const { files, path, go, write, read } = await make(later);
    await go(files.mkdir(path('/a'), 0o755));
    await go(files.mkdir(path('/a/b'), 0o755));
    await write('/a/b/file', 'found');
    await go(files.symlink(path('/a/up'), bytes('..')));
    await go(files.symlink(path('/a/absolute'), bytes('/a/b/')));
    await go(files.symlink(path('/a/b/chain'), bytes('../absolute/file')));
    await go(files.symlink(path('/folder'), bytes('a/up/a/b')));
    for (const name of ['/a/up/a/b/file', '/a/absolute/file', '/a/b/chain', '/folder/file', '/folder/../b/file']) {
      expect(await read(name)).toBe('found');
    }
    const { mode } = await go(files.at(path('/a/b/chain'), false, (fid) => files.attributes(fid)));
    expect(mode & 0o170000).toBe(0o120000);
    expect(text(await go(files.at(path('/a/b/chain'), false, (fid) => files.readlink(fid))))).toBe('../absolute/file');
    // ".." of the root is the root.
    expect(await read('/../../a/up/../../a/b/file')).toBe('found');
  });

  test('a loop of links is ELOOP', async () => {
    const { files, path, go, read } = await make(later);
    await go(files.symlink(path('/one'), bytes('two')));
    await go(files.symlink(path('/two'), bytes('one')));
    expect(await codeOf(read('/one'))).toBe('ELOOP');
    expect(await codeOf(read('/one/x'))).toBe('ELOOP');
  });

  test('a file is made where a link leads to that leads to nothing yet', async () => {
    const { files, path, go, write, read } = await make(later);
    await go(files.mkdir(path('/a'), 0o755));
    await go(files.symlink(path('/link'), bytes('a/second')));
    await go(files.symlink(path('/a/second'), bytes('../file')));
    await write('/link', 'through two links');
    expect(await read('/file')).toBe('through two links');
    expect(await codeOf(write('/link', '', openFlags.exclusive))).toBe('EEXIST');
  });

  test('a confined path leads neither up nor to absolute places', async () => {
    const { files, client, path, go, write } = await make(later);
    await go(files.mkdir(path('/a'), 0o755));
    await go(files.mkdir(path('/a/b'), 0o755));
    await write('/secret', 'x');
    await write('/a/file', 'x');
    await go(files.symlink(path('/a/absolute'), bytes('/a/file')));
    await go(files.symlink(path('/a/b/up'), bytes('../../secret')));
    await go(files.symlink(path('/a/b/inside'), bytes('../file')));
    const from = await go(client.child(client.root, bytes('a')));
    const attributes = (fid: number): Coroutine<FileAttributes> => files.attributes(fid);
    const type = async (name: string): Promise<number> =>
      (await go(files.at(path(name, true, from), true, attributes))).mode & fileType.mask;
    expect(await codeOf(type('../secret'))).toBe('EXDEV');
    expect(await codeOf(type('b/../../secret'))).toBe('EXDEV');
    expect(await codeOf(type('absolute'))).toBe('EXDEV');
    expect(await codeOf(type('b/up'))).toBe('EXDEV');
    expect(await codeOf(type('nothing/../file'))).toBe('ENOENT');
    expect(await codeOf(type('file/../file'))).toBe('ENOTDIR');
    expect(await type('b/inside')).toBe(0o100000);
    expect(await type('b/../file')).toBe(0o100000);
  });

  test('errors are those of the system calls', async () => {
    const { files, path, go, write, read } = await make(later);
    await write('/file', 'x');
    await go(files.mkdir(path('/folder'), 0o755));
    await write('/folder/file', 'x');
    expect(await codeOf(read('/none'))).toBe('ENOENT');
    expect(await codeOf(read('/none/x'))).toBe('ENOENT');
    expect(await codeOf(read('/file/x'))).toBe('ENOTDIR');
    expect(await codeOf(read('/file/'))).toBe('ENOTDIR');
    expect(await codeOf(read('/folder'))).toBe('EISDIR');
    expect(await codeOf(write('/folder', 'x'))).toBe('EISDIR');
    expect(await codeOf(write('/new/', 'x'))).toBe('EISDIR');
    expect(await codeOf(go(files.mkdir(path('/'), 0o755)))).toBe('EEXIST');
    expect(await codeOf(go(files.mkdir(path('/file'), 0o755)))).toBe('EEXIST');
    expect(await codeOf(go(files.unlink(path('/folder'), true)))).toBe('ENOTEMPTY');
    expect(await codeOf(go(files.unlink(path('/'), true)))).toBe('EBUSY');
    expect(await codeOf(go(files.rename(path('/folder'), path('/folder/inside'))))).toBe('EINVAL');
    expect(await codeOf(read(`/${'n'.repeat(256)}`))).toBe('ENAMETOOLONG');
    expect(await codeOf(read('/file\0x'))).toBe('ENOENT');
  });

  test('renames, links, changes attributes', async () => {
    const { files, path, go, write, read, list } = await make(later);
    await go(files.mkdir(path('/folder/'), 0o755));
    await write('/one', 'content');
    await go(files.link(path('/one'), path('/folder/two'), false));
    await go(files.rename(path('/one'), path('/folder/three')));
    expect(await list('/')).toEqual(['folder']);
    const changes = { mode: 0o600, size: 4, mtime: 1_000_000_007n };
    await go(files.at(path('/folder/two'), true, (fid) => files.change(fid, changes)));
    const attributes = await go(files.at(path('/folder/three'), true, (fid) => files.attributes(fid)));
    expect(attributes).toMatchObject({ mode: 0o100600, size: 4, mtime: 1_000_000_007n, nlink: 2 });
    expect(await read('/folder/three')).toBe('cont');
  });

  test('removes a tree, whatever its names, and not what links in it lead to', async () => {
    const { client, files, path, go, write, list } = await make(later);
    await write('/kept', 'x');
    await go(files.mkdir(path('/tree'), 0o755));
    let deep = '/tree';
    for (let depth = 0; depth < 100; depth++) {
      await write(`${deep}/file\n${depth}`, '');
      await go(files.symlink(path(`${deep}/link`), bytes('/')));
      await go(files.mkdir(path((deep += '/ ')), 0o755));
    }
    const notUtf8 = Uint8Array.of(...bytes('/tree/'), 0xff, 0x80);
    await go(client.clunk(await go(files.open(path(notUtf8), openFlags.create | openFlags.writeOnly, 0o644))));
    await go(files.unlinkTree(path('/tree')));
    expect(await list('/')).toEqual(['kept']);
  });

  test('leaves neither fids nor references, whatever came of it', async () => {
    const { backend, transport, files, path, go, write, read, list } = await make(later);
    await write('/file', 'x');
    await go(files.symlink(path('/link'), bytes('nowhere')));
    for (const wrong of ['/none', '/file/x', '/link', '/link/x', '/../none']) await codeOf(read(wrong));
    await codeOf(go(files.mkdir(path('/none/x'), 0o755)));
    await codeOf(go(files.rename(path('/file'), path('/none/x'))));
    await codeOf(list('/file'));
    await codeOf(list('/none'));
    await new Promise(setImmediate);
    expect(transport.server.fidCount).toBe(1);
    expect(backend.handleCount).toBe(1);
  });

  test('a full disk is ENOSPC, and what fitted is there', async () => {
    const { write, read } = await make(later, 100_000);
    expect(await codeOf(write('/file', 'x'.repeat(200_000)))).toBe('ENOSPC');
    expect((await read('/file')).length).toBeGreaterThan(90_000);
  });
});

test('hundreds of requests at once wait for their turn instead of being refused', async () => {
  const { files, path, go, write } = await make(true);
  await write('/file', 'x');
  const all = Array.from({ length: 3000 }, () => go(files.at(path('/file'), true, (fid) => files.attributes(fid))));
  expect((await Promise.all(all)).every(({ size }) => size === 1)).toBe(true);
});
