// IndexedDB as a store's medium: frames in one object store, packs of data in another, a commit is one transaction.
import type { DBSchema, IDBPDatabase } from 'idb';
import type { Bytes } from '../../../devices/ports.ts';
import { readFrame } from '../../store/frame.ts';
import type { Frame } from '../../store/frame.ts';
import type { Commit, Medium, Place } from '../../store/medium.ts';
import { StoreError } from '../../store/store-error.ts';
import { availableStorage, storageError } from '../storage-error.ts';
import { PackReader } from './pack-reader.ts';
import { gatherPacks } from './packs.ts';
import type { Pack } from './packs.ts';

export interface Schema extends DBSchema {
  /** Frames by their sequence numbers. */
  journal: { key: number; value: Uint8Array<ArrayBuffer> };
  packs: { key: number; value: Uint8Array<ArrayBuffer> };
}

/** 64 KiB reach a tenth of the throughput of 1 MiB. */
const chunkLength = 2 ** 20;

export class IndexedDbMedium implements Medium {
  readonly chunkLength = chunkLength;
  readonly alwaysStrict = false;
  readonly #database: IDBPDatabase<Schema>;
  readonly #release: () => void;
  readonly #reader: PackReader;
  /** Bytes of each pack that the journal refers to. */
  readonly #live = new Map<number, number>();
  /** Written, and not in a commit yet. */
  #staged: readonly Pack[] = [];
  #nextPack = 1;

  /** `release` gives up the ownership of the database. */
  constructor(database: IDBPDatabase<Schema>, release: () => void) {
    this.#database = database;
    this.#release = release;
    this.#reader = new PackReader((pack) => this.#fetch(pack));
  }

  async open(): Promise<readonly Frame[]> {
    const transaction = this.#database.transaction('journal');
    const [keys, values] = await Promise.all([transaction.store.getAllKeys(), transaction.store.getAll()]);
    const first = keys[0] ?? 0;
    return values.map((bytes, index) => {
      const frame = readFrame(bytes, 0);
      const expected = first + index;
      if (frame?.sequence !== expected || keys[index] !== expected) {
        throw new StoreError('damaged', `commit ${expected} of the journal is damaged or missing`);
      }
      return frame;
    });
  }

  async adopt(places: Iterable<Place>): Promise<void> {
    for (const { pack, length } of places) this.#live.set(pack, (this.#live.get(pack) ?? 0) + length);
    const keys = new Set(await this.#database.getAllKeys('packs'));
    for (const pack of this.#live.keys()) {
      if (!keys.has(pack)) throw new StoreError('damaged', `the data that the journal calls ${pack} is missing`);
    }
    for (const key of keys) this.#nextPack = Math.max(this.#nextPack, key + 1);
    const orphans = [...keys].filter((key) => !this.#live.has(key));
    if (orphans.length === 0) return;
    const transaction = this.#database.transaction('packs', 'readwrite');
    await Promise.all([...orphans.map((key) => transaction.store.delete(key)), transaction.done]);
  }

  read(place: Place): Bytes | Promise<Bytes> {
    return this.#reader.read(place);
  }

  write(pieces: readonly Bytes[]): readonly Place[] {
    const { packs, places } = gatherPacks(pieces, this.#nextPack);
    this.#staged = [...this.#staged, ...packs];
    this.#nextPack += packs.length;
    return places;
  }

  discard(): void {
    // What no commit has named is in no transaction either.
  }

  async commit({ frame, kind, strict, freed }: Commit): Promise<void> {
    const packs = this.#staged;
    this.#staged = [];
    const { sequence } = readFrame(frame, 0) ?? raise('a commit of what is no frame');
    const dead = this.#forget(freed);
    try {
      const durability = strict ? 'strict' : 'relaxed';
      const transaction = this.#database.transaction(['journal', 'packs'], 'readwrite', { durability });
      const journal = transaction.objectStore('journal');
      const data = transaction.objectStore('packs');
      const steps: Promise<unknown>[] = packs.map(({ number, bytes }) => data.put(bytes, number));
      // A value is copied with all of its buffer.
      steps.push(journal.put(frame.slice(), sequence));
      if (kind === 'snapshot') steps.push(journal.delete(IDBKeyRange.upperBound(sequence, true)));
      for (const pack of dead) steps.push(data.delete(pack));
      await Promise.all([...steps, transaction.done]);
    } catch (error) {
      for (const { pack, length } of freed) this.#live.set(pack, (this.#live.get(pack) ?? 0) + length);
      throw storageError(error);
    }
    for (const { number, bytes } of packs) this.#live.set(number, bytes.length);
    for (const pack of dead) this.#reader.forget(pack);
  }

  available(): Promise<number> {
    return availableStorage();
  }

  close(): void {
    this.#database.close();
    this.#release();
  }

  /** Takes the places off the count. Returns the packs of which nothing is left. */
  #forget(places: readonly Place[]): readonly number[] {
    const dead: number[] = [];
    for (const { pack, length } of places) {
      const left = (this.#live.get(pack) ?? raise(`pack ${pack} is not counted`)) - length;
      if (left === 0) {
        this.#live.delete(pack);
        dead.push(pack);
      } else this.#live.set(pack, left);
    }
    return dead;
  }

  async #fetch(pack: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return (await this.#database.get('packs', pack)) ?? raise(`pack ${pack} is not in the database`);
    } catch (error) {
      throw storageError(error);
    }
  }
}

function raise(message: string): never {
  throw new Error(message);
}
