// How the journal puts values into bytes: the kinds of fields, and what reads and writes a body by its table.
import type { Bytes } from '../../devices/ports.ts';
import { StoreError } from './store-error.ts';

/** A number from 0 to 2^53 - 1, seven bits a byte, the lowest first. */
export const int = 'int';
/** 64 bits with a sign. */
export const i64 = 'i64';
/** A length and as many bytes. */
export const bytes = 'bytes';

export type Field = typeof int | typeof i64 | typeof bytes;
export type Fields = Readonly<Record<string, Field>>;
type Value<F extends Field> = F extends typeof int ? number : F extends typeof i64 ? bigint : Bytes;
export type Values<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> };
export type AnyBody = Readonly<Record<string, number | bigint | Bytes>>;
/** A table, for the code that goes through it. */
export type Columns = readonly (readonly [name: string, field: Field])[];

const two31 = 2 ** 31;

export class FieldWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written, until something else is. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  body(columns: Columns, body: AnyBody): void {
    for (const [name, field] of columns) {
      const value = body[name];
      if (field === int) this.int(value as number);
      else if (field === i64) this.#i64(value as bigint);
      else this.#block(value as Bytes);
    }
  }

  int(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= two31) {
      this.#bytes[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      this.#bytes[this.length++] = rest | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.length++] = rest;
  }

  #i64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.length, value, true);
    this.length += 8;
  }

  #block(value: Bytes): void {
    this.int(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.length);
    this.length += value.length;
  }

  #reserve(length: number): void {
    if (this.length + length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + length));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

export class FieldReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  body(columns: Columns): AnyBody {
    const body: Record<string, number | bigint | Bytes> = {};
    for (const [name, field] of columns) {
      body[name] = field === int ? this.int() : field === i64 ? this.#i64() : this.#block();
    }
    return body;
  }

  int(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#short();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
  }

  #i64(): bigint {
    const at = this.#at;
    this.#at += 8;
    if (this.#at > this.#bytes.length) throw this.#short();
    return this.#view.getBigInt64(at, true);
  }

  #block(): Bytes {
    const length = this.int();
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw this.#short();
    return this.#bytes.slice(at, at + length);
  }

  #short(): StoreError {
    return new StoreError('damaged', 'a record of the journal ends within a field');
  }
}
