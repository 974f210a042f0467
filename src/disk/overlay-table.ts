// Which sectors of a disk its overlay has, and where: the table as it is in memory, and how it comes into the file.
import { sectorSize } from '../../devices/disk/disk.ts';
import type { DiskFile } from './disk-file.ts';
import {
  clusterLength,
  clustersOf,
  damaged,
  dataStart,
  decodeEntry,
  encodeEntry,
  entryLength,
  headerLength,
  sectorsOfCluster,
  wordsOfEntry,
} from './overlay-format.ts';

/** Bytes of the table that are read at a time. */
const readLength = 2 ** 20;
/** Entries that lie together are written together, in sectors of the file. */
const entriesOfSector = sectorSize / entryLength;

/** Part of what is asked for: in the file of the overlay at `at`, zeros, or the base's. `start` counts from the first byte. */
export interface Run {
  readonly kind: 'own' | 'zero' | 'base';
  readonly at: number;
  readonly start: number;
  readonly length: number;
}

/** Entries as they are to be in the file, and the clusters that are free once they are. */
export interface TableChanges {
  readonly indexes: readonly number[];
  readonly writes: readonly { readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }[];
  readonly freed: readonly number[];
}

export class OverlayTable {
  readonly #size: number;
  readonly #dataStart: number;
  /** By cluster of the disk: the cluster of the file, or 0. */
  readonly #clusters: Uint32Array<ArrayBuffer>;
  readonly #sectors: Uint32Array<ArrayBuffer>;
  /** Entries that differ from those in the file. */
  #changed = new Set<number>();
  /** Clusters of the file that entries in the file may still name. */
  #freed: number[] = [];
  #free: number[] = [];
  /** The first cluster behind all that are used. */
  #end = 1;

  constructor(size: number) {
    this.#size = size;
    this.#dataStart = dataStart(size);
    this.#clusters = new Uint32Array(clustersOf(size));
    this.#sectors = new Uint32Array(clustersOf(size) * wordsOfEntry);
  }

  /** Reads the table. Throws DiskError where it is damaged, or the file ends before what it tells of. */
  load(file: DiskFile): void {
    const fileSize = file.size();
    const tableLength = this.#clusters.length * entryLength;
    const used = new Set<number>();
    const buffer = new Uint8Array(Math.min(readLength, tableLength));
    for (let at = 0; at < tableLength; at += readLength) {
      // A table that was never written to its end is zeros there.
      const part = buffer.subarray(
        0,
        Math.max(0, Math.min(tableLength, at + readLength, fileSize - headerLength) - at),
      );
      if (part.length === 0) break;
      file.read(headerLength + at, [part]);
      const whole = part.length - (part.length % entryLength);
      for (let entry = 0; entry < whole; entry += entryLength) {
        this.#loadEntry(part.subarray(entry, entry + entryLength), (at + entry) / entryLength, fileSize, used);
      }
    }
    for (let cluster = 1; cluster < this.#end; cluster++) if (!used.has(cluster)) this.#free.push(cluster);
  }

  #loadEntry(bytes: Uint8Array<ArrayBuffer>, index: number, fileSize: number, used: Set<number>): void {
    const words = this.#words(index);
    const cluster = decodeEntry(bytes, index, words);
    if (cluster === undefined || cluster === 0) return;
    const last = words.findLastIndex((word) => word !== 0);
    const sectors = last < 0 ? 0 : last * 32 + 32 - Math.clz32(words[last] as number);
    if (this.#position(cluster) + sectors * sectorSize > fileSize) {
      throw damaged(`it has ${fileSize} bytes, and its table tells of more`);
    }
    if (used.has(cluster)) throw damaged(`entry ${index} of its table names the place of another`);
    used.add(cluster);
    this.#clusters[index] = cluster;
    this.#end = Math.max(this.#end, cluster + 1);
  }

  /** Where the bytes of the disk from `offset` on are. */
  find(offset: number, length: number): Run[] {
    const runs: Run[] = [];
    const end = (offset + length) / sectorSize;
    let last: { kind: Run['kind']; at: number; start: number; length: number } | undefined;
    for (let sector = offset / sectorSize; sector < end;) {
      const word = this.#sectors[Math.floor(sector / 32)] as number;
      const cluster = this.#clusters[Math.floor(sector / sectorsOfCluster)] as number;
      // Mostly a word is all ones or all zeros.
      const isUniform = sector % 32 === 0 && end - sector >= 32 && (word === 0 || word === 0xffff_ffff);
      const count = isUniform ? 32 : 1;
      const isOwn = ((word >>> (sector % 32)) & 1) === 1;
      const kind = isOwn ? (cluster === 0 ? 'zero' : 'own') : 'base';
      const at = kind === 'own' ? this.#position(cluster) + (sector % sectorsOfCluster) * sectorSize : 0;
      if (last !== undefined && last.kind === kind && (kind !== 'own' || last.at + last.length === at)) {
        last.length += count * sectorSize;
      } else {
        last = { kind, at, start: sector * sectorSize - offset, length: count * sectorSize };
        runs.push(last);
      }
      sector += count;
    }
    return runs;
  }

  /**
   * Where a write to part of one cluster goes: a cluster of its own is taken for it. Sectors that were zeros without room are
   * to be written as such: `fill` is called for each run of them that the write does not cover.
   */
  place(offset: number, length: number, fill: (at: number, length: number) => void): number {
    const index = Math.floor(offset / clusterLength);
    const inside = offset % clusterLength;
    const present = this.#clusters[index] as number;
    if (present !== 0) return this.#position(present) + inside;
    const cluster = this.#free.pop() ?? this.#end++;
    const at = this.#position(cluster);
    try {
      const start = index * clusterLength;
      for (const run of this.find(start, Math.min(clusterLength, this.#size - start))) {
        if (run.kind !== 'zero') continue;
        const before = Math.min(run.start + run.length, inside) - run.start;
        if (before > 0) fill(at + run.start, before);
        const behind = Math.max(run.start, inside + length);
        if (behind < run.start + run.length) fill(at + behind, run.start + run.length - behind);
      }
    } catch (error) {
      this.#free.push(cluster);
      throw error;
    }
    this.#clusters[index] = cluster;
    return at + inside;
  }

  /** Whether nothing of the cluster that `offset` is in takes room in the file. */
  isUnplaced(offset: number): boolean {
    return this.#clusters[Math.floor(offset / clusterLength)] === 0;
  }

  /** What was placed is in the file, or part of a cluster without room is zero. Within one cluster. */
  mark(offset: number, length: number): void {
    const index = Math.floor(offset / clusterLength);
    const words = this.#words(index);
    const first = (offset % clusterLength) / sectorSize;
    for (let sector = first; sector < first + length / sectorSize; sector++) {
      words[sector >>> 5] = ((words[sector >>> 5] as number) | (1 << (sector & 31))) >>> 0;
    }
    this.#changed.add(index);
  }

  /** A whole cluster is zeros from now on: what it had in the file is free after the next commit. */
  clear(offset: number): void {
    const index = Math.floor(offset / clusterLength);
    const cluster = this.#clusters[index] as number;
    if (cluster !== 0) this.#freed.push(cluster);
    this.#clusters[index] = 0;
    this.mark(index * clusterLength, Math.min(clusterLength, this.#size - index * clusterLength));
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** What has to be written: copied, as the table goes on changing while data is flushed. */
  takeChanges(): TableChanges {
    const indexes = [...this.#changed].sort((one, other) => one - other);
    const freed = this.#freed;
    this.#changed = new Set();
    this.#freed = [];
    const sectors = new Set(indexes.map((index) => Math.floor(index / entriesOfSector)));
    const writes = [...sectors].map((sector) => {
      const bytes = new Uint8Array(sectorSize);
      for (let entry = 0; entry < entriesOfSector; entry++) {
        const index = sector * entriesOfSector + entry;
        const words = this.#words(index);
        if (words.every((word) => word === 0)) continue;
        const into = bytes.subarray(entry * entryLength, (entry + 1) * entryLength);
        encodeEntry(into, index, this.#clusters[index] as number, words);
      }
      return { offset: headerLength + sector * sectorSize, bytes };
    });
    return { indexes, writes, freed };
  }

  /** The changes are in the file. */
  committed({ freed }: TableChanges): void {
    this.#free.push(...freed);
  }

  /** The changes did not come into the file, or not all of them. */
  putBack({ indexes, freed }: TableChanges): void {
    for (const index of indexes) this.#changed.add(index);
    this.#freed.push(...freed);
  }

  #position(cluster: number): number {
    return this.#dataStart + (cluster - 1) * clusterLength;
  }

  #words(index: number): Uint32Array<ArrayBuffer> {
    return this.#sectors.subarray(index * wordsOfEntry, (index + 1) * wordsOfEntry);
  }
}
