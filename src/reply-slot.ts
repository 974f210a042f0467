// Where a client that blocks its thread finds the reply to its one request: shared memory that the server writes into.
// Word 0 tells the state, word 1 the reply's length; the reply follows.

const headerLength = 8;
const state = { waiting: 0, answered: 1, closed: 2 } as const;

/** Bytes of memory for replies of at most `length` bytes. */
export function slotLength(length: number): number {
  return headerLength + length;
}

export class ReplySlot {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, 2);
  }

  // The server's side:

  /** Where a reply of at most `length` bytes goes. */
  room(length: number): Uint8Array {
    return new Uint8Array(this.#memory, headerLength, Math.min(length, this.#memory.byteLength - headerLength));
  }

  /** The reply is there. */
  reply(length: number): void {
    this.#words[1] = length;
    this.#become(state.answered);
  }

  /** There will be no reply any more. */
  close(): void {
    this.#become(state.closed);
  }

  // The client's side:

  /** To be called before a request is sent. */
  expect(): void {
    Atomics.compareExchange(this.#words, 0, state.answered, state.waiting);
  }

  /** Blocks the thread until the reply is there, and returns it; undefined where nobody serves the share any more. */
  wait(): Uint8Array | undefined {
    while (Atomics.load(this.#words, 0) === state.waiting) Atomics.wait(this.#words, 0, state.waiting);
    if (Atomics.load(this.#words, 0) === state.closed) return undefined;
    return this.room(this.#words[1] ?? 0);
  }

  #become(to: number): void {
    // Closed for good: a reply that comes late changes nothing.
    if (Atomics.compareExchange(this.#words, 0, state.waiting, to) !== state.waiting) {
      if (to === state.closed) Atomics.store(this.#words, 0, to);
    }
    Atomics.notify(this.#words, 0);
  }
}
