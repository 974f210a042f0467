// Guest RAM in a snapshot. A page of zeros costs nothing, one that another is like costs the two words that say so; the others
// are in chunks, which are compressed where the snapshot is to be small and they become so. zlib's format, level 1: on the RAM of
// a booted guest (12 MiB of 128 are not zero) 75 ms of processor time and 3.9 MB to write and 15 to 20 ms to read, where Brotli's
// quality 0 took 40 ms and 4.2 MB, and 35 to read. Node.js 20 has no zstd.
import type { Bytes } from '../../devices/ports.ts';
import type { Zlib } from '../host.ts';
import type { Sections } from './container.ts';
import { decodePlain, checkShape } from './plain.ts';
import { damaged } from './snapshot-error.ts';

export const pageSize = 4096;
/** Pages of a chunk: 2 MiB. */
export const chunkPages = 512;
/** Chunks that are on their way through zlib together, in threads of the host's: each takes two megabytes meanwhile. */
const atOnce = 8;

export interface PageTable {
  /** Pages of RAM in all. */
  readonly count: number;
  /** Of the pages that are kept, in the order in which their bytes follow each other. */
  readonly kept: Int32Array<ArrayBuffer>;
  /** Pages that are like one that is kept, each before the number of that in `kept`. */
  readonly alike: Int32Array<ArrayBuffer>;
  /** Lengths of the chunks, each of its own where it is not compressed. */
  readonly chunks: Int32Array<ArrayBuffer>;
}

/** What restoring needs of whichever thread it happens in. */
export interface Unzipping {
  zlib(): Promise<Pick<Zlib, 'inflate'>>;
}

/** Puts back what `saveRam` has kept, into RAM that is all zeros. Throws SnapshotError 'bad-file'. */
export async function restoreRam(file: Sections, ram: Bytes, host: Unzipping): Promise<void> {
  const { count, kept, alike, chunks } = readTable(file);
  if (count * pageSize !== ram.length) throw damaged('its pages');
  const { bytes, check } = file.unchecked('ram');
  const pagesOf = (index: number): Int32Array => kept.subarray(index * chunkPages, (index + 1) * chunkPages);
  const isPacked = chunks.some((length, index) => length !== pagesOf(index).length * pageSize);
  // At once, so that of the first chunks all are under way when `round` returns.
  const zlib = isPacked ? await host.zlib() : undefined;
  let at = 0;
  const restoreChunk = async (packed: Bytes, index: number): Promise<void> => {
    const pages = pagesOf(index);
    const length = pages.length * pageSize;
    const chunk = packed.length === length ? packed : await inflate(zlib, packed, length);
    let first = 0;
    // Neighbours together: most pages have some.
    for (let next = 1; next <= pages.length; next += 1) {
      if (pages[next] === (pages[next - 1] ?? 0) + 1) continue;
      ram.set(chunk.subarray(first * pageSize, next * pageSize), (pages[first] ?? 0) * pageSize);
      first = next;
    }
  };
  const round = (first: number): Promise<unknown> =>
    Promise.all(
      Array.from(chunks.subarray(first, first + atOnce), (length, place) => {
        at += length;
        return restoreChunk(bytes.subarray(at - length, at), first + place);
      }),
    );
  const begun = round(0);
  // What is no stream of zlib's is found by the checksum as well.
  begun.catch(() => undefined);
  // A millisecond for each megabyte, while zlib's threads are at work.
  check();
  await begun;
  for (let first = atOnce; first < chunks.length; first += atOnce) await round(first);
  for (let pair = 0; pair < alike.length; pair += 2) {
    const from = (kept[alike[pair + 1] ?? 0] ?? 0) * pageSize;
    ram.copyWithin((alike[pair] ?? 0) * pageSize, from, from + pageSize);
  }
}

async function inflate(zlib: Pick<Zlib, 'inflate'> | undefined, bytes: Bytes, length: number): Promise<Bytes> {
  try {
    const chunk = await zlib?.inflate(bytes, length);
    if (chunk?.length === length) return chunk;
  } catch {
    // What is no stream of zlib's is as bad as one of another length.
  }
  throw damaged('section ram');
}

function readTable(file: Sections): PageTable {
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
