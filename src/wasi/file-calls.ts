// The file calls of WASI over shares: every `path_` function, and the `fd_` functions for descriptors from 3 on. They run
// to their end at once: the client under `Files` blocks the thread.
import type { Files } from '../../devices/9p/client-files.ts';
import { PathEscape } from '../../devices/9p/client-walk.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { fault, ProgramMemory, rights, wasiErrno, type Dialect } from './abi.ts';
import { DescriptorCalls } from './descriptor-calls.ts';
import { Descriptors } from './descriptors.ts';
import { PathCalls } from './path-calls.ts';

export interface Preopen {
  /** What the program calls it. */
  readonly name: string;
  readonly files: Files;
  /** A fid of the folder. */
  readonly fid: number;
}

/** A call of the program: numbers in, `errno` out. 64-bit parameters are bigints. */
export type WasiCall = (...parameters: never[]) => number;

const encoder = new TextEncoder();

export class FileCalls {
  readonly #table: Record<string, (...parameters: never[]) => void>;
  #memory: ProgramMemory | undefined;
  /** What a call threw that is no error of the program's. */
  defect: unknown;

  constructor(preopens: readonly Preopen[], dialect: Dialect) {
    const descriptors = new Descriptors();
    const ram = (): ProgramMemory => this.#ram;
    this.#table = {
      ...new DescriptorCalls(descriptors, dialect, ram).table,
      ...new PathCalls(descriptors, dialect, ram).table,
    };
    for (const { name, files, fid } of preopens) {
      descriptors.add({
        files,
        fid,
        opened: undefined,
        isFolder: true,
        confined: name !== '/',
        preopen: encoder.encode(name),
        flags: 0,
        fdFlags: 0,
        rights: rights.all,
        inheriting: rights.all,
        offset: 0n,
      });
    }
  }

  /** The program's memory, from before its first call. */
  set memory(memory: { readonly buffer: ArrayBufferLike }) {
    this.#memory = new ProgramMemory(memory);
  }

  get #ram(): ProgramMemory {
    if (this.#memory === undefined) throw new Error('a call before there is a memory');
    return this.#memory;
  }

  /** The calls by their names. Each returns the errno of what went wrong, and throws for defects alone. */
  calls(): Record<string, WasiCall> {
    return Object.fromEntries(
      Object.entries(this.#table).map(([name, call]) => [
        name,
        (...parameters: never[]) => {
          try {
            call(...parameters);
            return 0;
          } catch (error) {
            if (error instanceof PathEscape) return wasiErrno.ENOTCAPABLE;
            if (error instanceof Errno) return wasiErrno[error.code];
            // The program passed an address that it does not have.
            if (error instanceof RangeError) return fault;
            this.defect ??= error;
            throw error;
          }
        },
      ]),
    );
  }
}
