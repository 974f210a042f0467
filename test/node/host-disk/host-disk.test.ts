// Files of the host as disks: what is refused, who has a lock, what a failing host does, and that it is all there again.
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Disk } from '../../../devices/disk/disk.ts';
import { openDisk } from '../../../src/disk/open-drive.ts';
import { openHostFile } from '../../../src/node/host-disk/open.ts';
import { hostFile } from '../../../src/node/host-disk/source.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import { planDrives } from '../../../src/vm-drives.ts';

const native = loadNative(() => undefined);
/** With the native calls, and as where there are none. */
const kinds = [
  { calls: 'native calls', own: native },
  { calls: 'node:fs alone', own: undefined },
] as const;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-disk-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function image(folder: string, name = 'disk.img', size = 2 ** 20): string {
  const file = join(folder, name);
  writeFileSync(file, Buffer.alloc(size, 'sector'));
  return file;
}

interface Words {
  readonly file: string;
  readonly readOnly?: boolean;
  readonly overlay?: string;
}

async function open({ file, readOnly, overlay }: Words, { own } = { own: native }): Promise<Disk> {
  const [drive] = planDrives(
    [
      {
        source: hostFile(file),
        ...(readOnly !== undefined && { readOnly }),
        ...(overlay !== undefined && { overlay: hostFile(overlay) }),
      },
    ],
    0,
  );
  return openDisk(drive!, (source, how) => openHostFile(source, how, () => own));
}

async function content(disk: Disk, offset: number, length: number): Promise<Buffer> {
  const bytes = new Uint8Array(length);
  await disk.read(offset, [bytes]);
  return Buffer.from(bytes);
}

const half = (fill: number): Uint8Array => new Uint8Array(256).fill(fill);

test.each(kinds)('$calls: sectors are read from and written to shared memory, in pieces', async ({ own }) => {
  const file = image(temporaryFolder());
  const disk = await open({ file }, { own });
  const shared = new Uint8Array(new SharedArrayBuffer(4096));
  shared.fill(7);
  const many = Array.from({ length: 1500 }, (_, at) => shared.subarray(at, at + 2));
  await disk.write(1024, [...many, shared.subarray(0, 72)]);
  await disk.flush();
  expect(
    readFileSync(file)
      .subarray(1024, 4096)
      .every((byte) => byte === 7),
  ).toBe(true);
  await disk.read(0, [shared.subarray(0, 1), shared.subarray(1, 1500), shared.subarray(1500)]);
  expect(Buffer.from(shared).equals(readFileSync(file).subarray(0, 4096))).toBe(true);
  await disk.close();
  expect(existsSync(`${file}.lock`)).toBe(false);
});

test.each(kinds)(
  '$calls: zeroes and discarded sectors are zeros, and take no room where that can be',
  async ({ own }) => {
    const file = image(temporaryFolder());
    const before = statSync(file).blocks;
    const disk = await open({ file }, { own });
    await disk.zero(4096, 65_536, true);
    await disk.zero(2 ** 19, 512, false);
    expect(disk.discard === undefined).toBe(own === undefined);
    await disk.discard?.(2 ** 19 + 4096, 65_536);
    await disk.close();
    const after = readFileSync(file);
    expect(after.subarray(4096, 4096 + 65_536).every((byte) => byte === 0)).toBe(true);
    expect(after.subarray(2 ** 19, 2 ** 19 + 512).every((byte) => byte === 0)).toBe(true);
    expect(after.length).toBe(2 ** 20);
    if (own !== undefined) expect(statSync(file).blocks).toBeLessThanOrEqual(before - 256);
  },
);

describe('is refused with a word about what is wrong', () => {
  test.each<[string, (folder: string) => Words, RegExp | string]>([
    ['a file that is not there', (at) => ({ file: join(at, 'none') }), /drive .*\/none: there is no such file/],
    ['a folder', (at) => ({ file: at }), 'it is a folder, not a file: --share is for folders'],
    ['a device', () => ({ file: '/dev/null' }), 'it is a device, a pipe or a socket'],
    ['an empty file', (at) => ({ file: image(at, 'empty', 0) }), 'it is empty'],
    ['half a sector', (at) => ({ file: image(at, 'odd', 700) }), 'it has 700 bytes, which is not a multiple of 512'],
    [
      'an overlay in a folder that is not there',
      (at) => ({ file: image(at), overlay: join(at, 'none/cow') }),
      /overlay .*\/none\/cow: there is no such folder/,
    ],
    [
      'an overlay that is not there, to be read only',
      (at) => ({ file: image(at), readOnly: true, overlay: join(at, 'cow') }),
      /overlay .*\/cow: there is no such file/,
    ],
    [
      'an overlay that is an image',
      (at) => ({ file: image(at), overlay: image(at, 'other') }),
      'it is not an overlay: name another file',
    ],
  ])('%s', async (_, words, expected) => {
    await expect(open(words(temporaryFolder()))).rejects.toThrow(expected);
  });

  test('a FIFO, without waiting for who writes into it', async () => {
    const fifo = join(temporaryFolder(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(open({ file: fifo })).rejects.toThrow('it is a device, a pipe or a socket');
  });
});

describe.each(kinds)('a lock, with $calls', ({ own }) => {
  const taken = 'another machine has it, or another drive of this one';

  test('one writes, and nobody else', async () => {
    const file = image(temporaryFolder());
    const disk = await open({ file }, { own });
    await expect(open({ file }, { own })).rejects.toThrow(taken);
    await expect(open({ file, readOnly: true }, { own })).rejects.toThrow(taken);
    await expect(open({ file, overlay: `${file}.cow` }, { own })).rejects.toThrow(taken);
    await disk.close();
    await (await open({ file }, { own })).close();
  });

  test('several read, each with an overlay of its own', async () => {
    const file = image(temporaryFolder());
    const disks = [
      await open({ file, readOnly: true }, { own }),
      await open({ file, overlay: `${file}.one` }, { own }),
      await open({ file, overlay: `${file}.two` }, { own }),
    ];
    await expect(open({ file, overlay: `${file}.one` }, { own })).rejects.toThrow(taken);
    if (own !== undefined) await expect(open({ file }, { own })).rejects.toThrow(taken);
    for (const disk of disks) await disk.close();
    await (await open({ file }, { own })).close();
  });

  test('a process that was killed has none', async () => {
    const file = image(temporaryFolder());
    const program = join(temporaryFolder(), 'hold-disk.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('hold-disk.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      // It finds koffi where this repository has it.
      define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    });
    const child = spawn(process.execPath, [program, file, String(own !== undefined)]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error('it cannot open the disk')));
    });
    await expect(open({ file }, { own })).rejects.toThrow(taken);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    await (await open({ file }, { own })).close();
  });
});

describe('what the host does to an image', () => {
  test('that is made shorter is an I/O error with a word about it', async () => {
    const file = image(temporaryFolder());
    const disk = await open({ file, readOnly: true });
    truncateSync(file, 4096);
    expect(() => disk.read(8192, [half(0), half(0)])).toThrow(
      'disk.img ends at byte 8192: it was made shorter meanwhile',
    );
    await disk.close();
  });

  test('below an overlay is seen: by what is in it, and by its time', async () => {
    const folder = temporaryFolder();
    const file = image(folder);
    const overlay = join(folder, 'cow');
    const disk = await open({ file, overlay });
    await disk.write(512, [half(1), half(2)]);
    await disk.close();
    const { atime, mtime } = statSync(file);

    writeFileSync(file, Buffer.alloc(2 ** 20, 'another'));
    await expect(open({ file, overlay })).rejects.toThrow('the overlay was made for other contents');
    image(folder);
    utimesSync(file, atime, new Date(mtime.getTime() + 5000));
    await expect(open({ file, overlay })).rejects.toThrow(
      /was changed after the overlay was made.*touch -d @\d+\.\d+ FILE/s,
    );
    utimesSync(file, atime, mtime);
    const message = await open({ file, overlay }).then(
      async (again) => {
        await again.close();
        return '';
      },
      (error: Error) => error.message,
    );
    // utimes knows microseconds only: what the message advises is exact.
    const [, time] = /touch -d @(\d+\.\d+)/.exec(message) ?? [];
    if (time !== undefined) execFileSync('touch', ['-d', `@${time}`, file]);
    const again = await open({ file, overlay });
    expect((await content(again, 512, 512)).equals(Buffer.concat([half(1), half(2)]))).toBe(true);
    await again.close();
  });

  test('an overlay that was written is read only where its drive is', async () => {
    const folder = temporaryFolder();
    const file = image(folder);
    const overlay = join(folder, 'cow');
    const disk = await open({ file, overlay });
    await disk.write(0, [half(3), half(4)]);
    await disk.close();
    const before = readFileSync(overlay);
    const again = await open({ file, readOnly: true, overlay });
    expect(again.isReadOnly).toBe(true);
    expect((await content(again, 0, 512)).equals(Buffer.concat([half(3), half(4)]))).toBe(true);
    await again.close();
    expect(readFileSync(overlay).equals(before)).toBe(true);
  });
});
