// The RAM of a machine that goes on from a snapshot, put back by the thread of the API, while the machine's own is starting; and its
// code, decoded.
import { decodeAhead } from '../cpu/riscv/decode-ahead.ts';
import { makeMemory, ramOffset } from '../cpu/riscv/layout.ts';
import type { Sections } from './container.ts';
import { readDecodedPlaces } from './decoded-places.ts';
import { restoreRam, type Unzipping } from './ram.ts';

export interface Filling {
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  /**
   * Resolves when its RAM is as it was, with the pages whose code is decoded: see `decodeAhead`. Rejects with SnapshotError
   * 'bad-file'.
   */
  readonly filled: Promise<Int32Array<ArrayBuffer> | undefined>;
}

type FillingHost = Unzipping & {
  /** Lets what waits go first, so that the machine is made while its RAM comes. */
  turn(): Promise<void>;
};

export function fillAhead(file: Sections, memoryBytes: number, host: FillingHost): Filling {
  const memory = makeMemory(memoryBytes, true);
  return { memory, filled: fill(file, memory, memoryBytes, host) };
}

async function fill(
  file: Sections,
  memory: WebAssembly.Memory,
  memoryBytes: number,
  host: FillingHost,
): Promise<Int32Array<ArrayBuffer> | undefined> {
  const places = readDecodedPlaces(file, memoryBytes);
  await host.turn();
  await restoreRam(file, new Uint8Array(memory.buffer, ramOffset), host);
  return places && decodeAhead(memory.buffer, memoryBytes, places);
}
