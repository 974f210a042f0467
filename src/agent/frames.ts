// The agent protocol, version 2 (guest-images/agent/PROTOCOL.md): frames and the fields of their payloads.

/** The agent broke the protocol. It ends the connection; no other harm is done. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault';
}

/** A newer version may change every payload but those of Hello and Welcome. */
export const PROTOCOL_VERSION = 2;
export const HELLO_MAGIC = 0x61396d76; // 'vm9a'
export const HEADER_SIZE = 12;
/** A frame from the guest is one 32 KiB write to its port. */
export const GUEST_PAYLOAD_LIMIT = 32 * 1024 - HEADER_SIZE;
/** How much standard input goes into one frame. */
export const STDIN_CHUNK = 32 * 1024 - HEADER_SIZE;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A cursor over one payload. Every read is checked: the guest chooses the bytes. */
class PayloadReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Skips `size` bytes and returns where they start. */
  skip(size: number): number {
    if (size > this.remaining) throw new ProtocolFault(`a field of ${size} bytes with ${this.remaining} bytes left`);
    const start = this.#at;
    this.#at += size;
    return start;
  }

  take(size: number): Uint8Array {
    const start = this.skip(size);
    return this.#bytes.subarray(start, start + size);
  }

  get view(): DataView {
    return this.#view;
  }
}

/** One field of a payload: how long it is, how it is written at an offset (returns the end), how it is read. */
interface Field<T> {
  size(value: T): number;
  put(view: DataView, at: number, value: T): number;
  get(reader: PayloadReader): T;
}

const u8: Field<number> = {
  size: () => 1,
  put: (view, at, value) => (view.setUint8(at, value), at + 1),
  get: (reader) => reader.view.getUint8(reader.skip(1)),
};
const u16: Field<number> = {
  size: () => 2,
  put: (view, at, value) => (view.setUint16(at, value, true), at + 2),
  get: (reader) => reader.view.getUint16(reader.skip(2), true),
};
const u32: Field<number> = {
  size: () => 4,
  put: (view, at, value) => (view.setUint32(at, value, true), at + 4),
  get: (reader) => reader.view.getUint32(reader.skip(4), true),
};
const i64: Field<bigint> = {
  size: () => 8,
  put: (view, at, value) => (view.setBigInt64(at, value, true), at + 8),
  get: (reader) => reader.view.getBigInt64(reader.skip(8), true),
};
const bytes: Field<Uint8Array> = {
  size: (value) => value.length,
  put: (view, at, value) => (bytesOf(view).set(value, at), at + value.length),
  get: (reader) => reader.take(reader.remaining),
};
/** Encoded by `text()` beforehand, so that it is encoded once. */
const str: Field<Uint8Array> = {
  size: (value) => 4 + value.length,
  put: (view, at, value) => bytes.put(view, u32.put(view, at, value.length), value),
  get: (reader) => reader.take(u32.get(reader)),
};
const list: Field<readonly Uint8Array[]> = {
  size: (value) => value.reduce((sum, item) => sum + str.size(item), 4),
  put: (view, at, value) => value.reduce((end, item) => str.put(view, end, item), u32.put(view, at, value.length)),
  get: (reader) => Array.from({ length: listLength(reader) }, () => str.get(reader)),
};

/** Each `str` takes 4 bytes at least: a larger count would allocate an array before its items prove missing. */
function listLength(reader: PayloadReader): number {
  const count = u32.get(reader);
  if (count * 4 > reader.remaining) throw new ProtocolFault(`a list of ${count} items in ${reader.remaining} bytes`);
  return count;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** PROTOCOL.md, "From the guest". */
export const guestFrames = {
  Hello: {
    type: 0x01,
    body: { magic: u32, oldest: u16, newest: u16, maxPayload: u32, inputWindow: u32, software: str },
  },
  Goodbye: { type: 0x02, body: { reason: str } },
  Reply: { type: 0x10, body: { errno: u32, text: str } },
  Started: { type: 0x11, body: { pid: u32 } },
  Stdout: { type: 0x12, body: { data: bytes } },
  Stderr: { type: 0x13, body: { data: bytes } },
  InputCredit: { type: 0x14, body: { count: u32 } },
  InputClosed: { type: 0x15, body: {} },
  Exited: { type: 0x16, body: { how: u8, value: u8 } },
} as const;

/** PROTOCOL.md, "From the host". */
export const hostFrames = {
  Welcome: { type: 0x81, body: { version: u16, zero: u16, outputWindow: u32 } },
  Mount: { type: 0x90, body: { tag: str, path: str, options: str } },
  Exec: {
    type: 0x91,
    body: { stdio: u8, zero: u8, zero2: u16, rows: u16, cols: u16, cwd: str, argv: list, env: list },
  },
  Stdin: { type: 0x92, body: { data: bytes } },
  StdinEnd: { type: 0x93, body: {} },
  OutputCredit: { type: 0x94, body: { stream: u8, count: u32 } },
  CloseOutput: { type: 0x95, body: { stream: u8 } },
  Signal: { type: 0x96, body: { number: u8 } },
  Resize: { type: 0x97, body: { rows: u16, cols: u16 } },
  SetClock: { type: 0x98, body: { nanoseconds: i64 } },
  Reseed: { type: 0x99, body: { entropy: bytes } },
  Power: { type: 0x9a, body: { action: u8 } },
  Freeze: { type: 0x9b, body: {} },
  Thaw: { type: 0x9c, body: {} },
} as const;

type Table = Record<string, { readonly type: number; readonly body: object }>;
type BodyOf<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };
type FrameOf<T extends Table> = { [N in keyof T]: { name: N; id: number; body: BodyOf<T[N]['body']> } }[keyof T];

export type GuestFrame = FrameOf<typeof guestFrames>;
export type HostFrame = FrameOf<typeof hostFrames>;

/** A `str` for `frame()`. `what` names it in the error for a NUL, which no guest program could be given. */
export function text(value: string, what: string): Uint8Array {
  if (value.includes('\0')) throw new TypeError(`${what} holds a NUL character: ${JSON.stringify(value)}`);
  return encoder.encode(value);
}

/** The text of a `str` that the guest sent. What is not UTF-8 in it becomes U+FFFD. */
export function textOf(value: Uint8Array): string {
  // TextDecoder refuses views of shared memory in browsers; frames are assembled in unshared memory.
  return decoder.decode(value);
}

/** Writes one frame of `table`, header included, into memory of its own. */
function write<T extends Table>(table: T, frame: FrameOf<T>): Uint8Array {
  const { type, body } = table[frame.name as string] as { type: number; body: Record<string, Field<unknown>> };
  const values = frame.body as Record<string, unknown>;
  const fields = Object.entries(body);
  const length = fields.reduce((sum, [name, field]) => sum + field.size(values[name]), 0);
  const view = new DataView(new ArrayBuffer(HEADER_SIZE + length));
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint32(8, frame.id, true);
  let at = HEADER_SIZE;
  for (const [name, field] of fields) at = field.put(view, at, values[name]);
  return bytesOf(view);
}

/** A frame for the guest. */
export function hostFrame(frame: HostFrame): Uint8Array {
  return write(hostFrames, frame);
}

/** A frame as the guest's agent writes it: for tests. */
export function guestFrame(frame: GuestFrame): Uint8Array {
  return write(guestFrames, frame);
}

/** Cuts a byte stream into the frames of `table`. Holds at most one frame. */
class FrameReader<T extends Table> {
  readonly #table: T;
  readonly #names: ReadonlyMap<number, keyof T & string>;
  readonly #limit: number;
  readonly #header = new Uint8Array(HEADER_SIZE);
  #headerFilled = 0;
  #payload = new Uint8Array(0);
  #payloadFilled = 0;

  /** The beginning of a frame that is not whole. */
  get partial(): Uint8Array[] {
    const header = this.#header.slice(0, this.#headerFilled);
    return header.length < HEADER_SIZE ? [header] : [header, this.#payload.slice(0, this.#payloadFilled)];
  }

  constructor(table: T, limit: number) {
    this.#table = table;
    this.#limit = limit;
    this.#names = new Map(Object.entries(table).map(([name, { type }]) => [type, name]));
  }

  /**
   * Calls `frame` for every frame that `stream` completes. The body's bytes are in memory of their own.
   * @throws ProtocolFault for what is not a frame; the reader is of no use afterwards.
   */
  push(stream: Uint8Array, frame: (frame: FrameOf<T>) => void): void {
    let at = 0;
    while (at < stream.length) {
      if (this.#headerFilled < HEADER_SIZE) {
        const part = stream.subarray(at, at + HEADER_SIZE - this.#headerFilled);
        this.#header.set(part, this.#headerFilled);
        this.#headerFilled += part.length;
        at += part.length;
        if (this.#headerFilled < HEADER_SIZE) return;
        this.#beginPayload();
      }
      const part = stream.subarray(at, at + this.#payload.length - this.#payloadFilled);
      this.#payload.set(part, this.#payloadFilled);
      this.#payloadFilled += part.length;
      at += part.length;
      if (this.#payloadFilled === this.#payload.length) {
        this.#headerFilled = 0;
        frame(this.#decode());
      }
    }
  }

  #beginPayload(): void {
    const view = new DataView(this.#header.buffer);
    const length = view.getUint32(0, true);
    if (length > this.#limit) throw new ProtocolFault(`a payload of ${length} bytes; the limit is ${this.#limit}`);
    if (view.getUint16(6, true) !== 0) throw new ProtocolFault('a header whose reserved field is not 0');
    this.#payload = new Uint8Array(length);
    this.#payloadFilled = 0;
  }

  #decode(): FrameOf<T> {
    const header = new DataView(this.#header.buffer);
    const type = header.getUint16(4, true);
    const name = this.#names.get(type);
    if (name === undefined) throw new ProtocolFault(`a frame of unknown type 0x${type.toString(16)}`);
    const reader = new PayloadReader(this.#payload);
    const body: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(this.#table[name]?.body ?? {}) as [string, Field<unknown>][]) {
      body[key] = field.get(reader);
    }
    if (reader.remaining > 0) throw new ProtocolFault(`a ${name} frame with ${reader.remaining} bytes too many`);
    return { name, id: header.getUint32(8, true), body } as FrameOf<T>;
  }
}

/** Reads what the guest's agent sends. */
export function guestFrameReader(): FrameReader<typeof guestFrames> {
  return new FrameReader(guestFrames, GUEST_PAYLOAD_LIMIT);
}

/** Reads what the host sends, as the guest's agent does: for tests. */
export function hostFrameReader(limit: number): FrameReader<typeof hostFrames> {
  return new FrameReader(hostFrames, limit);
}
