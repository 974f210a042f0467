// One output stream of a command: delivered in order, one chunk at a time, inside its window (PROTOCOL.md, "Flow control").
import { ProtocolFault } from './frames.ts';

/**
 * Takes a chunk of output, which is the handler's to keep. While the promise it returned is pending no further chunk is
 * delivered, and the guest's program is stopped once the window is full.
 */
export type OutputHandler = (chunk: Uint8Array) => void | Promise<void>;

interface OutputChannel {
  /** Grants credit, or returns false when the port has no room now: `topUp` is then called later. */
  grant(count: number): boolean;
  /** Tells the guest that no more of this stream will be taken. */
  refuse(): void;
}

/** Chunks smaller than this are put together while they wait: an object for every byte would break the window's promise. */
const BLOCK = 4096;

interface OutputPresent {
  readonly outstanding: number;
  readonly waiting: readonly { readonly bytes: Uint8Array; readonly filled: number }[];
  readonly refused: boolean;
}

/** The host's end of stdout or stderr. */
export class OutputStream {
  readonly #window: number;
  readonly #handler: OutputHandler | undefined;
  readonly #channel: OutputChannel;
  readonly #queue: { bytes: Uint8Array; filled: number }[] = [];
  /** Received and not yet credited again; never more than the window. */
  #outstanding = 0;
  /** Consumed and not yet credited. */
  #owed = 0;
  #busy = false;
  #refused = false;
  #failure: { error: unknown } | undefined;
  #idle: (() => void) | undefined;

  constructor(window: number, handler: OutputHandler | undefined, channel: OutputChannel) {
    this.#window = window;
    this.#handler = handler;
    this.#channel = channel;
  }

  /** For a snapshot. What the handler is being given counts as taken. */
  get present(): OutputPresent {
    return { outstanding: this.#outstanding, waiting: this.#queue, refused: this.#refused };
  }

  /** Goes on from one, in which so many bytes were taken and not credited. */
  resume(owed: number, refused: boolean): void {
    this.#outstanding = this.#owed = owed;
    this.#refused = refused;
    this.topUp();
  }

  /** @throws ProtocolFault when the guest sends more than it may, or nothing. */
  receive(chunk: Uint8Array): void {
    if (chunk.length === 0) throw new ProtocolFault('an output frame without bytes');
    this.#outstanding += chunk.length;
    if (this.#outstanding > this.#window) throw new ProtocolFault('output past its window');
    // Was under way when the host refused the stream.
    if (this.#refused) return;
    this.#enqueue(chunk);
    if (!this.#busy) this.#deliver();
  }

  /** Sends the credit that is due, unless it is too little to be worth a frame. */
  topUp(): void {
    // A quarter: the guest has three quarters to go on with while the credit travels.
    if (this.#refused || this.#owed < this.#window / 4) return;
    if (!this.#channel.grant(this.#owed)) return;
    this.#outstanding -= this.#owed;
    this.#owed = 0;
  }

  /** Takes no more: what is queued is dropped, the program gets SIGPIPE when it writes. */
  refuse(): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#queue.length = 0;
    this.#channel.refuse();
  }

  /**
   * Resolves when the handler is done with all that was received.
   * @throws what the handler has thrown.
   */
  async finished(): Promise<void> {
    if (this.#busy) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
  }

  #enqueue(chunk: Uint8Array): void {
    const tail = this.#queue.at(-1);
    if (tail && tail.bytes.length - tail.filled >= chunk.length) {
      tail.bytes.set(chunk, tail.filled);
      tail.filled += chunk.length;
    } else if (chunk.length < BLOCK && this.#busy) {
      const bytes = new Uint8Array(BLOCK);
      bytes.set(chunk);
      this.#queue.push({ bytes, filled: chunk.length });
    } else {
      this.#queue.push({ bytes: chunk, filled: chunk.length });
    }
  }

  /** A loop, not a chain of promises: a handler that returns none costs none. */
  #deliver(): void {
    this.#busy = true;
    for (let block = this.#queue.shift(); block; block = this.#queue.shift()) {
      const length = block.filled;
      let pending: void | Promise<void>;
      try {
        pending = this.#handler?.(block.bytes.subarray(0, length));
      } catch (error) {
        this.#fail(error);
        break;
      }
      if (pending) {
        pending.then(
          () => {
            this.#consumed(length);
            this.#deliver();
          },
          (error: unknown) => {
            this.#fail(error);
            this.#rest();
          },
        );
        return;
      }
      this.#consumed(length);
    }
    this.#rest();
  }

  #consumed(count: number): void {
    this.#owed += count;
    this.topUp();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.refuse();
  }

  #rest(): void {
    this.#busy = false;
    this.#idle?.();
  }
}
