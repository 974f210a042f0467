// The terminal that the program runs in: raw while the guest has it, and left as it was found whatever happens.
import type * as childProcess from 'node:child_process';
import { createRequire } from 'node:module';
import { writeSync } from 'node:fs';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Bytes } from '../../devices/ports.ts';
import { TerminalModes } from './terminal-modes.ts';

const stdoutDescriptor = 1;

export class HostTerminal {
  readonly input: ReadStream;
  readonly #output: WriteStream;
  readonly #modes = new TerminalModes();
  #raw = false;

  /** Standard input and standard output, both of them the terminal. */
  constructor(input: ReadStream, output: WriteStream) {
    this.input = input;
    this.#output = output;
  }

  /** In characters; undefined where the terminal does not say. */
  get size(): { readonly columns: number; readonly rows: number } | undefined {
    const { columns, rows } = this.#output;
    return columns > 0 && rows > 0 ? { columns, rows } : undefined;
  }

  /** Hands the keys to the guest: no echo, no line editing, no signals. */
  enter(): void {
    this.#raw = true;
    this.#makeRaw();
    process.once('exit', this.#leave);
    // Whoever stopped the program got a usable terminal from the shell: take it back.
    process.on('SIGCONT', this.#enterAgain);
  }

  onResize(listener: (columns: number, rows: number) => void): void {
    this.#output.on('resize', () => {
      const { size } = this;
      if (size !== undefined) listener(size.columns, size.rows);
    });
  }

  /** Tells of what the guest writes to the terminal, so that `leave` knows what to put back. */
  observe(bytes: Bytes): void {
    this.#modes.observe(bytes);
  }

  /** Gives the terminal back. Does nothing the second time. */
  leave(): void {
    this.#leave();
  }

  #makeRaw(): void {
    this.input.setRawMode(true);
    // setRawMode lets the terminal put a carriage return before each line feed, but the guest's own terminal has done what
    // its programs want, and vi wants none. Without stty(1) the display suffers a little, and that is all.
    // Here, because loading it takes some ms, and few need it.
    const { spawnSync } = createRequire(import.meta.url)('node:child_process') as typeof childProcess;
    spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  }

  readonly #enterAgain = (): void => {
    if (!this.#raw) return;
    // Setting the mode that it believes to be set would do nothing.
    this.input.setRawMode(false);
    this.#makeRaw();
  };

  readonly #leave = (): void => {
    if (!this.#raw) return;
    this.#raw = false;
    process.off('exit', this.#leave);
    process.off('SIGCONT', this.#enterAgain);
    try {
      // Synchronously: the process may be about to end.
      writeSync(stdoutDescriptor, this.#modes.restoring());
      this.input.setRawMode(false);
    } catch (error) {
      // A terminal that was closed has nothing to be restored.
      if (!isGone(error)) throw error;
    }
  };
}

function isGone(error: unknown): boolean {
  return ['EIO', 'EBADF', 'ENOTTY', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}
