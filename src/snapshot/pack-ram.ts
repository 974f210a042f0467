// Guest RAM into a snapshot, see ram.ts.
import type { Bytes } from '../../devices/ports.ts';
import type { Zlib } from '../host.ts';
import { crc32 } from '../store/crc32.ts';
import type { Section } from './container.ts';
import { makePageScan, type PageScan } from './page-scan.ts';
import { encodePlain } from './plain.ts';
import { chunkPages, pageSize, type PageTable } from './ram.ts';

/** Chunks that are on their way through zlib together, in threads of the host's: each takes a megabyte meanwhile. */
const atOnce = 16;
/** Bytes of RAM that are looked through in one call: an engine changes to its better code between calls. */
const scanBytes = 2 ** 20;

/**
 * Copies what is worth keeping of the memory from `start` on, a multiple of 4,096 bytes, and compresses it where there is a zlib:
 * in threads of the host's, while the rest is being looked through. When it returns the memory may change.
 */
export function saveRam(
  memory: WebAssembly.Memory,
  start: number,
  zlib: Pick<Zlib, 'deflate'> | undefined,
): Promise<Section[]> {
  const bytes = new Uint8Array(memory.buffer);
  const kept: number[] = [];
  const alike: number[] = [];
  const chunks: (Bytes | Promise<Bytes>)[] = [];
  const pageAt = (number: number): number => start + (kept[number] ?? 0) * pageSize;
  const finishChunk = (): void => {
    const first = chunks.length * chunkPages;
    const chunk = new Uint8Array((kept.length - first) * pageSize);
    for (let number = first; number < kept.length; number += 1) {
      const from = pageAt(number);
      chunk.set(bytes.subarray(from, from + pageSize), (number - first) * pageSize);
    }
    chunks.push(zlib === undefined ? chunk : pack(chunk, zlib, chunks.at(-atOnce)));
  };
  const scan = makePageScan(memory);
  /** Numbers of kept pages by a hash: pages of the same hash are compared. */
  const known = new Map<number, number[]>();
  for (const page of used(scan, start, bytes.length)) {
    const hash = scan.hash(page);
    const same = known.get(hash);
    const like = same?.find((number) => scan.same(page, pageAt(number)) !== 0);
    if (like !== undefined) {
      alike.push((page - start) / pageSize, like);
      continue;
    }
    if (same === undefined) known.set(hash, [kept.length]);
    else same.push(kept.length);
    kept.push((page - start) / pageSize);
    if (kept.length % chunkPages === 0) finishChunk();
  }
  if (kept.length > chunks.length * chunkPages) finishChunk();
  const count = (bytes.length - start) / pageSize;
  return sections({ count, kept: Int32Array.from(kept), alike: Int32Array.from(alike) }, chunks);
}

/** Pages that have anything but zeros. */
function* used(scan: PageScan, start: number, end: number): Generator<number> {
  for (let from = start; from < end; from += scanBytes) {
    const until = Math.min(from + scanBytes, end);
    for (let page = scan.next(from, until) >>> 0; page < until; page = scan.next(page + pageSize, until) >>> 0) {
      yield page;
    }
  }
}

/** As it was where it becomes no smaller. `before` is to be done before it begins. */
async function pack(
  chunk: Uint8Array<ArrayBuffer>,
  zlib: Pick<Zlib, 'deflate'>,
  before: Bytes | Promise<Bytes> | undefined,
): Promise<Bytes> {
  if (before !== undefined) await before;
  const packed = await zlib.deflate(chunk);
  return packed.length >= chunk.length ? chunk : packed;
}

async function sections(
  pages: Omit<PageTable, 'chunks'>,
  chunks: readonly (Bytes | Promise<Bytes>)[],
): Promise<Section[]> {
  // One that fails before its turn fails all the same.
  for (const chunk of chunks) if (chunk instanceof Promise) chunk.catch(() => undefined);
  const packed: Bytes[] = [];
  let checksum: number | undefined;
  for (const chunk of chunks) {
    const bytes = await chunk;
    packed.push(bytes);
    // While others are being compressed. Where none is, the hart shall not wait for it.
    if (chunk instanceof Promise) checksum = crc32(bytes, checksum);
  }
  const table: PageTable = { ...pages, chunks: Int32Array.from(packed, ({ length }) => length) };
  const bytes = new Uint8Array(packed.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of packed) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return [
    { name: 'pages', bytes: encodePlain({ ...table }) },
    { name: 'ram', bytes, checksum },
  ];
}
