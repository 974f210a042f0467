// What is in a snapshot, for whoever has to find its shares before it is resumed.
import type { Bytes } from '../devices/ports.ts';
import { asVmError } from './errors.ts';
import type { Share } from './vm-options.ts';
import type { MachineSetup, VirtioTransport } from './worker-protocol.ts';

export interface SnapshotDescription {
  /** Version of the program that has made it. */
  readonly program: string;
  /** MiB of RAM. */
  readonly memory: number;
  readonly clock: MachineSetup['clock'];
  readonly transport: VirtioTransport;
  /** Given again in this order, with these options, before others. */
  readonly shares: readonly Omit<Share, 'source'>[];
  /** What tells each drive from the others. */
  readonly drives: readonly string[];
}

/** Looks through all of a snapshot. Rejects with VmError 'bad-file' for what is none, or damaged, or of another format. */
export async function describeSnapshot(snapshot: Bytes): Promise<SnapshotDescription> {
  const { describe } = await import('./snapshot/api-side.ts');
  try {
    return describe(snapshot);
  } catch (error) {
    throw asVmError(error);
  }
}
