// PCI Local Bus Specification 3.0, §6: a function, as the bridge above it sees it.
import type { MmioRegion } from '../ports.ts';

/** A range of memory that moves: where a base address register puts it. */
export interface PciBar extends MmioRegion {
  /** The address it begins at; undefined while the function does not decode memory. Anything at all may be written there. */
  readonly base: number | undefined;
}

/**
 * What a PCI host holds. A host passes configuration accesses on as they come, and a memory access to the function with
 * that address in one of its `bars`, at the offset from the bar's `base`.
 */
export interface PciFunction {
  /** For logs. */
  readonly name: string;
  readonly bars: readonly PciBar[];
  /** Reads 1, 2 or 4 bytes of configuration space, little endian, as an unsigned number; all ones behind its end. */
  readConfig(offset: number, size: 1 | 2 | 4): number;
  /** Writes 1, 2 or 4 bytes of configuration space; what is read-only stays. */
  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void;
  /** What the bus's reset does (RST#): everything as it was made. */
  reset(): void;
}

/** What is read where nothing answers (§6.1). */
export function allOnes(size: 1 | 2 | 4): number {
  return 2 ** (8 * size) - 1;
}
