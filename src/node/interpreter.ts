// The module of a machine's hart, made while its thread is starting: there it would take 25 ms, because nothing is compiled yet.
import { makeInterpreter } from '../interpreter-of.ts';
import type { MachineSetup } from '../worker-protocol.ts';

let last: { readonly key: string; readonly module: Uint8Array<ArrayBuffer> } | undefined;

/** Kept for the next machine: it depends on nothing else. */
export function interpreterFor({ memoryBytes, sharedMemory, cpu }: MachineSetup): Uint8Array<ArrayBuffer> {
  const key = JSON.stringify([memoryBytes, sharedMemory, cpu]);
  if (last?.key !== key) last = { key, module: makeInterpreter(memoryBytes, sharedMemory, cpu) };
  return last.module;
}
