// Extended attributes as programs in the guest set and read them, through Linux's own client.
import { createVm, hostFolder, memory, type ShareSource } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { capabilities } from '../node/node-fs/shared-folder.ts';
import { temporaryFolder } from './command-line.ts';
import { guestProgram, type CallResult, type SystemCall } from './guest-program.ts';

const [setxattr, getxattr, listxattr, removexattr, openat, write] = [5, 8, 11, 14, 56, 64];
const [currentFolder, writeOnly] = [-100, 1];
const [create, replace] = [1, 2];
const [notSupported, noData, exists, range, tooBig] = [-95, -61, -17, -34, -7];

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string => new TextDecoder().decode(content);
const file = bytes('file');

const set = (name: string, value: Uint8Array, flags = 0): SystemCall => ({
  number: setxattr,
  arguments: [file.slice(), bytes(name), value, value.length, flags],
});
const get = (name: string, room: number): SystemCall => ({
  number: getxattr,
  arguments: [file.slice(), bytes(name), new Uint8Array(room), room],
});
const list = (room: number): SystemCall => ({
  number: listxattr,
  arguments: [file.slice(), new Uint8Array(room), room],
});
const remove = (name: string): SystemCall => ({ number: removexattr, arguments: [file.slice(), bytes(name)] });

/** CAP_SETUID, permitted and effective: capability.h's vfs_cap_data of revision 2. */
const mayBecomeAnybody = Uint8Array.from([1, 0, 0, 2, 0x80, ...new Uint8Array(15)]);

/** Puts a program into the share of a new machine, and runs it there, which asks for security.capability. */
async function run(source: ShareSource, calls: readonly SystemCall[]): Promise<CallResult[]> {
  const program = guestProgram(calls);
  const vm = createVm({ shares: [{ source }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  const command = 'cat > program && chmod +x program && touch file && ./program';
  const { stdout, stderr, status } = await vm.exec(command, { stdin: program.file }).output();
  expect({ status, stderr: text(stderr) }).toEqual({ status: 0, stderr: '' });
  return program.read(stdout);
}

test('a share in memory keeps them', async () => {
  const long = new Uint8Array(65_536).fill(0x6c);
  const results = await run(memory(), [
    get('user.none', 100),
    set('user.one', bytes('first')),
    get('user.one', 100),
    get('user.one', 0),
    get('user.one', 3),
    set('user.one', bytes('again'), create),
    set('user.one', bytes('second value'), replace),
    get('user.one', 100),
    set('user.two', new Uint8Array(0)),
    set('security.capability', bytes('whatever it is')),
    set('trusted.long', long),
    set('user.long', new Uint8Array(65_537)),
    get('trusted.long', long.length),
    list(1000),
    remove('user.one'),
    remove('user.one'),
    remove('user.two'),
    list(1000),
    set('security.capability', mayBecomeAnybody),
    get('security.capability', 100),
    // The first file that the program opens.
    { number: openat, arguments: [currentFolder, file.slice(), writeOnly, 0] },
    { number: write, arguments: [3, bytes('x'), 1] },
    get('security.capability', 100),
    list(1000),
  ]);
  expect(results.map(({ result }) => result)).toEqual([
    noData,
    0,
    5,
    5,
    range,
    exists,
    0,
    12,
    0,
    -22, // the kernel itself refuses capabilities that are none: EINVAL
    0,
    tooBig,
    long.length,
    9 + 9 + 13,
    0,
    noData,
    0,
    13,
    0,
    mayBecomeAnybody.length,
    3,
    1,
    noData,
    13,
  ]);
  const value = (index: number): string => text(results[index]?.bytes.at(-1)?.slice(0, results[index]?.result));
  expect([value(2), value(7)]).toEqual(['first', 'second value']);
  expect(value(12)).toBe(text(long));
  expect(value(13).split('\0').toSorted()).toEqual(['', 'trusted.long', 'user.one', 'user.two']);
  expect(value(17)).toBe('trusted.long\0');
});

test('a folder of the host keeps those of users, or says that it keeps none; programs run either way', async () => {
  const folder = temporaryFolder();
  const results = await run(hostFolder(folder), [
    set('user.one', bytes('first')),
    get('user.one', 100),
    list(100),
    set('trusted.two', bytes('second')),
  ]);
  const expected = capabilities.xattrs ? [0, 5, 9, notSupported] : results.map(() => notSupported);
  expect(results.map(({ result }) => result)).toEqual(expected);
});
