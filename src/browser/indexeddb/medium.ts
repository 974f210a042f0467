// IndexedDB as a store's medium: frames in one object store, packs of data in another, a commit is one transaction.
import type { DBSchema, IDBPDatabase } from 'idb';
import type { Bytes } from '../../../devices/ports.ts';
import { readFrame, readHeader } from '../../store/frame.ts';
import type { Frame } from '../../store/frame.ts';
import type { Commit, Medium, Place } from '../../store/medium.ts';
import { StoreError } from '../../store/store-error.ts';
import { availableStorage, storageError } from '../storage-error.ts';
import { PackReader } from './pack-reader.ts';
import { PackUse } from './pack-use.ts';
import { gatherPacks } from './packs.ts';
import type { Pack } from './packs.ts';

export interface Schema extends DBSchema {
  /** Frames by their sequence numbers. */
  journal: { key: number; value: Uint8Array<ArrayBuffer> };
  packs: { key: number; value: Uint8Array<ArrayBuffer> };
}

/** 64 KiB reach a tenth of the throughput of 1 MiB. */
const chunkLength = 2 ** 20;
/** What one transaction takes without making others wait for long. */
const dirtyLimit = 16 * 2 ** 20;
/** It takes milliseconds to get it again. */
const cacheLimit = 64 * 2 ** 20;

export class IndexedDbMedium implements Medium {
  readonly chunkLength = chunkLength;
  readonly dirtyLimit = dirtyLimit;
  readonly cacheLimit = cacheLimit;
  readonly alwaysStrict = false;
  readonly #database: IDBPDatabase<Schema>;
  readonly #release: () => void;
  readonly #reader: PackReader;
  /** The packs that the journal refers to. */
  readonly #use = new PackUse();
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
    for (const place of places) this.#use.add(place);
    const keys = new Set(await this.#database.getAllKeys('packs'));
    for (const pack of this.#use.packs) {
      if (!keys.has(pack)) throw new StoreError('damaged', `the data that the journal calls ${pack} is missing`);
    }
    for (const key of keys) this.#nextPack = Math.max(this.#nextPack, key + 1);
    const orphans = [...keys].filter((key) => !this.#use.has(key));
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

  async commit(commit: Commit): Promise<void> {
    const packs = this.#staged;
    this.#staged = [];
    const dead = this.#use.remove(commit.freed);
    try {
      await this.#store(commit, packs, dead);
    } catch (error) {
      for (const place of commit.freed) this.#use.add(place);
      throw storageError(error);
    }
    for (const { number, bytes } of packs) this.#use.add({ pack: number, offset: 0, length: bytes.length });
    for (const pack of dead) this.#reader.forget(pack);
  }

  worn(): ReadonlySet<number> {
    return this.#use.worn();
  }

  available(): Promise<number> {
    return availableStorage();
  }

  close(): void {
    this.#database.close();
    this.#release();
  }

  async #store({ frame, kind, strict }: Commit, packs: readonly Pack[], dead: readonly number[]): Promise<void> {
    const { sequence } = readHeader(frame, 0) ?? raise('a commit of what is no frame');
    const durability = strict ? 'strict' : 'relaxed';
    const transaction = this.#database.transaction(['journal', 'packs'], 'readwrite', { durability });
    const steps: Promise<unknown>[] = [transaction.done];
    try {
      const journal = transaction.objectStore('journal');
      const data = transaction.objectStore('packs');
      for (const { number, bytes } of packs) steps.push(data.put(bytes, number));
      // A value is stored with all of its buffer.
      steps.push(journal.put(frame.slice(), sequence));
      if (kind === 'snapshot') steps.push(journal.delete(IDBKeyRange.upperBound(sequence, true)));
      for (const pack of dead) steps.push(data.delete(pack));
    } catch (error) {
      // Half of it must not be stored.
      transaction.abort();
      await Promise.allSettled(steps);
      throw error;
    }
    await Promise.all(steps);
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
