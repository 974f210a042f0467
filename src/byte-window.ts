// Bounded, lossless byte streams between two threads. The sender may have `window` bytes under way that the receiver has
// not yet consumed; the receiver hands credit back as it consumes. Each end of a stream is one of the classes below.
import type { Bytes } from '../devices/ports.ts';
import { Deferred } from './agent/deferred.ts';

/** Bytes that may be under way in one direction of one stream. */
export const streamWindow = 256 * 1024;

/** No message carries more: a keystroke's echo must not wait behind a megabyte. */
const chunkLength = 64 * 1024;

/** The sending end. Bytes are copied when they are posted, so the caller's buffer is free again once `write` returned. */
export class WindowSender {
  readonly #post: (bytes: Uint8Array<ArrayBuffer>) => void;
  #credit = streamWindow;
  #onRoom: (() => void) | undefined;

  /** `post` is given bytes that nobody else holds. */
  constructor(post: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#post = post;
  }

  /** How many bytes the receiver has room for now. */
  get room(): number {
    return Math.max(0, this.#credit);
  }

  /** Posts as many of the first bytes as there is room for, and returns how many. */
  write(bytes: Bytes): number {
    const length = Math.max(0, Math.min(bytes.length, this.#credit));
    this.push(bytes.subarray(0, length));
    return length;
  }

  /** Posts all of them, with room or without: what comes next waits until there is some again. */
  push(bytes: Bytes): void {
    for (let start = 0; start < bytes.length; start += chunkLength) {
      this.#post(new Uint8Array(bytes.subarray(start, start + chunkLength)));
    }
    this.#credit -= bytes.length;
  }

  /** The receiver consumed `count` bytes. */
  addCredit(count: number): void {
    this.#credit += count;
    this.#onRoom?.();
  }

  /** Calls `listener` whenever the receiver has made room. Replaces the listener before it. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener;
  }
}

/** Writes everything, in the order of the calls, waiting for room where there is none. */
export class WindowWriter {
  readonly #sender: WindowSender;
  readonly #queue: { bytes: Bytes; readonly done: Deferred<void> }[] = [];
  #closed = false;

  constructor(sender: WindowSender) {
    this.#sender = sender;
  }

  /** Undefined when all is under way; else a promise for when it is, or when it was dropped because of `close`. */
  write(bytes: Bytes): Promise<void> | undefined {
    if (this.#closed) return undefined;
    const sent = this.#queue.length === 0 ? this.#sender.write(bytes) : 0;
    if (sent === bytes.length) return undefined;
    const done = new Deferred<void>();
    this.#queue.push({ bytes: bytes.slice(sent), done });
    this.#sender.onRoom(() => this.#flush());
    return done.promise;
  }

  /** There is no receiver any more: what waits, and what comes, is dropped. */
  close(): void {
    this.#closed = true;
    for (const { done } of this.#queue.splice(0)) done.resolve();
  }

  #flush(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const sent = this.#sender.write(head.bytes);
      if (sent < head.bytes.length) {
        head.bytes = head.bytes.subarray(sent);
        return;
      }
      this.#queue.shift();
      head.done.resolve();
    }
  }
}

/** The receiving end's bookkeeping: hands back credit in few messages, yet before the sender can run dry. */
export class WindowReceiver {
  readonly #postCredit: (count: number) => void;
  #consumed = 0;
  #held = 0;

  constructor(postCredit: (count: number) => void) {
    this.#postCredit = postCredit;
  }

  /** `count` bytes have arrived. */
  arrived(count: number): void {
    this.#held += count;
  }

  /** `count` of the bytes that arrived are consumed. */
  consumed(count: number): void {
    this.#held -= count;
    this.#consumed += count;
    if (this.#consumed === 0 || (this.#held > 0 && this.#consumed < streamWindow / 4)) return;
    this.#postCredit(this.#consumed);
    this.#consumed = 0;
  }
}
