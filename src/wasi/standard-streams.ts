// Standard input, output and error of a WASI program. Output goes out as it is written, while the program runs on.
import { ProgramMemory, rights, unknownFileType, wasiErrno } from './abi.ts';
import type { WasiCall } from './file-calls.ts';
import type { FromWasi, WasiSetup } from './wasi-protocol.ts';

/** Bytes of output that may be under way before the program waits for its reader. */
const outputWindow = 1 << 20;
const streams = { 1: 'stdout', 2: 'stderr' } as const;

export class StandardStreams {
  readonly #post: (message: FromWasi, transfer: readonly ArrayBuffer[]) => void;
  readonly #taken: Int32Array<SharedArrayBuffer>;
  #input: Uint8Array;
  #sent = 0;
  #memory: ProgramMemory | undefined;

  constructor(
    { stdin, taken }: Pick<WasiSetup, 'stdin' | 'taken'>,
    post: (message: FromWasi, transfer: readonly ArrayBuffer[]) => void,
  ) {
    this.#input = stdin;
    this.#taken = taken;
    this.#post = post;
  }

  /** The program's memory, from before its first call. */
  set memory(memory: { readonly buffer: ArrayBufferLike }) {
    this.#memory = new ProgramMemory(memory);
  }

  /** Calls for the descriptors 0, 1 and 2. */
  calls(): Record<string, WasiCall> {
    return {
      // Of no particular type, as pipes are: a C library that saw terminals would write line by line.
      fd_fdstat_get: (_: number, result: number): number => {
        const view = this.#memory?.view(result, 24);
        view?.setUint8(0, unknownFileType);
        view?.setUint16(2, 0, true);
        view?.setBigUint64(8, rights.read | rights.write, true);
        view?.setBigUint64(16, 0n, true);
        return 0;
      },
      fd_read: (fd: number, vectors: number, count: number, result: number): number => {
        if (fd !== 0 || this.#memory === undefined) return wasiErrno.EBADF;
        let done = 0;
        for (const into of this.#memory.pieces(vectors, count)) {
          const part = this.#input.subarray(0, into.length);
          into.set(part);
          this.#input = this.#input.subarray(part.length);
          done += part.length;
        }
        this.#memory.setU32(result, done);
        return 0;
      },
      fd_write: (fd: number, vectors: number, count: number, result: number): number => {
        if ((fd !== 1 && fd !== 2) || this.#memory === undefined) return wasiErrno.EBADF;
        let done = 0;
        for (const piece of this.#memory.pieces(vectors, count)) {
          const bytes = new Uint8Array(piece);
          if (bytes.length > 0) this.#post({ type: 'output', stream: streams[fd], bytes }, [bytes.buffer]);
          done += piece.length;
        }
        this.#sent = (this.#sent + done) | 0;
        this.#waitForReader();
        this.#memory.setU32(result, done);
        return 0;
      },
    };
  }

  #waitForReader(): void {
    for (let taken = Atomics.load(this.#taken, 0); ((this.#sent - taken) | 0) > outputWindow;) {
      Atomics.wait(this.#taken, 0, taken);
      taken = Atomics.load(this.#taken, 0);
    }
  }
}
