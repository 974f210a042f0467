// Plain data as bytes: what devices, hart and host keep of themselves, without a schema of its own. Numbers are exact, bigints
// of any size; equal data gives equal bytes.
import type { Bytes } from '../../devices/ports.ts';
import { damaged } from './snapshot-error.ts';

export type Plain =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Int32Array
  | Float64Array
  | BigInt64Array
  | readonly Plain[]
  | { readonly [name: string]: Plain };

const tag = {
  undefined: 0,
  false: 1,
  true: 2,
  /** A whole number of 32 bits. */
  integer: 3,
  number: 4,
  /** Length, then hexadecimal digits, a minus before those of a negative one. */
  bigint: 5,
  string: 6,
  bytes: 7,
  int32: 8,
  float64: 9,
  bigInt64: 10,
  list: 11,
  record: 12,
} as const;

/** Records within records: none of ours comes near it. */
const deepest = 32;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Output {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  word(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#length, value, true);
    this.#length += 4;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  block(bytes: Bytes): void {
    this.word(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

export function encodePlain(value: Plain): Uint8Array<ArrayBuffer> {
  const output = new Output();
  put(output, value);
  return output.done();
}

function put(output: Output, value: Plain): void {
  if (value === undefined) {
    output.byte(tag.undefined);
  } else if (typeof value === 'boolean') {
    output.byte(value ? tag.true : tag.false);
  } else if (typeof value === 'number') {
    const isInteger = (value | 0) === value && !Object.is(value, -0);
    output.byte(isInteger ? tag.integer : tag.number);
    if (isInteger) output.word(value);
    else output.double(value);
  } else if (typeof value === 'bigint') {
    output.byte(tag.bigint);
    output.block(encoder.encode(value.toString(16)));
  } else if (typeof value === 'string') {
    output.byte(tag.string);
    output.block(encoder.encode(value));
  } else if (ArrayBuffer.isView(value)) {
    output.byte(
      value instanceof Uint8Array
        ? tag.bytes
        : value instanceof Int32Array
          ? tag.int32
          : value instanceof Float64Array
            ? tag.float64
            : tag.bigInt64,
    );
    output.block(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (isList(value)) {
    output.byte(tag.list);
    output.word(value.length);
    for (const item of value) put(output, item);
  } else {
    const members = Object.entries(value);
    output.byte(tag.record);
    output.word(members.length);
    for (const [name, member] of members) {
      output.block(encoder.encode(name));
      put(output, member);
    }
  }
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

class Input {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  /** Steps over so many bytes, and returns where they are. */
  take(count: number): number {
    const start = this.#at;
    if (count < 0 || count > this.#bytes.length - start) throw damaged(this.#what);
    this.#at += count;
    return start;
  }

  byte(): number {
    return this.#view.getUint8(this.take(1));
  }

  word(): number {
    return this.#view.getInt32(this.take(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.take(8), true);
  }

  /** A copy, so that it is aligned and not shared. */
  block(unit: number): Uint8Array<ArrayBuffer> {
    const length = this.word();
    const start = this.take(length);
    if (length % unit !== 0) throw damaged(this.#what);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  text(): string {
    try {
      return decoder.decode(this.block(1));
    } catch {
      throw damaged(this.#what);
    }
  }

  /** Each item takes a byte at least. */
  count(): number {
    const count = this.word();
    if (count < 0 || count > this.#bytes.length - this.#at) throw damaged(this.#what);
    return count;
  }

  get(depth: number): Plain {
    if (depth > deepest) throw damaged(this.#what);
    switch (this.byte()) {
      case tag.undefined:
        return undefined;
      case tag.false:
        return false;
      case tag.true:
        return true;
      case tag.integer:
        return this.word();
      case tag.number:
        return this.double();
      case tag.bigint:
        return this.#bigint();
      case tag.string:
        return this.text();
      case tag.bytes:
        return this.block(1);
      case tag.int32:
        return new Int32Array(this.block(4).buffer);
      case tag.float64:
        return new Float64Array(this.block(8).buffer);
      case tag.bigInt64:
        return new BigInt64Array(this.block(8).buffer);
      case tag.list:
        return Array.from({ length: this.count() }, () => this.get(depth + 1));
      case tag.record:
        return Object.fromEntries(Array.from({ length: this.count() }, () => [this.text(), this.get(depth + 1)]));
      default:
        throw damaged(this.#what);
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw damaged(this.#what);
  }

  #bigint(): bigint {
    const digits = this.text();
    if (!/^-?[0-9a-f]{1,64}$/.test(digits)) throw damaged(this.#what);
    return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
  }
}

/** Throws SnapshotError 'bad-file' for bytes that `encodePlain` does not make; `what` is their name. */
export function decodePlain(bytes: Bytes, what: string): Plain {
  const input = new Input(bytes, what);
  const value = input.get(0);
  input.end();
  return value;
}

/**
 * Checks that data has the shape of `example`: the same members with the same kinds of values, lists of any length whose
 * items are as the example's first one. Throws SnapshotError 'bad-file'.
 */
export function checkShape(value: unknown, example: unknown, what: string): void {
  if (Array.isArray(example)) {
    if (!Array.isArray(value)) throw damaged(what);
    if (example.length > 0) for (const item of value as unknown[]) checkShape(item, example[0], what);
  } else if (typeof example === 'object' && example !== null) {
    if (typeof value !== 'object' || value === null) throw damaged(what);
    if (ArrayBuffer.isView(example) || ArrayBuffer.isView(value)) {
      if (example.constructor !== value.constructor) throw damaged(what);
      return;
    }
    for (const [name, member] of Object.entries(example)) {
      checkShape((value as Record<string, unknown>)[name], member, `${what}, ${name}`);
    }
  } else if (example !== undefined && typeof value !== typeof example) {
    throw damaged(what);
  }
}
