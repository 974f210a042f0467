// The program as V8 has compiled it, in the user's cache: [1 byte: made by a run that went on from a kept machine][3 zeros][u32: length
// of the next][of the command line, then zeros to a multiple of 8][of the worker]. V8 refuses what is of another version, or was made
// under other flags, but of the source it looks at the length alone.
import { createHash } from 'node:crypto';
import { readFromCache } from './cache-file.ts';

export interface CompiledCode {
  readonly main: Uint8Array<ArrayBuffer>;
  readonly worker: Uint8Array<ArrayBuffer>;
  /** It has the functions that such a run needs. */
  readonly wentOn: boolean;
}

const headLength = 8;
const lengthAt = 4;
const alignment = 8;

/** A name for what is made of the sources with these digests here, under these flags. */
export function keyOfCode(main: Uint8Array, worker: Uint8Array): string {
  const { version, versions, arch, execArgv, env } = process;
  const flags = [...execArgv, env['NODE_OPTIONS']];
  const all = createHash('sha256').update(JSON.stringify(['code', version, versions.v8, arch, ...flags]));
  return all.update(main).update(worker).digest('hex');
}

/** Undefined where there is none that can be used. */
export function readCode(folder: string, key: string): CompiledCode | undefined {
  try {
    const bytes = readFromCache(folder, key, '.code');
    return bytes === undefined || bytes === 'damaged' ? undefined : unpackCode(bytes);
  } catch {
    // Who asks for the machine in the same folder is told the same, and tells it.
    return undefined;
  }
}

export function packCode({ main, worker, wentOn }: CompiledCode): Uint8Array<ArrayBuffer> {
  const workerAt = aligned(headLength + main.length);
  const bytes = new Uint8Array(workerAt + worker.length);
  bytes[0] = wentOn ? 1 : 0;
  new DataView(bytes.buffer).setUint32(lengthAt, main.length, true);
  bytes.set(main, headLength);
  bytes.set(worker, workerAt);
  return bytes;
}

function unpackCode(bytes: Uint8Array<ArrayBuffer>): CompiledCode | undefined {
  if (bytes.length < headLength) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(lengthAt, true);
  const workerAt = aligned(headLength + length);
  if (workerAt > bytes.length) return undefined;
  return {
    // The larger part is given away, in the buffer of both.
    main: bytes.slice(headLength, headLength + length),
    worker: bytes.subarray(workerAt),
    wentOn: bytes[0] === 1,
  };
}

/** V8 copies what begins elsewhere. */
function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}
