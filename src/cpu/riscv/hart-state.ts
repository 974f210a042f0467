// All that a guest could tell two harts apart by, as plain data: what a snapshot keeps of one. What is made of guest RAM
// (decoded and translated code) is not in it.
import { csrAt } from './csr-layout.ts';
import { at, ramOffset } from './layout.ts';
import type { Hart } from './hart.ts';
import type { Registers } from './registers.ts';
import { restoreTranslations, saveTranslations } from './translations-state.ts';
import type { TranslationsState } from './translations-state.ts';

interface RegistersState {
  x: BigInt64Array<ArrayBuffer>;
  f: BigInt64Array<ArrayBuffer>;
  pc: bigint;
  fflags: number;
  frm: number;
  mstatus: number;
  /** By the names in `csrAt`. */
  csrs: Record<string, bigint>;
  privilege: number;
  lines: number;
  waiting: boolean;
  nestedTraps: number;
  retired: number;
  cycleOffset: bigint;
  instretOffset: bigint;
  /** Of LR: offset in guest RAM and the value that was seen; -1 without a reservation. */
  reservation: number;
  reservedValue: bigint;
}

export interface HartState extends RegistersState {
  stopped: boolean;
  barrenTraps: number;
  retiredAtTrap: number;
  pmp: PmpState;
  translations: TranslationsState;
}

export interface PmpState {
  configurations: number[];
  addresses: bigint[];
}

const registerCount = 32;
const csrNames = Object.keys(csrAt) as (keyof typeof csrAt)[];

function wide({ wide: all }: Registers, offset: number): bigint {
  return all[offset / 8] ?? 0n;
}

function saveRegisters(r: Registers): RegistersState {
  const reservation = r.word(at.reservation);
  return {
    x: r.wide.slice(at.x / 8, at.x / 8 + registerCount),
    f: r.wide.slice(at.f / 8, at.f / 8 + registerCount),
    pc: wide(r, at.pc),
    fflags: r.word(at.fflags),
    frm: r.word(at.frm),
    mstatus: r.word(at.mstatus),
    csrs: Object.fromEntries(csrNames.map((name) => [name, wide(r, csrAt[name])])),
    privilege: r.record.privilege,
    lines: r.record.lines,
    waiting: r.record.waiting,
    nestedTraps: r.word(at.nestedTraps),
    retired: r.record.retired,
    cycleOffset: wide(r, at.cycleOffset),
    instretOffset: wide(r, at.instretOffset),
    reservation: reservation === 0 ? -1 : reservation - ramOffset,
    reservedValue: wide(r, at.reservedValue),
  };
}

function restoreRegisters(r: Registers, state: RegistersState): void {
  const put = (offset: number, value: bigint): void => {
    r.wide[offset / 8] = BigInt.asIntN(64, value);
  };
  // x0 stays what it is, whatever a record says.
  r.wide.set(state.x.subarray(1, registerCount), at.x / 8 + 1);
  r.wide.set(state.f.subarray(0, registerCount), at.f / 8);
  put(at.pc, state.pc);
  r.setFcsr(state.fflags, state.frm);
  r.setWord(at.mstatus, state.mstatus);
  for (const name of csrNames) put(csrAt[name], state.csrs[name] ?? 0n);
  r.setWord(at.privilege, state.privilege);
  r.record.lines = state.lines;
  r.record.waiting = state.waiting;
  r.setWord(at.nestedTraps, state.nestedTraps);
  r.record.retired = state.retired;
  put(at.cycleOffset, state.cycleOffset);
  put(at.instretOffset, state.instretOffset);
  // Generated code reads there without looking: never outside RAM, and aligned.
  const { reservation } = state;
  const isPlace = reservation >= 0 && reservation % 4 === 0 && ramOffset + reservation + 8 <= r.buffer.byteLength;
  r.setWord(at.reservation, isPlace ? ramOffset + reservation : 0);
  put(at.reservedValue, state.reservedValue);
}

/** Taken between runs. */
export function saveHart({ registers, mmu, pages, caches, stopped, barren }: Hart): HartState {
  return {
    ...saveRegisters(registers),
    stopped,
    barrenTraps: barren.traps,
    retiredAtTrap: barren.retired,
    pmp: mmu.pmp.state,
    translations: saveTranslations(caches, registers, pages),
  };
}

/** For a hart that has not run, once guest RAM is as it was. */
export function restoreHart(hart: Hart, state: HartState): void {
  restoreRegisters(hart.registers, state);
  hart.stopped = state.stopped;
  Object.assign(hart.barren, { traps: state.barrenTraps, retired: state.retiredAtTrap });
  hart.mmu.pmp.state = state.pmp;
  restoreTranslations(hart.caches, hart.registers, hart.pages, state.translations);
  hart.selectCaches();
}
