// Guest RAM in a snapshot. A page of zeros costs nothing, one that another is like costs the two words that say so; the others
// are in chunks, which are compressed where the snapshot is to be small and they become so. zlib's format, level 1: on the RAM of
// a booted guest (12 MiB of 128 are not zero) 75 ms of processor time and 3.9 MB to write and 15 to 20 ms to read, where Brotli's
// quality 0 took 40 ms and 4.2 MB, and 35 to read. Node.js 20 has no zstd.
import type { Bytes } from '../../devices/ports.ts';
import type { Host, Zlib } from '../host.ts';
import { crc32 } from '../store/crc32.ts';
import { decodePlain, encodePlain, checkShape } from './plain.ts';
import type { Section } from './container.ts';
import type { SnapshotFile } from './container.ts';
import { makePageScan, type PageScan } from './page-scan.ts';
import { damaged } from './snapshot-error.ts';

const pageSize = 4096;
/** Pages of a chunk: 2 MiB. */
const chunkPages = 512;
/** Chunks that are on their way through zlib together, in threads of the host's: each takes a megabyte meanwhile. */
const atOnce = 16;
/** Bytes of RAM that are looked through in one call: an engine changes to its better code between calls. */
const scanBytes = 2 ** 20;

interface PageTable {
  /** Pages of RAM in all. */
  readonly count: number;
  /** Of the pages that are kept, in the order in which their bytes follow each other. */
  readonly kept: Int32Array<ArrayBuffer>;
  /** Pages that are like one that is kept, each before the number of that in `kept`. */
  readonly alike: Int32Array<ArrayBuffer>;
  /** Lengths of the chunks, each of its own where it is not compressed. */
  readonly chunks: Int32Array<ArrayBuffer>;
}

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

/** Puts back what `saveRam` has kept, into RAM that is all zeros. Throws SnapshotError 'bad-file'. */
export async function restoreRam(file: SnapshotFile, ram: Bytes, host: Pick<Host, 'zlib'>): Promise<void> {
  const { count, kept, alike, chunks } = readTable(file);
  if (count * pageSize !== ram.length) throw damaged('its pages');
  const bytes = file.section('ram');
  let at = 0;
  const restoreChunk = async (packed: Bytes, index: number): Promise<void> => {
    const pages = kept.subarray(index * chunkPages, (index + 1) * chunkPages);
    const length = pages.length * pageSize;
    const chunk = packed.length === length ? packed : await inflate(await host.zlib(), packed, length);
    let first = 0;
    // Neighbours together: most pages have some.
    for (let next = 1; next <= pages.length; next += 1) {
      if (pages[next] === (pages[next - 1] ?? 0) + 1) continue;
      ram.set(chunk.subarray(first * pageSize, next * pageSize), (pages[first] ?? 0) * pageSize);
      first = next;
    }
  };
  for (let first = 0; first < chunks.length; first += atOnce) {
    const some: Promise<void>[] = [];
    for (const [place, length] of chunks.subarray(first, first + atOnce).entries()) {
      some.push(restoreChunk(bytes.subarray(at, at + length), first + place));
      at += length;
    }
    await Promise.all(some);
  }
  for (let pair = 0; pair < alike.length; pair += 2) {
    const from = (kept[alike[pair + 1] ?? 0] ?? 0) * pageSize;
    ram.copyWithin((alike[pair] ?? 0) * pageSize, from, from + pageSize);
  }
}

async function inflate(zlib: Pick<Zlib, 'inflate'>, bytes: Bytes, length: number): Promise<Bytes> {
  try {
    const chunk = await zlib.inflate(bytes, length);
    if (chunk.length === length) return chunk;
  } catch {
    // What is no stream of zlib's is as bad as one of another length.
  }
  throw damaged('section ram');
}

function readTable(file: SnapshotFile): PageTable {
  const what = 'section pages';
  const value = decodePlain(file.section('pages'), what) as unknown;
  checkShape(value, { count: 0, kept: new Int32Array(0), alike: new Int32Array(0), chunks: new Int32Array(0) }, what);
  const table = value as PageTable;
  const { count, kept, alike, chunks } = table;
  const isPage = (page: number): boolean => page >= 0 && page < count;
  if (!kept.every(isPage) || chunks.length !== Math.ceil(kept.length / chunkPages)) throw damaged(what);
  if (alike.length % 2 !== 0 || chunks.some((length) => length < 0)) throw damaged(what);
  for (const [index, number] of alike.entries()) {
    if (index % 2 === 0 ? !isPage(number) : number < 0 || number >= kept.length) throw damaged(what);
  }
  return table;
}
