// What the ring fuzzer does to a virtio-9p device, as plain data: what a driver writes into registers and into its RAM, in
// any order, and when the operations end that its requests wait for.
import type { ErrnoName } from '../../devices/9p/errno.ts';
import type { TransportName } from '../transports.ts';

/** Guest RAM of a case, and where things usually are in it: offsets from its start. */
export const ramLength = 0x8000;
export const place = {
  table: 0x0000,
  available: 0x0200,
  used: 0x0400,
  /** Two tables for indirect descriptors. */
  indirect: [0x0600, 0x0700],
  messages: 0x1000,
  replies: 0x4000,
} as const;
/** Entries of the queue as a driver that means it sets it up. */
export const queueSize = 8;
/** Entries of a table for indirect descriptors. */
export const tableEntries = 12;

export type RingStep =
  /** Writes a register, or what lies beside them; with `config` one of PCI's configuration space. */
  | {
      readonly do: 'write';
      readonly offset: number;
      readonly size: 1 | 2 | 4;
      readonly value: number;
      readonly config?: true;
    }
  | { readonly do: 'read'; readonly offset: number; readonly size: 1 | 2 | 4; readonly config?: true }
  /** Brings the device up with a queue at its usual place, as a driver that means it does. `features` are words. */
  | { readonly do: 'start'; readonly features: readonly [number, number] }
  /** Writes a descriptor: table 0 is the queue's, the others are the indirect ones. Addresses of 64 bits, in two halves. */
  | {
      readonly do: 'describe';
      readonly table: number;
      readonly index: number;
      readonly address: readonly [low: number, high: number];
      readonly length: number;
      readonly flags: number;
      readonly next: number;
    }
  /** Puts a head into the available ring and moves its index. */
  | { readonly do: 'offer'; readonly head: number }
  /** Moves the available index by `by`, and nothing else. */
  | { readonly do: 'jump'; readonly by: number }
  /** Writes bytes (as hexadecimal digits) at an offset of RAM. */
  | { readonly do: 'store'; readonly at: number; readonly bytes: string }
  | { readonly do: 'notify'; readonly value: number }
  | { readonly do: 'poll' }
  /** Another hart from now on changes whatever the device has just read, or does not. */
  | { readonly do: 'race'; readonly on: boolean }
  /** Lets an operation end, one of those that wait. */
  | { readonly do: 'settle'; readonly which: number; readonly error?: ErrnoName };

export interface RingCase {
  readonly kind: 'rings';
  readonly note?: string;
  /** Whether the server's operations wait until the case lets them end. */
  readonly waits: boolean;
  /** Default: mmio. */
  readonly transport?: TransportName;
  readonly steps: readonly RingStep[];
}

export function ringCaseToJson({ kind, note, waits, transport, steps }: RingCase): string {
  const head = JSON.stringify({ kind, note, waits, transport }).slice(0, -1);
  return `${head},"steps":[\n${steps.map((step) => `  ${JSON.stringify(step)}`).join(',\n')}\n]}\n`;
}
