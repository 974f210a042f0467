// The journal is a row of frames: each holds the records of one commit, or a snapshot that stands for all before it.
import type { Bytes } from '../../devices/ports.ts';
import { crc32 } from './crc32.ts';
import { StoreError } from './store-error.ts';

/** "vm9j" */
const magic = 0x6a39_6d76;
/** Counts up with each change that older programs would misread. */
const formatVersion = 1;
/**
 * magic[4] version[2] kind[2] sequence[8] length[4] checksum of the payload[4] zero[4] checksum of what is before it[4],
 * little endian.
 */
export const frameHeaderLength = 32;
const checkedLength = 28;

export type FrameKind = 'snapshot' | 'changes';
const kinds: readonly FrameKind[] = ['snapshot', 'changes'];

export interface FrameHeader {
  readonly kind: FrameKind;
  /** Counts commits. Consecutive in one journal. */
  readonly sequence: number;
  /** Bytes of the payload. */
  readonly length: number;
  readonly checksum: number;
}

export interface Frame {
  readonly kind: FrameKind;
  readonly sequence: number;
  readonly payload: Bytes;
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Fills in the header of a frame, whose payload stands behind the room for it. */
export function sealFrame(bytes: Bytes, kind: FrameKind, sequence: number): void {
  const view = viewOf(bytes);
  const payload = bytes.subarray(frameHeaderLength);
  view.setUint32(0, magic, true);
  view.setUint16(4, formatVersion, true);
  view.setUint16(6, kinds.indexOf(kind), true);
  view.setBigUint64(8, BigInt(sequence), true);
  view.setUint32(16, payload.length, true);
  view.setUint32(20, crc32(payload), true);
  view.setUint32(24, 0, true);
  view.setUint32(checkedLength, crc32(bytes.subarray(0, checkedLength)), true);
}

/** The header at `at`; undefined where there is none. Throws StoreError 'newer'. */
export function readHeader(bytes: Bytes, at: number): FrameHeader | undefined {
  if (at + frameHeaderLength > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== magic) return undefined;
  const checked = bytes.subarray(at, at + checkedLength);
  if (view.getUint32(at + checkedLength, true) !== crc32(checked)) return undefined;
  const version = view.getUint16(at + 4, true);
  const kind = kinds[view.getUint16(at + 6, true)];
  if (version > formatVersion || kind === undefined) {
    throw new StoreError('newer', `the files were stored in format ${version}; this program knows ${formatVersion}`);
  }
  return {
    kind,
    sequence: Number(view.getBigUint64(at + 8, true)),
    length: view.getUint32(at + 16, true),
    checksum: view.getUint32(at + 20, true),
  };
}

/** The frame at `at`; undefined where there is none that is whole. */
export function readFrame(bytes: Bytes, at: number): Frame | undefined {
  const header = readHeader(bytes, at);
  if (header === undefined) return undefined;
  const start = at + frameHeaderLength;
  const payload = bytes.subarray(start, start + header.length);
  if (payload.length < header.length || crc32(payload) !== header.checksum) return undefined;
  return { kind: header.kind, sequence: header.sequence, payload };
}

/**
 * The frames of a log, oldest first, and where they end. What stands behind the last whole one is a commit that was
 * interrupted, unless a later frame follows it: commits are flushed one by one, so that only the last can be torn. Throws
 * StoreError 'damaged'.
 */
export function readLog(bytes: Bytes): { readonly frames: readonly Frame[]; readonly end: number } {
  const frames: Frame[] = [];
  let at = 0;
  for (let frame = readFrame(bytes, 0); frame !== undefined; frame = readFrame(bytes, at)) {
    frames.push(frame);
    at += frameHeaderLength + frame.payload.length;
  }
  const last = frames.at(-1)?.sequence ?? 0;
  for (let later = at + 1; later + frameHeaderLength <= bytes.length; later++) {
    if (bytes[later] !== (magic & 0xff)) continue;
    const header = readHeader(bytes, later);
    if (header === undefined || header.sequence <= last + 1) continue;
    throw new StoreError('damaged', `the journal is damaged at byte ${at}, before commit ${header.sequence}`);
  }
  return { frames, end: at };
}
