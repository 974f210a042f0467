// The process's own streams: complete, with back-pressure, and at peace with a reader that goes away.
import type { Readable, Writable } from 'node:stream';
import type { Bytes } from '../../devices/ports.ts';

/** Nobody reads the stream any more: what `head` does to the program before it. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** A stream of the process, written to in order. */
export class OutputFile {
  readonly #stream: Writable;
  #error: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Without a listener an error of the stream would end the process; each write tells of it instead.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code === 'EPIPE' ? new ReaderGone('nobody reads the output') : error;
    });
  }

  /** Resolves when the system has taken the bytes. Rejects with ReaderGone, or with what the system says. */
  write(bytes: Bytes | string): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else
          reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new ReaderGone('nobody reads the output') : error);
      });
    });
  }
}

/**
 * Gives what can be read from `stream` to `take`, a chunk at a time, and calls `end` at its end. Stops when `take` resolves
 * with false. The returned function stops it too.
 */
export function readInput(stream: Readable, take: (bytes: Bytes) => Promise<boolean>, end: () => void): () => void {
  let stopped = false;
  let taking = Promise.resolve();
  const stop = (): void => {
    stopped = true;
    stream.off('data', onData);
    stream.off('end', onEnd);
    stream.off('error', onEnd);
    stream.pause();
  };
  const onData = (bytes: Buffer): void => {
    stream.pause();
    taking = take(bytes).then(
      (more) => {
        if (!more) stop();
        else if (!stopped) stream.resume();
      },
      // Whoever takes the bytes knows better why it cannot, and tells.
      () => stop(),
    );
  };
  // A stream may say that it has ended while its last chunk is still being taken.
  const onEnd = (): void => {
    void taking.then(() => {
      if (!stopped) end();
    });
  };
  stream.on('data', onData);
  stream.on('end', onEnd);
  // An input that cannot be read (a folder, a terminal that is gone) has ended.
  stream.on('error', onEnd);
  return stop;
}
