// The module of a machine's hart, made while its thread is starting: there it would take 25 ms, because nothing is compiled yet.
import { makeInterpreter } from '../interpreter-of.ts';
import type { MachineSetup } from '../worker-protocol.ts';

export interface KeptInterpreter {
  readonly module: Uint8Array<ArrayBuffer>;
  /**
   * Keeps what V8 has made of it, for the next machine of this process. To be called once a machine runs: V8 has one compiled module for
   * all threads that have the same bytes, with what it has optimised of it, until nobody has it any more.
   */
  readonly keepCompiled: () => void;
}

let last: { readonly key: string; readonly kept: KeptInterpreter } | undefined;

/** Kept for the next machine: it depends on nothing else. */
export function interpreterFor({ memoryBytes, sharedMemory, cpu }: MachineSetup): KeptInterpreter {
  const key = JSON.stringify([memoryBytes, sharedMemory, cpu]);
  if (last?.key !== key) last = { key, kept: keep(makeInterpreter(memoryBytes, sharedMemory, cpu)) };
  return last.kept;
}

function keep(module: Uint8Array<ArrayBuffer>): KeptInterpreter {
  let compiled: WebAssembly.Module | undefined;
  return {
    module,
    keepCompiled: () => {
      compiled ??= new WebAssembly.Module(module);
    },
  };
}
