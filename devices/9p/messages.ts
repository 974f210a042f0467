// The messages of 9P2000.L, as the Linux client speaks it (diod's protocol.md; Plan 9 manual, section 5).
import { list, minimumLength, payload, qid, size64, str, time, u16, u32, u64, u8 } from './wire.ts';
import type { Fields, NamedField, Values } from './wire.ts';

export const messages = {
  Rlerror: { type: 7, body: { ecode: u32 } },
  Tstatfs: { type: 8, body: { fid: u32 } },
  Rstatfs: {
    type: 9,
    body: {
      type: u32,
      bsize: u32,
      blocks: u64,
      bfree: u64,
      bavail: u64,
      files: u64,
      ffree: u64,
      fsid: u64,
      namelen: u32,
    },
  },
  Tlopen: { type: 12, body: { fid: u32, flags: u32 } },
  Rlopen: { type: 13, body: { qid, iounit: u32 } },
  Tlcreate: { type: 14, body: { fid: u32, name: str, flags: u32, mode: u32, gid: u32 } },
  Rlcreate: { type: 15, body: { qid, iounit: u32 } },
  Tsymlink: { type: 16, body: { dfid: u32, name: str, target: str, gid: u32 } },
  Rsymlink: { type: 17, body: { qid } },
  Tmknod: { type: 18, body: { dfid: u32, name: str, mode: u32, major: u32, minor: u32, gid: u32 } },
  Rmknod: { type: 19, body: { qid } },
  Trename: { type: 20, body: { fid: u32, dfid: u32, name: str } },
  Rrename: { type: 21, body: {} },
  Treadlink: { type: 22, body: { fid: u32 } },
  Rreadlink: { type: 23, body: { target: str } },
  Tgetattr: { type: 24, body: { fid: u32, requestMask: u64 } },
  Rgetattr: {
    type: 25,
    body: {
      valid: u64,
      qid,
      mode: u32,
      uid: u32,
      gid: u32,
      nlink: size64,
      rdev: u64,
      size: size64,
      blksize: size64,
      blocks: size64,
      atime: time,
      mtime: time,
      ctime: time,
      btime: time,
      gen: u64,
      dataVersion: u64,
    },
  },
  Tsetattr: {
    type: 26,
    body: { fid: u32, valid: u32, mode: u32, uid: u32, gid: u32, size: size64, atime: time, mtime: time },
  },
  Rsetattr: { type: 27, body: {} },
  Txattrwalk: { type: 30, body: { fid: u32, newfid: u32, name: str } },
  Rxattrwalk: { type: 31, body: { size: size64 } },
  Txattrcreate: { type: 32, body: { fid: u32, name: str, size: size64, flags: u32 } },
  Rxattrcreate: { type: 33, body: {} },
  Treaddir: { type: 40, body: { fid: u32, offset: u64, count: u32 } },
  Rreaddir: { type: 41, body: { count: payload } },
  Tfsync: { type: 50, body: { fid: u32, datasync: u32 } },
  Rfsync: { type: 51, body: {} },
  Tlock: {
    type: 52,
    body: { fid: u32, type: u8, flags: u32, start: u64, length: u64, procId: u32, clientId: str },
  },
  Rlock: { type: 53, body: { status: u8 } },
  Tgetlock: { type: 54, body: { fid: u32, type: u8, start: u64, length: u64, procId: u32, clientId: str } },
  Rgetlock: { type: 55, body: { type: u8, start: u64, length: u64, procId: u32, clientId: str } },
  Tlink: { type: 70, body: { dfid: u32, fid: u32, name: str } },
  Rlink: { type: 71, body: {} },
  Tmkdir: { type: 72, body: { dfid: u32, name: str, mode: u32, gid: u32 } },
  Rmkdir: { type: 73, body: { qid } },
  Trenameat: { type: 74, body: { olddirfid: u32, oldname: str, newdirfid: u32, newname: str } },
  Rrenameat: { type: 75, body: {} },
  Tunlinkat: { type: 76, body: { dirfid: u32, name: str, flags: u32 } },
  Runlinkat: { type: 77, body: {} },
  Tversion: { type: 100, body: { msize: u32, version: str } },
  Rversion: { type: 101, body: { msize: u32, version: str } },
  Tauth: { type: 102, body: { afid: u32, uname: str, aname: str, uid: u32 } },
  Rauth: { type: 103, body: { aqid: qid } },
  Tattach: { type: 104, body: { fid: u32, afid: u32, uname: str, aname: str, uid: u32 } },
  Rattach: { type: 105, body: { qid } },
  Tflush: { type: 108, body: { oldtag: u16 } },
  Rflush: { type: 109, body: {} },
  // walk(5): at most sixteen names in one message.
  Twalk: { type: 110, body: { fid: u32, newfid: u32, names: list(str, 16) } },
  Rwalk: { type: 111, body: { qids: list(qid, 16) } },
  Tread: { type: 116, body: { fid: u32, offset: size64, count: u32 } },
  Rread: { type: 117, body: { count: payload } },
  Twrite: { type: 118, body: { fid: u32, offset: size64, count: payload } },
  Rwrite: { type: 119, body: { count: u32 } },
  Tclunk: { type: 120, body: { fid: u32 } },
  Rclunk: { type: 121, body: {} },
  Tremove: { type: 122, body: { fid: u32 } },
  Rremove: { type: 123, body: {} },
} as const satisfies Record<string, { readonly type: number; readonly body: Fields }>;

export type MessageName = keyof typeof messages;
/** What a client sends. */
export type RequestName = Extract<MessageName, `T${string}`>;
/** What answers it, unless Rlerror does. */
export type ReplyName<T extends RequestName = RequestName> = T extends `T${infer Name}`
  ? Extract<`R${Name}`, MessageName>
  : never;
/** The body of a message, from its table. */
export type Body<M extends MessageName> = Values<(typeof messages)[M]['body']>;

/** A message's table as the code that goes through tables wants it. */
export interface Format {
  readonly name: MessageName;
  readonly type: number;
  readonly fields: readonly NamedField[];
  /** The fewest bytes of the whole message, header included. */
  readonly minimumLength: number;
  /** Whether bytes follow the fields, as many as the member `count` says. */
  readonly hasPayload: boolean;
}

/** size[4] type[1] tag[2]. */
export const headerLength = 7;
/** Header and count of Rread and Rreaddir, which is also what any Rlerror takes. */
export const payloadHeaderLength = 11;
/** Header, fid, offset and count of Twrite: all of it but the payload. */
export const writeHeaderLength = 23;

function formatOf(name: MessageName): Format {
  const { type, body }: { readonly type: number; readonly body: Fields } = messages[name];
  const fields = Object.entries(body).map(([field, kind]) => ({ name: field, field: kind }));
  const hasPayload = fields.some(({ field }) => field.kind === 'payload');
  return { name, type, fields, minimumLength: headerLength + minimumLength(body), hasPayload };
}

/** Every format by its name. */
export const formats = Object.fromEntries(
  (Object.keys(messages) as MessageName[]).map((name) => [name, formatOf(name)]),
) as { readonly [M in MessageName]: Format };

/** Every format by its type; the place of an unknown type is empty. */
export const formatByType: readonly (Format | undefined)[] = byType(Object.values(formats));

function byType(all: readonly Format[]): (Format | undefined)[] {
  const places: (Format | undefined)[] = Array.from({ length: 256 });
  for (const format of all) places[format.type] = format;
  return places;
}

/** The fid that stands for none. */
export const noFid = 0xffff_ffff;
export const version9P2000L = '9P2000.L';

/** Bits of Tgetattr and Rgetattr. The basic ones are the members of Linux's struct stat. */
export const getattrBits = { basic: 0x7ffn, btime: 0x800n, gen: 0x1000n, dataVersion: 0x2000n } as const;

/** Bits of Tsetattr's `valid`. A time is the server's unless its Set bit is there too. */
export const setattrBits = {
  mode: 0x1,
  uid: 0x2,
  gid: 0x4,
  size: 0x8,
  atime: 0x10,
  mtime: 0x20,
  ctime: 0x40,
  atimeSet: 0x80,
  mtimeSet: 0x100,
} as const;

/** Flag of Tunlinkat: remove a folder. */
export const removeFolder = 0x200;

export const lockType = { read: 0, write: 1, unlock: 2 } as const;
export const lockFlags = { block: 1, reclaim: 2 } as const;
export const lockStatus = { success: 0, blocked: 1, error: 2, grace: 3 } as const;
