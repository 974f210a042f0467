// Where QEMU and The RISC-V Instruction Set Manual (20240411) differ, or the manual leaves a choice that QEMU makes
// otherwise. What has a `holds` is met in the streams and counted; the rest the streams keep away from.
import type { Deviation } from '../cpu/riscv/stream/compare.ts';

const versions = 'QEMU 7.2';

export const deviations: readonly Deviation[] = [
  {
    clause: 'Volume II, table 14: an AMO faults as a store, misaligned (6), access (7) or page (15); there as a load',
    versions,
    holds: (ours, theirs, instruction) =>
      instruction.startsWith('amo') && ours.tval === theirs.tval && theirs.cause === ours.cause - 2n,
    met: 0,
  },
  {
    clause: 'Volume II, §3.1.16: xtval of a breakpoint is its address, or 0; there 0',
    versions,
    holds: (ours, theirs) => ours.cause === 3n && theirs.cause === 3n && ours.tval === ours.epc && theirs.tval === 0n,
    met: 0,
  },
  {
    clause:
      'Volume II, §3.1.16: xtval is the address of the part that faulted; there, by PMP, that of the whole access',
    versions,
    holds: (ours, theirs) =>
      (ours.cause === 5n || ours.cause === 7n) &&
      theirs.cause === ours.cause &&
      ours.tval % 4096n === 0n &&
      ours.tval > theirs.tval &&
      ours.tval - theirs.tval < 8n,
    met: 0,
  },
  {
    clause:
      'Volume II, §3.7.1.3: PMP asks for each part of a misaligned access; there for all at once, before the next has no page',
    versions,
    holds: (ours, theirs) =>
      (ours.cause === 13n || ours.cause === 15n) &&
      theirs.cause === (ours.cause === 13n ? 5n : 7n) &&
      ours.tval % 4096n === 0n &&
      ours.tval > theirs.tval &&
      ours.tval - theirs.tval < 8n,
    met: 0,
  },
];

/** What the streams do not do, because QEMU is not to be believed about it or the manual leaves it open. */
export const avoided = [
  { clause: 'Volume I, §14.2: SC to a misaligned address traps', there: 'it fails without a trap', versions },
  { clause: 'Volume I, §14.2: an SC without a reservation may trap or fail', there: 'it fails', versions },
  { clause: 'Volume I, "B": ctzw of 0 is 32', there: 'it counts the zeros in the upper half, too', versions },
  { clause: 'Volume II, §3.1.14: bit 0 of mepc and sepc is 0', there: 'csrw leaves it as written', versions },
  {
    clause: 'Volume II, §3.1.6.6: when FS becomes dirty',
    there: 'not by instructions that raise flags only',
    versions,
  },
  { clause: 'Volume II, §3.7.1.3: PMP asks for each part of a misaligned access', there: 'for all at once', versions },
  { clause: 'Volume II, §10.3.1: A may be set before a store faults', there: 'an AMO sets it', versions },
  { clause: 'Volume II, §3.1.10: cycle, time and instret', there: 'count something else', versions },
] as const;
