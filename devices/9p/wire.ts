// How 9P2000.L puts values into bytes: the kinds of fields, and what reads and writes a body by its table.
// Specification: the Plan 9 manual, section 5 (intro), and diod's protocol.md for 9P2000.L. Little endian throughout.
import type { Bytes } from '../ports.ts';
import { Errno } from './errno.ts';

/** A server's name for a file, unique for as long as the file exists. */
export interface Qid {
  /** `qidType` bits. */
  readonly type: number;
  readonly version: number;
  readonly path: bigint;
}

export const qidType = { folder: 0x80, link: 0x02, file: 0x00 } as const;

export const u8 = { kind: 'u8' } as const;
export const u16 = { kind: 'u16' } as const;
export const u32 = { kind: 'u32' } as const;
/** 64 bits, exact. */
export const u64 = { kind: 'u64' } as const;
/** 64 bits as a number: exact up to 2^53, rounded but still above it beyond. For offsets and sizes. */
export const size64 = { kind: 'size64' } as const;
/** Seconds and nanoseconds, 64 bits each, as nanoseconds since 1970. */
export const time = { kind: 'time' } as const;
/** A length in 16 bits and as many bytes. Not text: names may be any bytes. */
export const str = { kind: 'str' } as const;
export const qid = { kind: 'qid' } as const;
/** A length in 32 bits whose bytes end the message. They stay in the segments; the value is the length alone. */
export const payload = { kind: 'payload' } as const;

export type Scalar =
  | typeof u8
  | typeof u16
  | typeof u32
  | typeof u64
  | typeof size64
  | typeof time
  | typeof str
  | typeof qid
  | typeof payload;

export interface List<E extends Scalar> {
  readonly kind: 'list';
  readonly element: E;
  readonly limit: number;
}

/** A count in 16 bits, at most `limit`, and as many elements. */
export function list<E extends Scalar>(element: E, limit: number): List<E> {
  return { kind: 'list', element, limit };
}

export type Field = Scalar | List<Scalar>;
export type Fields = Readonly<Record<string, Field>>;

/** A line of a table, for the code that goes through tables. */
export interface NamedField {
  readonly name: string;
  readonly field: Field;
}

/** The value of a field. */
export type Value<F extends Field> = F extends typeof u8 | typeof u16 | typeof u32 | typeof size64 | typeof payload
  ? number
  : F extends typeof u64 | typeof time
    ? bigint
    : F extends typeof str
      ? Bytes
      : F extends typeof qid
        ? Qid
        : F extends List<infer E>
          ? readonly Value<E>[]
          : never;

/** The value of a body, by its table. */
export type Values<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> };

/** A body of any table, for the code that goes through tables. */
export type AnyBody = Record<string, number | bigint | Bytes | Qid | readonly (number | bigint | Bytes | Qid)[]>;

/** The fewest bytes that a body of this table takes. */
export function minimumLength(fields: Fields): number {
  const lengths = { u8: 1, u16: 2, u32: 4, u64: 8, size64: 8, time: 16, str: 2, qid: 13, payload: 4, list: 2 };
  return Object.values(fields).reduce((sum, field) => sum + lengths[field.kind], 0);
}

const second = 1_000_000_000;
const two32 = 2 ** 32;
/** Up to this length a loop over the bytes is faster than a slice (measured in V8). */
const shortString = 64;
/** Up to this length messages have views that are kept. */
const longestKept = 256;

// Splits 64 bits into words without arithmetic on bigints, which is slow, as DataView's methods for them are: calls in V8.
const whole = new BigInt64Array(1);
const unsigned = new BigUint64Array(whole.buffer);
const wholeWords = new Uint32Array(whole.buffer);

/** Reads fields from private memory. What does not fit the table is EINVAL. */
export class Reader {
  #bytes: Bytes;
  #view: DataView;
  #at = 0;
  #end = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Room for `length` bytes from the start on; what is there already stays. */
  reserve(length: number): Bytes {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#bytes;
  }

  /** The next values are those from `at` to `end`. */
  seek(at: number, end: number): void {
    this.#at = at;
    this.#end = end;
  }

  /** Reads a body that ends the message, where only a payload may be left (which is outside this memory). */
  body(fields: readonly NamedField[], payloadLength: number): AnyBody {
    const body: AnyBody = {};
    let expected = 0;
    for (const { name, field } of fields) {
      if (field.kind === 'payload') expected = this.u32();
      body[name] = field.kind === 'payload' ? expected : field.kind === 'list' ? this.#list(field) : this.#value(field);
    }
    this.finish(expected, payloadLength);
    return body;
  }

  /** Refuses a message of which fields are left, or whose payload (outside this memory) is not as long as it says. */
  finish(expected: number, payloadLength: number): void {
    if (this.#at !== this.#end || expected !== payloadLength) throw new Errno('EINVAL', 'message of a wrong length');
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    const at = this.#take(8);
    wholeWords[0] = this.#view.getUint32(at, true);
    wholeWords[1] = this.#view.getUint32(at + 4, true);
    return unsigned[0] as bigint;
  }

  size64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * two32;
  }

  #time(): bigint {
    const at = this.#take(16);
    return this.#view.getBigInt64(at, true) * 1_000_000_000n + this.#view.getBigUint64(at + 8, true);
  }

  str(): Bytes {
    const length = this.u16();
    const at = this.#take(length);
    if (length > shortString) return this.#bytes.slice(at, at + length);
    const value = new Uint8Array(length);
    for (let i = 0; i < length; i++) value[i] = this.#bytes[at + i] as number;
    return value;
  }

  /** A list of at most `limit` strs. */
  strs(limit: number): Bytes[] {
    const values: Bytes[] = [];
    for (let count = this.#count(limit); count > 0; count--) values.push(this.str());
    return values;
  }

  #value(field: Scalar): number | bigint | Bytes | Qid {
    switch (field.kind) {
      case 'u32':
        return this.u32();
      case 'u64':
        return this.u64();
      case 'size64':
        return this.size64();
      case 'str':
        return this.str();
      case 'u8':
        return this.u8();
      case 'u16':
        return this.u16();
      case 'time':
        return this.#time();
      case 'qid':
        return { type: this.u8(), version: this.u32(), path: this.u64() };
      default:
        field satisfies typeof payload;
        return this.u32();
    }
  }

  #list({ element, limit }: List<Scalar>): (number | bigint | Bytes | Qid)[] {
    const values = [];
    for (let count = this.#count(limit); count > 0; count--) values.push(this.#value(element));
    return values;
  }

  #count(limit: number): number {
    const count = this.u16();
    if (count > limit) throw new Errno('EINVAL', `a list of ${count} where ${limit} is the most`);
    return count;
  }

  #take(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    if (this.#at > this.#end) throw new Errno('EINVAL', 'message ends within a field');
    return at;
  }
}

/** Writes fields into private memory, which grows as needed. */
export class Writer {
  bytes: Bytes = new Uint8Array(512);
  #view: DataView = new DataView(this.bytes.buffer);
  length = 0;
  /** By their length. */
  #views: Bytes[] = [];

  /** Begins a message anew: size[4] type[1] tag[2]. */
  begin(type: number, tag: number): void {
    this.length = 0;
    this.u32(0);
    this.u8(type);
    this.u16(tag);
  }

  /** What was written, without a copy. Views of short messages are kept: to make one costs as much as to copy what it shows. */
  written(): Bytes {
    if (this.length > longestKept) return this.bytes.subarray(0, this.length);
    return (this.#views[this.length] ??= this.bytes.subarray(0, this.length));
  }

  /** Ends the message, whose payload (outside this memory) has `payloadLength` bytes. Returns its size. */
  end(payloadLength: number): number {
    const size = this.length + payloadLength;
    this.#view.setUint32(0, size, true);
    return size;
  }

  body(fields: readonly NamedField[], body: AnyBody): void {
    for (const { name, field } of fields) {
      const value = body[name];
      if (field.kind !== 'list') this.#value(field, value as number | bigint | Bytes | Qid);
      else this.#list(field, value as readonly (number | bigint | Bytes | Qid)[]);
    }
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  u64(value: bigint): void {
    this.u64At(this.#grow(8), value);
  }

  str(value: Bytes): void {
    this.strAt(this.#grow(2 + value.length), value);
  }

  qid(value: Qid): void {
    this.qidAt(this.#grow(13), value);
  }

  size64(value: number): void {
    this.size64At(this.#grow(8), value);
  }

  /** Divides by the second as numbers do: a division of bigints would cost more than the rest of the message. */
  time(nanoseconds: bigint): void {
    this.timeAt(this.#grow(16), nanoseconds);
  }

  /** Makes room for `length` bytes that are written with the methods that take a place; returns where they begin. */
  room(length: number): number {
    return this.#grow(length);
  }

  u8At(at: number, value: number): void {
    this.#view.setUint8(at, value);
  }

  u32At(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  u64At(at: number, value: bigint): void {
    whole[0] = value;
    this.#view.setUint32(at, wholeWords[0] as number, true);
    this.#view.setUint32(at + 4, wholeWords[1] as number, true);
  }

  size64At(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
    this.#view.setUint32(at + 4, value < two32 ? 0 : value / two32, true);
  }

  strAt(at: number, value: Bytes): void {
    const { length } = value;
    if (length > 0xffff) throw new Errno('EMSGSIZE', 'a string of 65,536 bytes or more');
    this.#view.setUint16(at, length, true);
    const { bytes } = this;
    for (let i = 0; i < length; i++) bytes[at + 2 + i] = value[i] as number;
  }

  qidAt(at: number, { type, version, path }: Qid): void {
    this.#view.setUint8(at, type);
    this.#view.setUint32(at + 1, version, true);
    this.u64At(at + 5, path);
  }

  timeAt(at: number, nanoseconds: bigint): void {
    whole[0] = nanoseconds;
    const low = wholeWords[0] as number;
    const high = (wholeWords[1] as number) | 0;
    // Rounded to 53 bits the quotient is at most 1 beside the true one, so that 32 bits of the rest tell by how much.
    let seconds = Math.floor((high * two32 + low) / second);
    let rest = (low - Math.imul(seconds, second)) | 0;
    if (rest < 0) {
      seconds--;
      rest += second;
    } else if (rest >= second) {
      seconds++;
      rest -= second;
    }
    this.#view.setUint32(at, seconds, true);
    this.#view.setInt32(at + 4, Math.floor(seconds / two32), true);
    this.#view.setUint32(at + 8, rest, true);
    this.#view.setUint32(at + 12, 0, true);
  }

  #value(field: Scalar, value: number | bigint | Bytes | Qid): void {
    switch (field.kind) {
      case 'u32':
      case 'payload':
        return this.u32(value as number);
      case 'u64':
        return this.u64(value as bigint);
      case 'size64':
        return this.size64(value as number);
      case 'time':
        return this.time(value as bigint);
      case 'str':
        return this.str(value as Bytes);
      case 'qid':
        return this.qid(value as Qid);
      case 'u8':
        return this.u8(value as number);
      case 'u16':
        return this.u16(value as number);
    }
  }

  #list({ element }: List<Scalar>, values: readonly (number | bigint | Bytes | Qid)[]): void {
    this.u16(values.length);
    for (const value of values) this.#value(element, value);
  }

  #grow(length: number): number {
    const at = this.length;
    this.length = at + length;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
      this.#view = new DataView(larger.buffer);
      this.#views = [];
    }
    return at;
  }
}
