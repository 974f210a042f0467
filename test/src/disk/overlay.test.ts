// A disk in front of another: what was written is in its file, all else comes from the base, which stays as it is.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Disk } from '../../../devices/disk/disk.ts';
import { MemoryDisk } from '../../../devices/disk/memory.ts';
import { identify } from '../../../src/disk/identity.ts';
import { OverlayDisk } from '../../../src/disk/overlay.ts';
import { dataStart, encodeEntry } from '../../../src/disk/overlay-format.ts';
import { FakeFile, Power } from '../store/fake-file.ts';
import { FakeDiskFile } from './fake-disk-file.ts';

const cluster = 65_536;
/** Three clusters and five sectors. */
const size = 3 * cluster + 5 * 512;

function baseBytes(seed = 7): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, at) => (at >> 9) * seed + at);
}

interface OverlayWords {
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly time?: bigint;
  readonly readOnly?: boolean;
  readonly base?: Disk;
}

async function overlay(
  file: FakeDiskFile,
  { bytes = baseBytes(), time = 0n, readOnly = false, base }: OverlayWords = {},
): Promise<OverlayDisk> {
  const below = base ?? new MemoryDisk(bytes, { readOnly: true });
  return OverlayDisk.open({ base: below, file, identity: await identify(below, time), readOnly });
}

async function content(disk: Disk): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.size);
  return (await disk.read(0, [bytes])) ?? bytes;
}

function again(file: FakeDiskFile): FakeDiskFile {
  return new FakeDiskFile(file.file.afterKill());
}

test('what is written is there, the rest is the base’s, which stays as it is', async () => {
  const bytes = baseBytes();
  const expected = bytes.slice();
  const disk = await overlay(new FakeDiskFile(), { bytes });
  for (const [sector, count] of [
    [1, 1],
    [127, 3],
    [200, 188],
    [388, 1],
  ] as const) {
    const data = new Uint8Array(count * 512).fill(sector);
    disk.write(sector * 512, [data.subarray(0, 100), data.subarray(100)]);
    expected.set(data, sector * 512);
  }
  expect(Buffer.compare(await content(disk), expected)).toBe(0);
  expect(Buffer.compare(bytes, baseBytes())).toBe(0);
});

test('it is there again when it was closed, and takes only the room of what was written', async () => {
  const file = new FakeDiskFile();
  const disk = await overlay(file);
  disk.write(2 * cluster, [new Uint8Array(4096).fill(1)]);
  await disk.close();
  expect(file.isClosed).toBe(true);
  expect(file.size()).toBe(dataStart(size) + 4096);
  const expected = baseBytes();
  expected.fill(1, 2 * cluster, 2 * cluster + 4096);
  expect(Buffer.compare(await content(await overlay(again(file))), expected)).toBe(0);
});

test('clusters that were written one after another are read in one call', async () => {
  const file = new FakeDiskFile();
  const disk = await overlay(file);
  disk.write(0, [new Uint8Array(size).fill(9)]);
  file.reads = 0;
  await content(disk);
  expect(file.reads).toBe(1);
});

test('what is discarded or zeroed as a whole gives its room back once that is flushed', async () => {
  const file = new FakeDiskFile();
  const disk = await overlay(file);
  disk.write(0, [new Uint8Array(2 * cluster).fill(9)]);
  await disk.flush();
  const full = file.size();
  disk.discard(0, cluster);
  disk.zero(cluster, cluster, true);
  // Not yet: the table in the file still names those clusters.
  disk.write(2 * cluster, [new Uint8Array(512).fill(8)]);
  expect(file.size()).toBeGreaterThan(full);
  await disk.flush();
  const grown = file.size();
  disk.write(512, [new Uint8Array(512).fill(7)]);
  expect(file.size()).toBe(grown);
  const expected = baseBytes();
  expected.fill(0, 0, 2 * cluster);
  expected.fill(7, 512, 1024);
  expected.fill(8, 2 * cluster, 2 * cluster + 512);
  expect(Buffer.compare(await content(disk), expected)).toBe(0);
  await disk.close();
  expect(Buffer.compare(await content(await overlay(again(file))), expected)).toBe(0);
});

test('of a base that waits, what the overlay has and what is on its way come together', async () => {
  const base: Disk = Object.assign(new MemoryDisk(baseBytes()), {
    read: async (offset: number, into: readonly Uint8Array<ArrayBufferLike>[]) => {
      const length = into.reduce((sum, piece) => sum + piece.length, 0);
      await new Promise((resolve) => setImmediate(resolve));
      return baseBytes().subarray(offset, offset + length);
    },
  });
  const disk = await overlay(new FakeDiskFile(), { base });
  disk.write(1024, [new Uint8Array(512).fill(5)]);
  disk.zero(4096, 512, true);
  const expected = baseBytes().slice(512, 8192);
  expected.fill(5, 512, 1024);
  expected.fill(0, 4096 - 512, 4096);
  const own = [new Uint8Array(512), new Uint8Array(512)];
  expect(disk.read(1024, [own[0]!])).toBeUndefined();
  expect(own[0]).toEqual(new Uint8Array(512).fill(5));
  const found = await disk.read(512, [new Uint8Array(1000), new Uint8Array(8192 - 512 - 1000)]);
  expect(Buffer.compare(found!, expected)).toBe(0);
});

test('random writes, zeroes, discards and flushes do what they would do to a plain disk', async () => {
  const place = fc.record({ sector: fc.nat({ max: size / 512 - 1 }), count: fc.integer({ min: 1, max: 300 }) });
  const step = fc.oneof(
    fc.record({ what: fc.constantFrom('write' as const, 'write' as const, 'zero' as const, 'unmap' as const), place }),
    fc.constantFrom({ what: 'flush' as const }, { what: 'again' as const }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let file = new FakeDiskFile();
      let disk = await overlay(file);
      const expected = baseBytes();
      let fill = 0;
      for (const each of steps) {
        if (each.what === 'flush') await disk.flush();
        else if (each.what === 'again') {
          await disk.close();
          file = again(file);
          disk = await overlay(file);
        } else {
          const offset = each.place.sector * 512;
          const length = Math.min(each.place.count * 512, size - offset);
          fill = (fill + 1) & 0xff;
          if (each.what === 'write') disk.write(offset, [new Uint8Array(length).fill(fill)]);
          else disk.zero(offset, length, each.what === 'unmap');
          expected.fill(each.what === 'write' ? fill : 0, offset, offset + length);
        }
        expect(Buffer.compare(await content(disk), expected)).toBe(0);
      }
    }),
    { numRuns: 30 },
  );
});

describe('is refused with a word about what is wrong', () => {
  async function made(): Promise<FakeDiskFile> {
    const file = new FakeDiskFile();
    const disk = await overlay(file, { time: 5_000_000_001n });
    disk.write(cluster, [new Uint8Array(cluster).fill(3)]);
    await disk.close();
    return again(file);
  }

  test('over a base of another size', async () => {
    const bytes = new Uint8Array(size + 512);
    await expect(overlay(await made(), { bytes })).rejects.toThrow(
      `the overlay was made for a disk of ${size} bytes, and this one has ${size + 512}`,
    );
  });

  test('over a base with other contents', async () => {
    const bytes = baseBytes();
    bytes[size - 1]! ^= 1;
    await expect(overlay(await made(), { bytes })).rejects.toThrow('the overlay was made for other contents');
  });

  test('over a base that was changed since; what can be done about it', async () => {
    await expect(overlay(await made(), { time: 6_000_000_000n })).rejects.toThrow('touch -d @5.000000001 FILE');
    await overlay(await made(), { time: 5_000_000_001n });
    await overlay(await made(), { time: 0n });
  });

  test('any other file, which stays as it is', async () => {
    const file = new FakeDiskFile();
    file.write(0, [new Uint8Array(cluster).fill(0x41)]);
    await expect(overlay(file)).rejects.toThrow('it is not an overlay: name another file');
    expect(file.file.content.every((byte) => byte === 0x41)).toBe(true);
    const zeros = new FakeDiskFile();
    zeros.write(0, [new Uint8Array(2 * cluster + dataStart(size))]);
    await expect(overlay(zeros)).rejects.toThrow('it is not an overlay');
  });

  test('a later format', async () => {
    const file = await made();
    file.file.content[8] = 9;
    await expect(overlay(file)).rejects.toThrow('format 9, and this program knows 1');
  });

  test('cut anywhere, or with any byte of its tables changed', async () => {
    const whole = (await made()).file.content;
    for (const length of [1, 100, 4096, 5000, dataStart(size) - 1, dataStart(size), whole.length - 1]) {
      const cut = new FakeDiskFile();
      cut.write(0, [whole.slice(0, length)]);
      await expect(overlay(cut), `${length} bytes`).rejects.toThrow(/is not an overlay|is damaged/);
    }
    // Of the header all that counts, and the entry of cluster 1.
    for (const at of [0, 7, 12, 16, 24, 32, 40, 43, 4096 + 32, 4096 + 39, 4096 + 50, 4096 + 63]) {
      const file = new FakeDiskFile();
      file.write(0, [whole]);
      file.file.content[at]! ^= 0x10;
      await expect(overlay(file), `byte ${at}`).rejects.toThrow(/is not an overlay|is damaged/);
    }
  });

  test('an entry in the place of another', async () => {
    const file = await made();
    file.file.content.copyWithin(4096, 4096 + 32, 4096 + 64);
    await expect(overlay(file)).rejects.toThrow('the overlay is damaged: entry 0 of its table');
  });

  test('two entries that name one place', async () => {
    const file = await made();
    const entry = new Uint8Array(32);
    encodeEntry(entry, 0, 1, Uint32Array.of(1, 0, 0, 0));
    file.write(4096, [entry]);
    await expect(overlay(file)).rejects.toThrow(
      'the overlay is damaged: entry 1 of its table names the place of another',
    );
  });

  test('an empty one that cannot be written', async () => {
    await expect(overlay(new FakeDiskFile(), { readOnly: true })).rejects.toThrow('the overlay is empty');
  });

  test('for more than a TiB', async () => {
    const base = Object.assign(new MemoryDisk(baseBytes()), { size: 2 ** 40 + 512 });
    const opening = OverlayDisk.open({
      base,
      file: new FakeDiskFile(),
      identity: { size: base.size, digest: 0, time: 0n },
    });
    await expect(opening).rejects.toThrow('an overlay is for disks of up to 1 TiB');
  });
});

test('one whose making was interrupted is made again', async () => {
  for (let failsAt = 1; failsAt <= 6; failsAt++) {
    const power = new Power();
    power.failsAt = failsAt;
    const file = new FakeDiskFile(new FakeFile(power));
    await overlay(file).catch(() => undefined);
    for (const survives of [true, false]) {
      const disk = await overlay(new FakeDiskFile(file.file.afterPowerLoss((index) => survives && index < 1000)));
      expect(Buffer.compare(await content(disk), baseBytes())).toBe(0);
    }
  }
});

test('a write or a flush that fails is told, and the next one makes up for it', async () => {
  for (const by of ['write', 'flush'] as const) {
    for (const isSlow of [false, true]) {
      const file = new FakeDiskFile();
      const disk = await overlay(file);
      file.isSlow = isSlow;
      disk.write(0, [new Uint8Array(512).fill(1)]);
      file.failure = { by, error: new DiskError('the host is full') };
      if (by === 'write') expect(() => disk.write(cluster, [new Uint8Array(512).fill(2)])).toThrow('the host is full');
      else await expect((async () => disk.flush())()).rejects.toThrow('the host is full');
      await disk.flush();
      const found = await content(await overlay(new FakeDiskFile(file.file.afterPowerLoss(() => false))));
      const expected = baseBytes().fill(1, 0, 512);
      expect(Buffer.compare(found, expected)).toBe(0);
    }
  }
});
