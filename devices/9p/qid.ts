// What the client learns of a file's identity and state.
import { fileType } from './backend.ts';
import type { Attributes } from './backend.ts';
import { getattrBits } from './messages.ts';
import type { Body } from './messages.ts';
import { qidType } from './wire.ts';
import type { Qid, Writer } from './wire.ts';

/** A qid type from the type bits of a mode. */
export function qidTypeOf(mode: number): number {
  const type = mode & fileType.mask;
  return type === fileType.folder ? qidType.folder : type === fileType.link ? qidType.link : qidType.file;
}

// Splits 64-bit times into words without arithmetic on bigints, which is slow.
const times = new BigInt64Array(2);
const words = new Uint32Array(times.buffer);

function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

/**
 * Changes whenever the content may have changed: 32 bits mixed from mtime, ctime and size. Whole seconds of mtime alone
 * would hide an edit of the same size within one second. Never 0: Linux does not cache a file of version 0.
 */
export function qidVersion({ mtime, ctime, size }: Attributes): number {
  times[0] = mtime;
  times[1] = ctime;
  let hash = mix(mix(1, size), size / 2 ** 32);
  for (let i = 0; i < 4; i++) hash = mix(hash, words[i] as number);
  return mix(hash, hash >>> 13) >>> 0 || 1;
}

export function qidOf(attributes: Attributes): Qid {
  return { type: qidTypeOf(attributes.mode), version: qidVersion(attributes), path: attributes.ino };
}

/**
 * The body of an Rgetattr, for who looks at messages: the basic attributes, always all of them, as every server does, because the
 * client asks for nothing less.
 */
export function attributesReply(attributes: Attributes): Body<'Rgetattr'> {
  return {
    valid: getattrBits.basic,
    qid: qidOf(attributes),
    mode: attributes.mode,
    uid: attributes.uid,
    gid: attributes.gid,
    nlink: attributes.nlink,
    rdev: attributes.rdev,
    size: attributes.size,
    blksize: attributes.blockSize,
    blocks: attributes.blocks,
    atime: attributes.atime,
    mtime: attributes.mtime,
    ctime: attributes.ctime,
    btime: 0n,
    gen: 0n,
    dataVersion: 0n,
  };
}

const basicBits = Number(getattrBits.basic);

/** Writes the body of an Rgetattr, without making it, at places that are counted out: guests ask for nothing more often. */
export function writeAttributes(writer: Writer, attributes: Attributes): void {
  const at = writer.room(153);
  writer.u32At(at, basicBits);
  writer.u32At(at + 4, 0);
  writer.u8At(at + 8, qidTypeOf(attributes.mode));
  writer.u32At(at + 9, qidVersion(attributes));
  writer.u64At(at + 13, attributes.ino);
  writer.u32At(at + 21, attributes.mode);
  writer.u32At(at + 25, attributes.uid);
  writer.u32At(at + 29, attributes.gid);
  writer.size64At(at + 33, attributes.nlink);
  writer.u64At(at + 41, attributes.rdev);
  writer.size64At(at + 49, attributes.size);
  writer.size64At(at + 57, attributes.blockSize);
  writer.size64At(at + 65, attributes.blocks);
  writer.timeAt(at + 73, attributes.atime);
  writer.timeAt(at + 89, attributes.mtime);
  writer.timeAt(at + 105, attributes.ctime);
  // Neither btime nor gen nor a version of the data.
  for (let word = 0; word < 8; word++) writer.u32At(at + 121 + 4 * word, 0);
}
