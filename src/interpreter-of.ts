// Which interpreter a machine has, by its options.
import { board } from './board.ts';
import { defaultHotAfter, interpreterModule } from './cpu/riscv/interpreter.ts';
import { memoryPages } from './cpu/riscv/layout.ts';
import type { CpuEngine } from './worker-protocol.ts';

/** The module that the hart of such a machine would make: a test compares them. */
export function makeInterpreter(memoryBytes: number, shared: boolean, cpu: CpuEngine): Uint8Array<ArrayBuffer> {
  return interpreterModule({
    pages: memoryPages(memoryBytes),
    shared,
    ram: { base: board.ram.base, bytes: memoryBytes },
    ...(cpu === 'translator' && { hotAfter: defaultHotAfter }),
  });
}
