// `vm.fs` without a guest: what it does to files, in memory and in a folder of the host.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder, memory, VmError, type ShareChange, type ShareFiles, type Vm } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function withShare(kind: 'memory' | 'host', readOnly = false): { vm: Vm; files: ShareFiles } {
  const vm = createVm({ shares: [{ source: kind === 'memory' ? memory() : hostFolder(temporaryFolder()), readOnly }] });
  onTestFinished(() => vm.dispose());
  return { vm, files: vm.fs() };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function errnoOf(attempt: Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt;
    return 'no error';
  } catch (error) {
    if (error instanceof VmError && error.code === 'file-error') return error.errno;
    throw error;
  }
}

describe.each(['memory', 'host'] as const)('%s', (kind) => {
  test('files: write, append, read, measure, cut, rename, remove', async () => {
    const { files } = withShare(kind);
    await files.writeFile('/a', 'one\n', { mode: 0o600 });
    await files.appendFile('/a', Buffer.from('two\n'));
    await files.appendFile('/new', 'x');
    expect(text(await files.readFile('/a'))).toBe('one\ntwo\n');
    expect(await files.stat('/a')).toMatchObject({ type: 'file', size: 8, mode: 0o100600, nlink: 1 });
    await files.truncate('/a', 3);
    await files.rename('/a', '/b');
    expect(text(await files.readFile('/b'))).toBe('one');
    expect(await errnoOf(files.readFile('/a'))).toBe('ENOENT');
    await files.writeFile('/b', 'shorter'.slice(0, 1));
    expect(text(await files.readFile('/b'))).toBe('s');
    await files.rm('/b');
    expect((await files.readdir('/')).map(({ name }) => name)).toEqual(['new']);
  });

  test('folders: make, list, remove with all that is in them', async () => {
    const { files } = withShare(kind);
    await files.mkdir('/a/b/c', { recursive: true });
    await files.mkdir('/a/b/c', { recursive: true });
    await files.writeFile('/a/file', '');
    await files.symlink('b/c', '/a/link');
    const entries = (await files.readdir('/a')).map(({ name, type }) => `${type} ${name}`);
    expect(entries.sort()).toEqual(['directory b', 'file file', 'symlink link']);
    expect(await errnoOf(files.rm('/a'))).toBe('EISDIR');
    expect(await errnoOf(files.rmdir('/a'))).toBe('ENOTEMPTY');
    await files.rm('/a/link');
    await files.rmdir('/a/b/c');
    await files.rm('/a', { recursive: true });
    await files.rm('/a', { recursive: true, force: true });
    expect(await errnoOf(files.rm('/a'))).toBe('ENOENT');
    expect(await files.readdir('/')).toEqual([]);
  });

  test('links, permissions, times', async () => {
    const { files } = withShare(kind);
    await files.writeFile('/file', 'content');
    await files.link('/file', '/second');
    await files.symlink('/file', '/link');
    expect(await files.readlink('/link')).toBe('/file');
    expect(text(await files.readFile('/link'))).toBe('content');
    expect((await files.lstat('/link')).type).toBe('symlink');
    await files.chmod('/link', 0o640);
    await files.utimes('/file', 1_000_000_000, new Date(1_234_567_890_123));
    const stat = await files.stat('/second');
    expect(stat).toMatchObject({ mode: 0o100640, nlink: 2, atimeMs: 1e12, mtimeMs: 1_234_567_890_123 });
    expect(stat.ino).toBe((await files.stat('/file')).ino);
  });

  test('whatever a name has in it', async () => {
    const { files } = withShare(kind);
    const names = ['with  spaces ', 'new\nline', '-rf', 'ütf-8 ☃', '"quotes\'', '\ufeffmark', 'back\\slash'];
    for (const name of names) await files.writeFile(`/${name}`, name);
    for (const name of names) expect(text(await files.readFile(`/${name}`))).toBe(name);
    const notUtf8 = Uint8Array.of(0x2f, 0x61, 0xff);
    await files.writeFile(notUtf8, 'raw');
    const entries = await files.readdir('/');
    expect(entries.map(({ name }) => name).sort()).toEqual([...names, 'a\ufffd'].sort());
    const raw = entries.find(({ name }) => name === 'a\ufffd');
    expect(raw?.bytes).toEqual(Uint8Array.of(0x61, 0xff));
    expect(text(await files.readFile(notUtf8))).toBe('raw');
  });

  test('a file of many messages, and parts of it through a handle', async () => {
    const { files } = withShare(kind);
    const content = randomBytes(5_000_000);
    await files.writeFile('/big', content);
    expect(Buffer.compare(await files.readFile('/big'), content)).toBe(0);
    const handle = await files.open('/big', 'r+');
    expect(Buffer.compare(await handle.read(4_999_990, 100), content.subarray(4_999_990))).toBe(0);
    await handle.write(2_000_000, 'in the middle');
    await handle.sync();
    expect(text(await handle.read(2_000_000, 13))).toBe('in the middle');
    await handle.truncate(2_000_005);
    expect((await handle.stat()).size).toBe(2_000_005);
    // As a process does: a file that is open outlives its name.
    await files.rm('/big');
    expect(text(await handle.read(2_000_000, 13))).toBe('in th');
    await handle.close();
    expect(await errnoOf(handle.read(0, 1))).toBe('EBADF');
  });

  test('open flags are those of node:fs', async () => {
    const { files } = withShare(kind);
    expect(await errnoOf(files.open('/a', 'r'))).toBe('ENOENT');
    expect(await errnoOf(files.open('/a', 'r+'))).toBe('ENOENT');
    const exclusive = await files.open('/a', 'wx', { mode: 0o600 });
    await exclusive.write(0, 'abc');
    expect(await errnoOf(exclusive.read(0, 1))).toBe('EBADF');
    await exclusive.close();
    expect(await errnoOf(files.open('/a', 'ax'))).toBe('EEXIST');
    const appending = await files.open('/a', 'a+');
    await appending.write(0, 'def');
    expect(text(await appending.read(0, 10))).toBe('abcdef');
    await appending.close();
    await expect(files.open('/a', 'rw' as 'r')).rejects.toThrow('open flags "rw": they are r, r+, w');
  });

  test('errors are named as in Node.js, with what was done to which path', async () => {
    const { files } = withShare(kind);
    await files.writeFile('/file', '');
    await expect(files.readFile('/none')).rejects.toMatchObject({
      code: 'file-error',
      errno: 'ENOENT',
      message: 'ENOENT: no such file or directory, open "/none"',
    });
    expect(await errnoOf(files.readFile('/file/x'))).toBe('ENOTDIR');
    expect(await errnoOf(files.readFile('/'))).toBe('EISDIR');
    expect(await errnoOf(files.mkdir('/file'))).toBe('EEXIST');
    expect(await errnoOf(files.mkdir('/file', { recursive: true }))).toBe('EEXIST');
    expect(await errnoOf(files.mkdir('/file/x', { recursive: true }))).toBe('ENOTDIR');
    expect(await errnoOf(files.readlink('/file'))).toBe('EINVAL');
    await expect(files.stat('file')).rejects.toThrow('the path "file": paths in a share begin with "/"');
  });

  test('a read-only share can be read and not changed', async () => {
    const { files } = withShare(kind, true);
    expect((await files.stat('/')).type).toBe('directory');
    expect(await errnoOf(files.writeFile('/a', ''))).toBe('EROFS');
    expect(await errnoOf(files.mkdir('/a'))).toBe('EROFS');
  });

  test('hundreds of operations at once', async () => {
    const { files } = withShare(kind);
    const numbers = Array.from({ length: 500 }, (_, number) => number);
    await Promise.all(numbers.map((number) => files.writeFile(`/${number}`, `${number}`.repeat(number))));
    const read = await Promise.all(numbers.map((number) => files.readFile(`/${number}`)));
    expect(read.map(text)).toEqual(numbers.map((number) => `${number}`.repeat(number)));
  });

  test('watch tells what happens, in order, until it is told to stop', async () => {
    const { files } = withShare(kind);
    await files.writeFile('/before', '');
    const handle = await files.open('/before', 'a');
    const changes: ShareChange[] = [];
    const stop = files.watch((change) => changes.push(change));
    const happened = async (action: Promise<unknown>): Promise<string[]> => {
      await action;
      const mark = `/mark${Math.random()}`;
      await files.mkdir(mark);
      await until(() => changes.some(({ path }) => path === mark));
      return changes
        .splice(0)
        .filter(({ path }) => !path.startsWith('/mark'))
        .map(({ type, path, from }) => `${type} ${path}${from === undefined ? '' : ` from ${from}`}`);
    };
    await happened(files.stat('/'));
    expect(await happened(files.mkdir('/a'))).toEqual(['created /a']);
    // The content comes after the name, in the same delivery or the next.
    expect((await happened(files.writeFile('/a/b', 'x')))[0]).toBe('created /a/b');
    expect(new Set(await happened(files.writeFile('/a/b', 'y')))).toEqual(new Set(['changed /a/b']));
    expect(await happened(files.readFile('/a/b'))).toEqual([]);
    expect(await happened(handle.write(0, 'x'))).toEqual(['changed /before']);
    expect(await happened(files.chmod('/a/b', 0o600))).toEqual(['changed /a/b']);
    expect(await happened(files.rename('/a/b', '/a/c'))).toEqual(['renamed /a/c from /a/b']);
    expect(await happened(files.symlink('c', '/a/d'))).toEqual(['created /a/d']);
    expect(await happened(files.rm('/a', { recursive: true }))).toEqual(
      expect.arrayContaining(['removed /a/c', 'removed /a/d', 'removed /a']),
    );
    stop();
    await files.mkdir('/unseen');
    await files.readdir('/');
    expect(changes).toEqual([]);
    await handle.close();
  });
});

test('what is on the host is what was written, and the other way around', async () => {
  const folder = temporaryFolder();
  const vm = createVm({ shares: [{ source: hostFolder(folder) }] });
  onTestFinished(() => vm.dispose());
  await vm.fs().writeFile('/a', 'from the API');
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('from the API');
  writeFileSync(join(folder, 'b'), 'from the host');
  expect(text(await vm.fs('host').readFile('/b'))).toBe('from the host');
});

test('files in memory stay while the view is closed, and go with the VM', async () => {
  const { vm, files } = withShare('memory');
  await files.writeFile('/a', 'x');
  await files.close();
  expect(text(await files.readFile('/a'))).toBe('x');
  await vm.dispose();
  await expect(files.readFile('/a')).rejects.toMatchObject({ code: 'stopped' });
});
