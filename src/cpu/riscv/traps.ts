// The RISC-V Instruction Set Manual, Volume II (20240411), §3.1.6 to §3.1.9 and §3.3.2: entering and leaving traps.
import { csrAt, toSupervisor } from './csr-layout.ts';
import { interrupt } from './csr.ts';
import { at } from './layout.ts';
import { mstatus, privilege, privilegeOf } from './registers.ts';
import type { Registers } from './registers.ts';

/** What a mode that takes traps has for them: where its registers lie from M-mode's, and its fields of mstatus. */
const machine = { from: 0, ie: mstatus.mie, pie: mstatus.mpie, pp: mstatus.mpp };
const supervisor = { from: toSupervisor, ie: mstatus.sie, pie: mstatus.spie, pp: mstatus.spp };

/** Takes a trap: the pc goes to xepc, the hart to the handler. `code` is the exception's or the interrupt's. */
export function enterTrap(r: Registers, code: number, isInterrupt: boolean, valueLow: number, valueHigh: number): void {
  const { record } = r;
  const present = record.privilege;
  const delegation = r.word(isInterrupt ? csrAt.mideleg : csrAt.medeleg);
  const isDelegated = present !== privilege.machine && ((delegation >>> code) & 1) !== 0;
  const { from, ie, pie, pp } = isDelegated ? supervisor : machine;
  r.set(csrAt.mepc + from, r.low(at.pc), r.high(at.pc));
  r.set(csrAt.mcause + from, code, isInterrupt ? 1 << 31 : 0);
  r.set(csrAt.mtval + from, valueLow, valueHigh);
  const status = r.word(at.mstatus);
  const previous = (status & ie) === 0 ? 0 : pie;
  r.setWord(at.mstatus, (status & ~(pp | pie | ie)) | (present * lowest(pp)) | previous);
  record.privilege = isDelegated ? privilege.supervisor : privilege.machine;
  const base = r.low(csrAt.mtvec + from);
  r.set(at.pc, base & ~3, r.high(csrAt.mtvec + from));
  // §3.1.7: vectored mode spreads interrupts, never exceptions.
  if (isInterrupt && (base & 3) === 1) r.advance(4 * code);
}

/** §3.1.6.1: MRET or SRET. The caller has checked that it is allowed. */
export function leaveTrap(r: Registers, by: 'mret' | 'sret'): void {
  const { from, ie, pie, pp } = by === 'sret' ? supervisor : machine;
  const status = r.word(at.mstatus);
  const previous = privilegeOf((status & pp) / lowest(pp));
  let next = (status & ~(ie | pp)) | pie | ((status & pie) === 0 ? 0 : ie);
  if (previous !== privilege.machine) next &= ~mstatus.mprv;
  r.setWord(at.mstatus, next);
  r.record.privilege = previous;
  r.set(at.pc, r.low(csrAt.mepc + from), r.high(csrAt.mepc + from));
}

/** The lowest bit of a field. */
function lowest(field: number): number {
  return field & -field;
}

/** §3.1.9: the order in which interrupts that wait together are taken. */
const order = [
  interrupt.machineExternal,
  interrupt.machineSoftware,
  interrupt.machineTimer,
  interrupt.supervisorExternal,
  interrupt.supervisorSoftware,
  interrupt.supervisorTimer,
];

/** The interrupt to be taken now among those that are pending and enabled, or undefined. */
export function nextInterrupt(r: Registers, pendingEnabled: number): number | undefined {
  const present = r.record.privilege;
  const status = r.word(at.mstatus);
  const delegated = r.word(csrAt.mideleg);
  const machineOn = present !== privilege.machine || (status & mstatus.mie) !== 0;
  const supervisorOn = present === privilege.user || (present === privilege.supervisor && (status & mstatus.sie) !== 0);
  const takeable = (machineOn ? pendingEnabled & ~delegated : 0) || (supervisorOn ? pendingEnabled & delegated : 0);
  if (takeable === 0) return undefined;
  return order.find((code) => ((takeable >>> code) & 1) !== 0);
}
