// Uploads and downloads of the page, on a share of a VM that is never started.
import { unpackTar } from 'modern-tar';
import { createVm, memory, type ShareFiles } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { fileStream, tarStream } from '../../web/files/download.ts';
import { pickedUploads, upload, type Upload } from '../../web/files/upload.ts';

function share(): ShareFiles {
  const vm = createVm({ shares: [{ source: memory() }] });
  onTestFinished(() => vm.dispose());
  return vm.fs();
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** More than two pieces, no two of them alike. */
const large = Buffer.from(Array.from({ length: 2_500_000 }, (_, index) => (index * 7919) & 0xff));

async function* uploads(...list: Upload[]): AsyncGenerator<Upload> {
  yield* list;
}

const quiet = { onProgress: () => undefined, signal: new AbortController().signal };

test('files go in with the folders above them, and come out as they were', async () => {
  const files = share();
  const count = await upload(
    files,
    '/',
    uploads(
      { path: 'lab/deep/large.bin', file: new File([large], 'large.bin') },
      { path: 'lab/empty', file: undefined },
      { path: 'lab/nothing.txt', file: new File([], 'nothing.txt') },
    ),
    quiet,
  );
  expect(count).toBe(2);
  expect((await bytesOf(fileStream(files, '/lab/deep/large.bin'))).equals(large)).toBe(true);
  expect((await files.stat('/lab/nothing.txt')).size).toBe(0);
  expect((await files.stat('/lab/empty')).type).toBe('directory');
});

test('an upload takes the place of a file with its name, and stops where it is cancelled', async () => {
  const files = share();
  await files.writeFile('/a.txt', 'a longer text');
  await upload(files, '/', uploads({ path: 'a.txt', file: new File(['new'], 'a.txt') }), quiet);
  expect(Buffer.from(await files.readFile('/a.txt')).toString()).toBe('new');

  const abort = new AbortController();
  const cancelled = upload(files, '/', uploads({ path: 'b', file: new File([large], 'b') }), {
    onProgress: ({ bytes }) => {
      if (bytes > 0) abort.abort(new Error('enough'));
    },
    signal: abort.signal,
  });
  await expect(cancelled).rejects.toThrow('enough');
});

test('a picked folder keeps its paths', async () => {
  // What Node.js's File lacks.
  const picked = (name: string, webkitRelativePath: string): File =>
    Object.defineProperty(new File([name], name), 'webkitRelativePath', { value: webkitRelativePath });
  const list = [picked('x.txt', 'lab/x.txt'), picked('y.txt', '')];
  const paths: string[] = [];
  for await (const { path } of pickedUploads(list)) paths.push(path);
  expect(paths).toEqual(['lab/x.txt', 'y.txt']);
});

test('a folder as tar: modes, times, links, empty folders, long names', async () => {
  const files = share();
  const longName = `${'n'.repeat(200)}.txt`;
  await files.mkdir('/lab/empty', { recursive: true });
  await files.writeFile('/lab/run.sh', '#!/bin/sh\n', { mode: 0o755 });
  await files.utimes('/lab/run.sh', new Date(5000), new Date('2020-02-02T02:02:02Z'));
  await files.symlink('run.sh', '/lab/link');
  await files.writeFile(`/lab/${longName}`, large);
  const entries = await unpackTar(await bytesOf(tarStream(files, '/lab', 'lab')));
  const found = Object.fromEntries(entries.map(({ header, data }) => [header.name, { ...header, data }]));
  expect(Object.keys(found).sort()).toEqual(['lab/', 'lab/empty/', 'lab/link', `lab/${longName}`, 'lab/run.sh']);
  expect(found['lab/run.sh']).toMatchObject({ mode: 0o755, mtime: new Date('2020-02-02T02:02:02Z'), type: 'file' });
  expect(found['lab/link']).toMatchObject({ type: 'symlink', linkname: 'run.sh' });
  expect(found['lab/empty/']?.type).toBe('directory');
  expect(Buffer.from(found[`lab/${longName}`]?.data ?? []).equals(large)).toBe(true);
});

test('an archive of something that cannot be read ends with the error', async () => {
  await expect(bytesOf(tarStream(share(), '/missing', 'missing'))).rejects.toThrow('ENOENT');
});
