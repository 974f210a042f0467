// When a file is flushed on this thread, which stands still meanwhile, as the guest that waits for it does: where the host has
// next to nothing to do for it. With another thread a write that is flushed takes 280 us of processor time then, without it 170.
import type { Awaitable } from '../../../devices/9p/backend.ts';

/** Milliseconds of a short flush, the way to the thread and back included. */
const longest = 0.25;
/**
 * Short ones behind one another, after which the next will be short as well. A disk that is short one time in three would have
 * this thread wait for a processor again and again: on a busy host that took twice the time.
 */
const enough = 8;
/** Bytes written since the last one, beyond which that tells nothing. */
const mostWritten = 2 ** 20;

export interface FlushCalls {
  atOnce(): void;
  inThread(): Promise<void>;
  /** Milliseconds. */
  now(): number;
}

export class Flushing {
  readonly #calls: FlushCalls;
  #short = 0;
  #written = 0;

  constructor(calls: FlushCalls) {
    this.#calls = calls;
  }

  /** So many bytes have to be flushed next time. */
  wrote(length: number): void {
    this.#written += length;
  }

  flush(): Awaitable<void> {
    const calls = this.#calls;
    const isSmall = this.#written <= mostWritten;
    this.#written = 0;
    const start = calls.now();
    const done = (): void => {
      // Much that took long says nothing of little.
      if (calls.now() - start <= longest) this.#short += 1;
      else if (isSmall) this.#short = 0;
    };
    if (!isSmall || this.#short < enough) return calls.inThread().then(done);
    calls.atOnce();
    done();
    return undefined;
  }
}
