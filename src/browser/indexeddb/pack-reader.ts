// Reads pieces out of packs. A pack of many pieces stays for a while: who reads one small file often reads its neighbours.
import type { Bytes } from '../../../devices/ports.ts';
import type { Place } from '../../store/medium.ts';

/** Packs that stay. Each has at most 1 MiB. */
const limit = 16;

export class PackReader {
  readonly #fetch: (pack: number) => Promise<Uint8Array<ArrayBuffer>>;
  /** In the order of use. */
  readonly #present = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly #onTheirWay = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(fetch: (pack: number) => Promise<Uint8Array<ArrayBuffer>>) {
    this.#fetch = fetch;
  }

  read(place: Place): Bytes | Promise<Bytes> {
    const present = this.#present.get(place.pack);
    if (present === undefined) return this.#readLater(place);
    this.#keep(place.pack, present);
    return present.slice(place.offset, place.offset + place.length);
  }

  forget(pack: number): void {
    this.#present.delete(pack);
  }

  async #readLater({ pack, offset, length }: Place): Promise<Bytes> {
    let coming = this.#onTheirWay.get(pack);
    if (coming === undefined) {
      coming = this.#fetch(pack).finally(() => this.#onTheirWay.delete(pack));
      this.#onTheirWay.set(pack, coming);
    }
    const bytes = await coming;
    // Nobody else has a part in it.
    if (length === bytes.length) return bytes;
    this.#keep(pack, bytes);
    return bytes.slice(offset, offset + length);
  }

  #keep(pack: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#present.delete(pack);
    this.#present.set(pack, bytes);
    for (const oldest of this.#present.keys()) {
      if (this.#present.size <= limit) break;
      this.#present.delete(oldest);
    }
  }
}
