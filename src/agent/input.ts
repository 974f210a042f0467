// The standard input of a command: what its window has no room for waits here (PROTOCOL.md, "Flow control").
import { ProtocolFault, STDIN_CHUNK } from './frames.ts';

interface InputChannel {
  send(chunk: Uint8Array): void;
  sendEnd(): void;
}

interface PendingWrite {
  bytes: Uint8Array;
  resolve(taken: boolean): void;
}

interface InputPresent {
  readonly credit: number;
  readonly waiting: readonly { readonly bytes: Uint8Array }[];
  readonly ended: boolean;
  readonly closed: boolean;
}

/** The host's end of stdin. */
export class InputStream {
  readonly #window: number;
  readonly #channel: InputChannel;
  #credit: number;
  readonly #queue: PendingWrite[] = [];
  #ended = false;
  #closed = false;

  constructor(window: number, channel: InputChannel) {
    this.#window = window;
    this.#credit = window;
    this.#channel = channel;
  }

  /** For a snapshot: what is written and waits for room in the window, of which `credit` is left. */
  get present(): InputPresent {
    return { credit: this.#credit, waiting: this.#queue, ended: this.#ended, closed: this.#closed };
  }

  /**
   * Resolves with true when the window has taken all bytes, which must not change until then; with false when the program
   * can no longer read: the rest is dropped. A caller that waits for each write keeps memory bounded.
   */
  write(bytes: Uint8Array): Promise<boolean> {
    if (this.#ended) return Promise.reject(new Error('stdin was written to after its end'));
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#queue.push({ bytes, resolve });
      this.#pump();
    });
  }

  /** No more bytes will be written: the program sees the end of its input after all that was. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pump();
  }

  /** @throws ProtocolFault when the guest grants more than it was sent. */
  credit(count: number): void {
    this.#credit += count;
    if (this.#credit > this.#window) throw new ProtocolFault('credit for input that was not sent');
    this.#pump();
  }

  /** The program reads no more, or cannot be reached. */
  close(): void {
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) pending.resolve(false);
  }

  #pump(): void {
    if (this.#closed) return;
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      while (head.bytes.length > 0) {
        const count = Math.min(head.bytes.length, this.#credit, STDIN_CHUNK);
        if (count === 0) return;
        this.#credit -= count;
        this.#channel.send(head.bytes.subarray(0, count));
        head.bytes = head.bytes.subarray(count);
      }
      this.#queue.shift();
      head.resolve(true);
    }
    if (this.#ended) {
      this.#closed = true;
      this.#channel.sendEnd();
    }
  }
}
