// The RAM of a machine that goes on from a snapshot, put back by the thread of the API, while the machine's own is starting.
import { makeMemory, ramOffset } from '../cpu/riscv/layout.ts';
import type { Sections } from './container.ts';
import { restoreRam, type Unzipping } from './ram.ts';

export interface Filling {
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  /** Resolves when its RAM is as it was. Rejects with SnapshotError 'bad-file'. */
  readonly filled: Promise<void>;
}

export function fillAhead(file: Sections, memoryBytes: number, host: Unzipping): Filling {
  const memory = makeMemory(memoryBytes, true);
  return { memory, filled: restoreRam(file, new Uint8Array(memory.buffer, ramOffset), host) };
}
