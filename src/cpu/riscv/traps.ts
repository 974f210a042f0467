// The RISC-V Instruction Set Manual, Volume II (20240411), §3.1.6 to §3.1.9 and §3.3.2: entering and leaving traps.
import { csrAt } from './csr-layout.ts';
import { interrupt } from './csr.ts';
import { at } from './layout.ts';
import { mstatus, privilege, privilegeOf } from './registers.ts';
import type { Registers } from './registers.ts';

/** Takes a trap: the pc goes to xepc, the hart to the handler. `code` is the exception's or the interrupt's. */
export function enterTrap(r: Registers, code: number, isInterrupt: boolean, valueLow: number, valueHigh: number): void {
  const { record } = r;
  const from = record.privilege;
  const delegation = r.word(isInterrupt ? csrAt.mideleg : csrAt.medeleg);
  const toSupervisor = from !== privilege.machine && ((delegation >>> code) & 1) !== 0;
  const status = r.word(at.mstatus);
  const causeHigh = isInterrupt ? 1 << 31 : 0;
  let vector: number;
  if (toSupervisor) {
    r.set(csrAt.sepc, r.low(at.pc), r.high(at.pc));
    r.set(csrAt.scause, code, causeHigh);
    r.set(csrAt.stval, valueLow, valueHigh);
    let next = status & ~(mstatus.spp | mstatus.spie | mstatus.sie);
    if (from === privilege.supervisor) next |= mstatus.spp;
    if ((status & mstatus.sie) !== 0) next |= mstatus.spie;
    r.setWord(at.mstatus, next);
    record.privilege = privilege.supervisor;
    vector = csrAt.stvec;
  } else {
    r.set(csrAt.mepc, r.low(at.pc), r.high(at.pc));
    r.set(csrAt.mcause, code, causeHigh);
    r.set(csrAt.mtval, valueLow, valueHigh);
    let next = status & ~(mstatus.mpp | mstatus.mpie | mstatus.mie);
    next |= from << mstatus.mppShift;
    if ((status & mstatus.mie) !== 0) next |= mstatus.mpie;
    r.setWord(at.mstatus, next);
    record.privilege = privilege.machine;
    vector = csrAt.mtvec;
  }
  const base = r.low(vector);
  r.set(at.pc, base & ~3, r.high(vector));
  // §3.1.7: vectored mode spreads interrupts, never exceptions.
  if (isInterrupt && (base & 3) === 1) r.advance(4 * code);
}

/** §3.1.6.1: MRET or SRET. The caller has checked that it is allowed. */
export function leaveTrap(r: Registers, by: 'mret' | 'sret'): void {
  const status = r.word(at.mstatus);
  const { record } = r;
  let next: number;
  if (by === 'mret') {
    const previous = privilegeOf((status & mstatus.mpp) >>> mstatus.mppShift);
    next = status & ~(mstatus.mie | mstatus.mpp);
    if ((status & mstatus.mpie) !== 0) next |= mstatus.mie;
    next |= mstatus.mpie;
    record.privilege = previous;
    r.set(at.pc, r.low(csrAt.mepc), r.high(csrAt.mepc));
  } else {
    next = status & ~(mstatus.sie | mstatus.spp);
    if ((status & mstatus.spie) !== 0) next |= mstatus.sie;
    next |= mstatus.spie;
    record.privilege = (status & mstatus.spp) !== 0 ? privilege.supervisor : privilege.user;
    r.set(at.pc, r.low(csrAt.sepc), r.high(csrAt.sepc));
  }
  if (record.privilege !== privilege.machine) next &= ~mstatus.mprv;
  r.setWord(at.mstatus, next);
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
