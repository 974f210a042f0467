// Guest RAM in a snapshot. A page of zeros costs nothing, one that another is like costs the two words that say so; the others
// are in chunks, which are compressed where the snapshot is to be small and they become so. zlib's format, level 1: on the RAM of
// a booted guest (12 MiB of 128 are not zero) 82 ms and 3.9 MB to write and 20 to 30 ms to read, where Brotli's quality 0 took
// 40 ms and 4.2 MB, and 35 to read. Node.js 20 has no zstd.
import type { Bytes } from '../../devices/ports.ts';
import type { Host, Zlib } from '../host.ts';
import { decodePlain, encodePlain, checkShape } from './plain.ts';
import type { Section } from './container.ts';
import type { SnapshotFile } from './container.ts';
import { damaged } from './snapshot-error.ts';

const pageSize = 4096;
const pageWords = pageSize / 4;
/** Pages of a chunk: 2 MiB. */
const chunkPages = 512;
/** Chunks that are on their way through zlib together, in threads of the host's. */
const atOnce = 4;

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
 * Copies what is worth keeping of RAM, a multiple of 4,096 bytes long, and returns what makes sections of it: from then on RAM
 * may change.
 */
export function saveRam(ram: Bytes): (zlib: Pick<Zlib, 'deflate'> | undefined) => Promise<Section[]> {
  const { kept, alike } = sortPages(new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4));
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let first = 0; first < kept.length; first += chunkPages) {
    const pages = kept.slice(first, first + chunkPages);
    const chunk = new Uint8Array(pages.length * pageSize);
    for (const [index, page] of pages.entries()) {
      chunk.set(ram.subarray(page * pageSize, (page + 1) * pageSize), index * pageSize);
    }
    chunks.push(chunk);
  }
  const pages = { count: ram.length / pageSize, kept: Int32Array.from(kept), alike: Int32Array.from(alike) };
  return (zlib) => compress(pages, chunks, zlib);
}

async function compress(
  pages: Omit<PageTable, 'chunks'>,
  chunks: readonly Uint8Array<ArrayBuffer>[],
  zlib: Pick<Zlib, 'deflate'> | undefined,
): Promise<Section[]> {
  const compressed: Bytes[] = [];
  for (let first = 0; first < chunks.length; first += atOnce) {
    const some = chunks.slice(first, first + atOnce).map(async (chunk) => {
      const packed = await zlib?.deflate(chunk);
      // One of its own length is as it was.
      return packed === undefined || packed.length >= chunk.length ? chunk : packed;
    });
    compressed.push(...(await Promise.all(some)));
  }
  const table: PageTable = { ...pages, chunks: Int32Array.from(compressed, ({ length }) => length) };
  const bytes = new Uint8Array(compressed.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of compressed) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return [
    { name: 'pages', bytes: encodePlain({ ...table }) },
    { name: 'ram', bytes },
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

function sortPages(words: Int32Array<ArrayBufferLike>): { kept: number[]; alike: number[] } {
  const kept: number[] = [];
  const alike: number[] = [];
  /** By a hash: pages of the same hash are compared. */
  const known = new Map<number, number[]>();
  for (let first = 0; first < words.length; first += pageWords) {
    if (isZero(words, first)) continue;
    const hash = hashOf(words, first);
    const same = known.get(hash);
    const like = same?.find((number) => isEqual(words, first, (kept[number] ?? 0) * pageWords));
    if (like !== undefined) {
      alike.push(first / pageWords, like);
      continue;
    }
    if (same === undefined) known.set(hash, [kept.length]);
    else same.push(kept.length);
    kept.push(first / pageWords);
  }
  return { kept, alike };
}

function isZero(words: Int32Array<ArrayBufferLike>, first: number): boolean {
  for (let index = first; index < first + pageWords; index += 1) if (words[index] !== 0) return false;
  return true;
}

function isEqual(words: Int32Array<ArrayBufferLike>, one: number, other: number): boolean {
  for (let index = 0; index < pageWords; index += 1) if (words[one + index] !== words[other + index]) return false;
  return true;
}

function hashOf(words: Int32Array<ArrayBufferLike>, first: number): number {
  let hash = 1;
  for (let index = first; index < first + pageWords; index += 1) {
    hash = Math.imul(hash ^ (words[index] ?? 0), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
