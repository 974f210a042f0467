// What the numbers in a 9P message mean, in words: for the details of one request, and for its line in the list.
import { nameText } from './fid-paths.ts';
import type { P9Event } from './requests.ts';

type Body = NonNullable<P9Event['request']>;
type Value = Body[string];

export interface FieldText {
  readonly name: string;
  readonly value: string;
  /** Empty where the value says it all. */
  readonly meaning: string;
}

// diod's protocol.md: P9_DOTL_*, which are Linux's open flags of the generic ABI.
const openFlags: readonly (readonly [number, string])[] = [
  [0o100, 'CREATE'],
  [0o200, 'EXCL'],
  [0o400, 'NOCTTY'],
  [0o1000, 'TRUNC'],
  [0o2000, 'APPEND'],
  [0o4000, 'NONBLOCK'],
  [0o10000, 'DSYNC'],
  [0o20000, 'FASYNC'],
  [0o40000, 'DIRECT'],
  [0o100000, 'LARGEFILE'],
  [0o200000, 'DIRECTORY'],
  [0o400000, 'NOFOLLOW'],
  [0o1000000, 'NOATIME'],
  [0o2000000, 'CLOEXEC'],
  [0o4000000, 'SYNC'],
];
const accessModes = ['RDONLY', 'WRONLY', 'RDWR', 'NOACCESS'];

const setattrBits = ['mode', 'uid', 'gid', 'size', 'atime', 'mtime', 'ctime', 'atime given', 'mtime given'];
const getattrBits = [
  'mode', 'nlink', 'uid', 'gid', 'rdev', 'atime', 'mtime', 'ctime', 'ino', 'size', 'blocks', 'btime', 'gen', 'data version',
]; // prettier-ignore
const lockTypes = ['read lock', 'write lock', 'unlock'];
const lockStatuses = ['success', 'blocked', 'error', 'grace'];
const noFid = 0xffff_ffff;

const fileTypes: Readonly<Record<number, string>> = {
  0o140000: 's',
  0o120000: 'l',
  0o100000: '-',
  0o060000: 'b',
  0o040000: 'd',
  0o020000: 'c',
  0o010000: 'p',
};

/** As `ls -l` shows it. */
export function modeText(mode: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'));
  if (mode & 0o4000) letters[2] = letters[2] === 'x' ? 's' : 'S';
  if (mode & 0o2000) letters[5] = letters[5] === 'x' ? 's' : 'S';
  if (mode & 0o1000) letters[8] = letters[8] === 'x' ? 't' : 'T';
  return `${fileTypes[mode & 0o170000] ?? ''}${letters.join('')}`;
}

export function openFlagsText(flags: number): string {
  const names = openFlags.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return [accessModes[flags & 3], ...names].join(' | ');
}

function bitsText(bits: number, names: readonly string[]): string {
  return names.filter((_, index) => (bits >>> index) & 1).join(', ');
}

function timeText(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().replace('T', ' ').replace('Z', ' UTC');
}

/** How a field reads, where its number alone says little. The message is asked because `type` and `flags` are several things. */
const readings: Readonly<
  Record<string, (value: number | bigint, message: string) => readonly [value: string, meaning: string]>
> = {
  mode: (value) => [`0${Number(value).toString(8)}`, modeText(Number(value))],
  flags: (value, message) => [
    `0${Number(value).toString(8)}`,
    message === 'Tlopen' || message === 'Tlcreate' ? openFlagsText(Number(value)) : '',
  ],
  valid: (value, message) => [
    `0x${Number(value).toString(16)}`,
    bitsText(Number(value), message.startsWith('T') ? setattrBits : getattrBits),
  ],
  requestMask: (value) => [`0x${Number(value).toString(16)}`, bitsText(Number(value), getattrBits)],
  atime: (value) => [String(value), timeText(BigInt(value))],
  mtime: (value) => [String(value), timeText(BigInt(value))],
  ctime: (value) => [String(value), timeText(BigInt(value))],
  btime: (value) => [String(value), value === 0n ? 'not told' : timeText(BigInt(value))],
  afid: (value) => [String(value), value === noFid ? 'none: no authentication' : ''],
  newfid: (value) => [String(value), 'the fid that the walk makes'],
  type: (value, message) => [String(value), message.includes('lock') ? (lockTypes[Number(value)] ?? '') : ''],
  status: (value, message) => [String(value), message === 'Rlock' ? (lockStatuses[Number(value)] ?? '') : ''],
  msize: (value) => [String(value), 'bytes in the largest message'],
};

function isQid(value: Value): value is Extract<Value, { readonly path: bigint }> {
  return typeof value === 'object' && 'path' in value;
}

function plain(value: Value): string {
  if (value instanceof Uint8Array) return `“${nameText(value)}”`;
  if (isQid(value)) return `${value.type & 0x80 ? 'folder' : value.type & 0x02 ? 'link' : 'file'} ${value.path}`;
  if (typeof value === 'object') return value.length === 0 ? 'none' : value.map((element) => plain(element)).join(' ');
  return String(value);
}

/** The members of a body, in the order of the message. `message` is its name. */
export function fieldsOf(message: string, body: Body): FieldText[] {
  return Object.entries(body).map(([name, value]) => {
    const reading = readings[name];
    if (reading !== undefined && (typeof value === 'number' || typeof value === 'bigint')) {
      const [text, meaning] = reading(value, message);
      return { name, value: text, meaning };
    }
    const meaning = isQid(value) ? `version ${value.version.toString(16)}` : '';
    return { name, value: plain(value), meaning };
  });
}

/** Fields that say most about a message, for the list. */
const telling: Readonly<Record<string, readonly string[]>> = {
  Tlopen: ['flags'],
  Tlcreate: ['flags', 'mode'],
  Tmkdir: ['mode'],
  Tread: ['offset', 'count'],
  Twrite: ['offset', 'count'],
  Treaddir: ['offset', 'count'],
  Tsetattr: ['valid', 'mode', 'size'],
  Tsymlink: ['target'],
  Txattrwalk: ['name'],
  Txattrcreate: ['name', 'size'],
  Tlock: ['type'],
  Tgetlock: ['type'],
  Tflush: ['oldtag'],
  Tversion: ['msize', 'version'],
  Tunlinkat: ['flags'],
};

/** What a request asks in particular, in a few words: `offset 0 · count 4096`. */
export function summaryOf({ type, request }: P9Event): string {
  if (request === undefined) return '';
  const wanted = telling[type] ?? [];
  return fieldsOf(type, request)
    .filter(({ name }) => wanted.includes(name))
    .map(({ name, value, meaning }) =>
      name === 'flags' || name === 'mode' || name === 'valid' ? meaning || value : `${name} ${value}`,
    )
    .filter((text) => text !== '')
    .join(' · ');
}

/** Kinds of messages that the list tells apart by colour. */
export type RequestKind = 'walk' | 'data' | 'attributes' | 'change' | 'session';

const kinds: Readonly<Record<string, RequestKind>> = {
  Twalk: 'walk',
  Tlopen: 'walk',
  Tclunk: 'walk',
  Tread: 'data',
  Twrite: 'data',
  Treaddir: 'data',
  Treadlink: 'data',
  Tfsync: 'data',
  Tgetattr: 'attributes',
  Tstatfs: 'attributes',
  Txattrwalk: 'attributes',
  Tgetlock: 'attributes',
  Tversion: 'session',
  Tauth: 'session',
  Tattach: 'session',
  Tflush: 'session',
};

/** All others change what is in a folder, or a file's attributes. */
export function kindOf(type: string): RequestKind {
  return kinds[type] ?? 'change';
}

/** The number of the fid that a request is about; undefined for those without one. */
export function fidOf({ request }: P9Event): number | undefined {
  const fid = request?.['fid'] ?? request?.['dfid'] ?? request?.['dirfid'] ?? request?.['olddirfid'];
  return typeof fid === 'number' ? fid : undefined;
}
