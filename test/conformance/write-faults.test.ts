// A share whose host refuses writes, or does a part of them: what programs in the guest are told, and what the files have then.
// RANDOM_SEED repeats the moves.
import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Errno, type ErrnoName } from '../../devices/9p/errno.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Vm } from '../../src/vm.ts';
import type { CacheMode } from '../../src/vm-options.ts';
import { compiler, isInstalled } from '../bench/tools.ts';
import { guestProgram, type SystemCall } from '../boot/guest-program.ts';
import { inThread } from '../boot/in-thread.ts';
import { output } from '../boot/machine-with-shares.ts';
import { compile } from '../posix/guest.ts';

const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);

/** How many of `length` bytes at `offset` the host writes. Throws where it writes none. */
type Room = (offset: number, length: number) => number;

const enough: Room = (_offset, length) => length;

/** As a disk does that is full, or broken, from a place on. */
function until(end: number, error: ErrnoName): Room {
  return (offset, length) => {
    if (offset >= end) throw new Errno(error);
    return Math.min(length, end - offset);
  };
}

/** Of every third write only the first half is written, and the rest fails once: whoever sends that again succeeds. */
class FaultyOnce {
  faults = 0;
  #writes = 0;
  #failing: number | undefined;

  readonly room: Room = (offset, length) => {
    if (offset === this.#failing) {
      this.#failing = undefined;
      this.faults++;
      throw new Errno('EIO');
    }
    if (this.#writes++ % 3 !== 0 || length === 1) return length;
    const half = length >> 1;
    this.#failing = offset + half;
    return half;
  };
}

interface Guest {
  readonly vm: Vm;
  room: Room;
}

/** A share in memory whose writes go by `room`. */
async function startWithFaults(cache: CacheMode): Promise<Guest> {
  const backend = new MemoryBackend({ now: () => BigInt(Date.now()) * 1_000_000n });
  const write = backend.write.bind(backend);
  const vm = new Vm(inThread(backend), { shares: [{ source: { kind: 'faulty' }, cache }] });
  onTestFinished(() => vm.dispose());
  const guest: Guest = { vm, room: enough };
  backend.write = (file, offset, from) => {
    const bytes = Buffer.concat(from);
    return write(file, offset, [bytes.subarray(0, guest.room(offset, bytes.length))]);
  };
  await vm.start();
  await vm.ready;
  return guest;
}

/** What the share can no longer do, and what the kernel says of itself. */
async function expectSound({ vm }: Guest): Promise<void> {
  expect(await output(vm, 'echo new >new && cat new && cd / && umount /mnt/* && echo gone')).toBe('new\ngone\n');
  expect(await output(vm, "dmesg | grep -E 'BUG|WARNING|Bad page|Oops' || true")).toBe('');
}

/** Makes the calls in a process; what they return. */
async function make({ vm }: Guest, calls: readonly SystemCall[]): Promise<number[]> {
  const program = guestProgram(calls);
  await vm.exec('cat > /tmp/program && chmod +x /tmp/program', { stdin: program.file }).output();
  return program.read((await vm.exec('/tmp/program').output()).stdout).map(({ result }) => result);
}

/** Linux, asm-generic: unistd.h, fcntl.h, mman-common.h. */
const [ftruncate, openat, read, pwrite, sync, mmapCall, msyncCall] = [46, 56, 63, 68, 82, 222, 227];
const [currentFolder, readWrite, create, direct] = [-100, 0o2, 0o100, 0o40000];
const place = 0x4000_0000;

const name = (path: string): Uint8Array => new TextEncoder().encode(path);
/** The first of a program is descriptor 3. */
const open = (flags: number, path = 'file'): SystemCall => ({
  number: openat,
  arguments: [currentFolder, name(path), readWrite | create | flags, 0o644],
});
const store = (bytes: Uint8Array, offset: number): SystemCall => ({
  number: pwrite,
  arguments: [3, bytes, bytes.length, offset],
});
const fsync: SystemCall = { number: sync, arguments: [3] };
const msync = (length: number): SystemCall => ({ number: msyncCall, arguments: [place, length, 4] });
/** Maps the file, shared and to be written, and has the mapping filled from another. */
const mapAndFill = (length: number, from: string): SystemCall[] => [
  { number: ftruncate, arguments: [3, length] },
  { number: mmapCall, arguments: [place, length, 3, 0x11, 3, 0] },
  open(0, from),
  { number: read, arguments: [4, place, length] },
];

/** More than two messages of 512,000 bytes. */
const content = new Uint8Array(randomBytes(1_200_000));
/** In the second message, within a page. */
const end = 600_000;
const errors = [
  ['ENOSPC', -28],
  ['EIO', -5],
] as const;

const contentOf = async ({ vm }: Guest): Promise<Uint8Array> => vm.fs('host').readFile('/file');

describe.each(errors)('%s', (error, result) => {
  test.each([
    ['none', 0],
    ['mmap', direct],
    ['loose', direct],
  ] as const)(
    'past the page cache, cache=%s: write(2) says what it wrote, and then why no more',
    async (cache, flags) => {
      const guest = await startWithFaults(cache);
      guest.room = until(end, error);
      const start = content.subarray(0, 4096);
      const calls = [open(flags), store(content, 0), store(content.subarray(end), end), fsync, store(start, 0), fsync];
      expect(await make(guest, calls)).toEqual([3, end, result, 0, start.length, 0]);
      expect(Buffer.compare((await contentOf(guest)).subarray(0, end), content.subarray(0, end))).toBe(0);
      guest.room = enough;
      const rest = content.subarray(end);
      expect(await make(guest, [open(flags), store(rest, end), fsync])).toEqual([3, rest.length, 0]);
      expect(Buffer.compare(await contentOf(guest), content)).toBe(0);
      await expectSound(guest);
    },
  );

  test.each(['mmap', 'loose'] as const)(
    'in the page cache, cache=%s: fsync(2) and msync(2) say it once',
    async (cache) => {
      const guest = await startWithFaults(cache);
      guest.room = until(end, error);
      expect(await make(guest, [open(0), store(content, 0), fsync, fsync])).toEqual([3, content.length, result, 0]);
      expect(Buffer.compare((await contentOf(guest)).subarray(0, end), content.subarray(0, end))).toBe(0);
      await guest.vm.exec('cat > /tmp/content', { stdin: content }).output();
      const mapped = [open(0), ...mapAndFill(content.length, '/tmp/content')];
      const filled = [3, 0, place, 4, content.length];
      expect(await make(guest, [...mapped, msync(content.length), msync(content.length)])).toEqual([
        ...filled,
        result,
        0,
      ]);
      guest.room = enough;
      expect(await make(guest, [...mapped, msync(content.length), fsync])).toEqual([...filled, 0, 0]);
      expect(Buffer.compare(await contentOf(guest), content)).toBe(0);
      await expectSound(guest);
    },
  );
});

test.each([
  ['none', 0],
  ['none', direct],
  ['mmap', 0],
  ['mmap', direct],
  ['loose', 0],
] as const)('what is written in parts, one of which failed, is whole: cache=%s, flags %o', async (cache, flags) => {
  const guest = await startWithFaults(cache);
  const once = new FaultyOnce();
  guest.room = once.room;
  expect(await make(guest, [open(flags), store(content, 0), fsync])).toEqual([3, content.length, 0]);
  expect(once.faults).toBeGreaterThan(0);
  expect(Buffer.compare(await contentOf(guest), content)).toBe(0);
  await expectSound(guest);
});

describe.runIf(isInstalled(compiler))('moves in all ways, a third of whose writes is done in parts', () => {
  const program = isInstalled(compiler) ? new Uint8Array(compile(['moves.c'])) : new Uint8Array();

  // The seed is in the name, so that a failure of any kind tells it.
  test.each(['none', 'mmap', 'loose'] as const)(
    `cache=%s, RANDOM_SEED=${seed}`,
    { timeout: 120_000 },
    async (cache) => {
      const guest = await startWithFaults(cache);
      const { vm } = guest;
      await vm.exec('cat > /tmp/moves && chmod +x /tmp/moves', { stdin: program }).output();
      await vm.exec('cat > file && cp file /tmp/model', { stdin: content }).output();
      const once = new FaultyOnce();
      guest.room = once.room;
      const said = await output(vm, `/tmp/moves file /tmp/model /tmp/scratch ${seed} 150 && sync`);
      expect(said, said).toMatch(/^150 done, \d+ bytes moved\n$/);
      expect(once.faults).toBeGreaterThan(20);
      const model = (await vm.exec('cat /tmp/model').output()).stdout;
      expect(Buffer.compare(await contentOf(guest), model)).toBe(0);
      await expectSound(guest);
    },
  );
});
