// What a VM tells of itself.
import type { ShareActivity } from './activity-meter.ts';
import type { VmError } from './errors.ts';
import type { MachineEvent, MachineStatistics, VmExit } from './worker-protocol.ts';

/**
 * The way to a usable guest: the image is loaded, the machine made, the kernel has said something, the agent answers, the
 * shares are mounted. A quiet kernel says nothing: its stage is then reached with the agent's.
 */
export const bootStages = ['image', 'machine', 'kernel', 'agent', 'shares'] as const;
export type BootStage = (typeof bootStages)[number];

export interface VmEvents {
  /**
   * A stage is reached, `milliseconds` after `start` was called; with `loaded`, the stage 'image' is under way and so many
   * bytes of it have come. `total` is there where the server tells it.
   */
  progress: {
    readonly stage: BootStage;
    readonly milliseconds: number;
    readonly loaded?: number;
    readonly total?: number;
  };
  /** The guest can be used: after `start`, and again after each reboot of it. */
  ready: { readonly milliseconds: number };
  /** The guest runs, and cannot be made ready: it has no agent ('no-agent'), or refused a mount ('refused'). */
  unready: VmError;
  /** The machine has stopped. */
  exit: VmExit;
  /** The guest's kernel panicked; `exit` follows. */
  panic: { readonly lines: readonly string[] };
  /** A line for the person who runs the machine: a driver broke a rule, a backend failed. */
  log: { readonly line: string };
  /** What the guest asked of a share in the last tenth of a second, if anything. */
  activity: ShareActivity;
  /** Something happened in the machine, of a type that the option `trace` or `setTrace` names. */
  trace: MachineEvent;
}

export interface VmStatistics extends MachineStatistics {
  /** What the machine has begun with. */
  readonly start: 'boot' | 'cache' | 'snapshot';
  /** Milliseconds from `start` to each stage of the first boot. */
  readonly boot: Readonly<Partial<Record<BootStage, number>>>;
}
