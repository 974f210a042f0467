// The RISC-V Instruction Set Manual, Volume II (20240411), chapters 2, 3, 10 and 12 (Sstc): control and status registers.
// Values travel as two halves in `low` and `high`.
import { csrAt } from './csr-layout.ts';
import { adUpdateEnable } from './features.ts';
import type { HartFeatures } from './features.ts';
import { at } from './layout.ts';
import { satpMode } from './mmu.ts';
import type { Pmp } from './pmp.ts';
import { mstatus, privilege } from './registers.ts';
import type { Registers } from './registers.ts';

/** Bits of mip and mie. */
export const interrupt = {
  supervisorSoftware: 1,
  machineSoftware: 3,
  supervisorTimer: 5,
  machineTimer: 7,
  supervisorExternal: 9,
  machineExternal: 11,
} as const;

const ssip = 1 << interrupt.supervisorSoftware;
const stip = 1 << interrupt.supervisorTimer;
const seip = 1 << interrupt.supervisorExternal;
const supervisorInterrupts = ssip | stip | seip;
const machineInterrupts =
  (1 << interrupt.machineSoftware) | (1 << interrupt.machineTimer) | (1 << interrupt.machineExternal);

/** I, M, A, F, D, C, B (Zba, Zbb and Zbs), S and U, MXL = 64 bits. */
const misaLow = [8, 12, 0, 5, 3, 2, 1, 18, 20].reduce((bits, letter) => bits | (1 << letter), 0);
const misaHigh = 2 << 30;
/** UXL = SXL = 64 bits. */
const mstatusHigh = (2 << 0) | (2 << 2);
export const sstatusHigh = 2;
const statusDirty = 1 << 31;
const mstatusWritable =
  mstatus.sie |
  mstatus.mie |
  mstatus.spie |
  mstatus.mpie |
  mstatus.spp |
  mstatus.mpp |
  mstatus.fs |
  mstatus.mprv |
  mstatus.sum |
  mstatus.mxr |
  mstatus.tvm |
  mstatus.tw |
  mstatus.tsr;
export const sstatusWritable = mstatus.sie | mstatus.spie | mstatus.spp | mstatus.fs | mstatus.sum | mstatus.mxr;
/** Exceptions that can be delegated: all but the one from M-mode. */
const medelegWritable = 0xb3ff;
/** menvcfg.FIOM, and STCE in bit 63; ADUE is `adUpdateEnable`. */
const fiom = 1;
const stce = 1 << 31;
const counters = 7;
const timeCounter = 2;

/** What the registers ask of the rest of the hart. */
export interface CsrHost {
  readonly registers: Registers;
  readonly pmp: Pmp;
  readonly hartId: number;
  readonly features: HartFeatures;
  /** Ticks of the timebase; an integer. */
  ticks(): number;
  /** Instructions retired before the present one. */
  retired(): number;
  /** mip as it reads. */
  pending(): number;
  /** PMP has changed. */
  protectionChanged(): void;
  /** satp has changed. */
  addressSpaceChanged(): void;
  /** The mode's contexts may have changed (SUM, MPRV, MPP, MXR). */
  statusChanged(old: number): void;
  /** stimecmp or its enable has changed. */
  timerChanged(): void;
}

interface Csr {
  read(): void;
  write?(low: number, high: number): void;
  /** The low half that set and clear start from, where it is not what is read. */
  base?(): number;
  /** Whether the register may be accessed in the present state, beyond what its number says. */
  allowed?(): boolean;
}

export class Csrs {
  /** The value last read. */
  #low = 0;
  #high = 0;
  readonly #host: CsrHost;
  readonly #registers: Registers;
  readonly #table: (Csr | undefined)[] = Array.from({ length: 4096 });

  constructor(host: CsrHost) {
    this.#host = host;
    this.#registers = host.registers;
    this.#defineFloat();
    this.#defineCounters();
    this.#defineSupervisor();
    this.#defineMachine();
    this.#definePmp();
  }

  /** Does csrrw, csrrs, csrrc and their immediate forms. False: the instruction is illegal. */
  access(instruction: number): boolean {
    const r = this.#registers;
    const number = instruction >>> 20;
    const csr = this.#table[number];
    // §2.1: bits 9 and 8 of the number are the least privilege, bits 11 and 10 both set mean read-only.
    if (csr === undefined || r.record.privilege < ((number >>> 8) & 3)) return false;
    const field = (instruction >>> 15) & 31;
    const operation = (instruction >>> 12) & 7;
    // Volume I, §7.1: set and clear with x0 or 0 do not write at all.
    const writes = (operation & 3) === 1 || field !== 0;
    if (writes && number >>> 10 === 3) return false;
    if (csr.allowed?.() === false) return false;
    const isImmediate = operation >= 4;
    const sourceLow = isImmediate ? field : r.low(at.x + field * 8);
    const sourceHigh = isImmediate ? 0 : r.high(at.x + field * 8);
    csr.read();
    const low = this.#low;
    const high = this.#high;
    if (writes && csr.write !== undefined) {
      const base = csr.base?.() ?? low;
      if ((operation & 3) === 1) csr.write(sourceLow, sourceHigh);
      else if ((operation & 3) === 2) csr.write(base | sourceLow, high | sourceHigh);
      else csr.write(base & ~sourceLow, high & ~sourceHigh);
    }
    const rd = (instruction >>> 7) & 31;
    if (rd !== 0) r.set(at.x + rd * 8, low, high);
    return true;
  }

  #give(low: number, high: number): void {
    this.#low = low;
    this.#high = high;
  }

  #giveNumber(value: number): void {
    this.#give(value | 0, Math.floor(value / 2 ** 32) | 0);
  }

  #giveWide(value: bigint): void {
    this.#give(Number(value & 0xffff_ffffn) | 0, Number((value >> 32n) & 0xffff_ffffn) | 0);
  }

  /** A register that holds what is written, but for bits that are fixed at 0. */
  #plain(number: number, offset: number, lowMask = -1, highMask = -1): void {
    this.#table[number] = {
      read: () => this.#give(this.#registers.low(offset), this.#registers.high(offset)),
      write: (low, high) => this.#registers.set(offset, low & lowMask, high & highMask),
    };
  }

  #constant(number: number, low: number, high = 0): void {
    this.#table[number] = { read: () => this.#give(low, high), write: () => undefined };
  }

  /** Volume I, §20.2. */
  #defineFloat(): void {
    const r = this.#registers;
    for (const [number, hasFlags, hasMode] of [
      [1, true, false],
      [2, false, true],
      [3, true, true],
    ] as const) {
      const shift = hasFlags ? 5 : 0;
      this.#table[number] = {
        allowed: () => (r.word(at.mstatus) & mstatus.fs) !== 0,
        read: () => this.#give((hasMode ? r.word(at.frm) << shift : 0) | (hasFlags ? r.word(at.fflags) : 0), 0),
        write: (low) => {
          r.setFcsr(hasFlags ? low & 0x1f : r.word(at.fflags), hasMode ? (low >>> shift) & 7 : r.word(at.frm));
          r.setWord(at.mstatus, r.word(at.mstatus) | mstatus.fs);
        },
      };
    }
  }

  #defineCounters(): void {
    const host = this.#host;
    const { wide } = this.#registers;
    const shown = (index: number, read: () => void): void => {
      this.#table[0xc00 + index] = { read, allowed: () => this.#counterAllowed(1 << index) };
    };
    for (const [index, added] of [
      [0, at.cycleOffset / 8],
      [2, at.instretOffset / 8],
    ] as const) {
      const read = (): void => this.#giveCount(wide[added] ?? 0n);
      shown(index, read);
      this.#table[0xb00 + index] = {
        read,
        // A write counts as made after the instruction: the next one reads what was written.
        write: (low, high) => {
          wide[added] = whole(low, high) - BigInt(host.retired() + 1);
        },
      };
    }
    shown(1, () => this.#giveNumber(host.ticks()));
    // §3.1.10: counters that count nothing read as 0.
    for (let index = 3; index < 32; index += 1) {
      this.#constant(0xb00 + index, 0);
      this.#constant(0x320 + index, 0);
      shown(index, () => this.#give(0, 0));
    }
    this.#constant(0x320, 0);
  }

  #giveCount(offset: bigint): void {
    const retired = this.#host.retired();
    if (offset === 0n) this.#giveNumber(retired);
    else this.#giveWide(BigInt.asUintN(64, BigInt(retired) + offset));
  }

  /** §3.1.11 and §10.1.5. */
  #counterAllowed(bit: number): boolean {
    const r = this.#registers;
    const { privilege: present } = r.record;
    if (present === privilege.machine) return true;
    if ((r.word(csrAt.mcounteren) & bit) === 0) return false;
    return present === privilege.supervisor || (r.word(csrAt.scounteren) & bit) !== 0;
  }

  #defineSupervisor(): void {
    const r = this.#registers;
    const host = this.#host;
    this.#table[0x100] = {
      read: () => this.#giveStatus(sstatusWritable, sstatusHigh),
      write: (low) => this.#writeStatus(low, sstatusWritable),
    };
    this.#table[0x104] = {
      read: () => this.#give(r.word(csrAt.mie) & r.word(csrAt.mideleg), 0),
      write: (low) => {
        const mask = r.word(csrAt.mideleg);
        r.set(csrAt.mie, (r.word(csrAt.mie) & ~mask) | (low & mask), 0);
      },
    };
    this.#plain(0x105, csrAt.stvec, ~2);
    this.#plain(0x106, csrAt.scounteren, counters, 0);
    this.#plain(0x10a, csrAt.senvcfg, fiom, 0);
    // sscratch to stval are the generated code's.
    this.#table[0x144] = {
      read: () => this.#give(host.pending() & r.word(csrAt.mideleg), 0),
      base: () => r.word(csrAt.mipSoftware),
      // §10.1.3: of the delegated ones software may set and clear SSIP alone.
      write: (low) => this.#writePending(low, ssip & r.word(csrAt.mideleg)),
    };
    this.#table[0x14d] = {
      allowed: () => this.#timerAllowed(),
      read: () => this.#give(r.low(csrAt.stimecmp), r.high(csrAt.stimecmp)),
      write: (low, high) => {
        r.set(csrAt.stimecmp, low, high);
        host.timerChanged();
      },
    };
    this.#table[0x180] = {
      // §3.1.6.5
      allowed: () => r.record.privilege !== privilege.supervisor || (r.word(at.mstatus) & mstatus.tvm) === 0,
      read: () => this.#give(r.low(csrAt.satp), r.high(csrAt.satp)),
      write: (low, high) => {
        // §10.1.11: an unsupported mode leaves the whole register as it was; ASIDLEN is 16.
        const mode = high >>> 28;
        const isThere =
          mode === satpMode.bare || mode === satpMode.sv39 || (mode === satpMode.sv48 && host.features.sv48);
        if (!isThere) return;
        r.set(csrAt.satp, low, high);
        host.addressSpaceChanged();
      },
    };
  }

  #defineMachine(): void {
    const r = this.#registers;
    const host = this.#host;
    for (const number of [0xf11, 0xf12, 0xf13, 0xf15]) this.#constant(number, 0);
    this.#constant(0xf14, host.hartId);
    this.#table[0x300] = {
      read: () => this.#giveStatus(mstatusWritable, mstatusHigh),
      write: (low) => this.#writeStatus(low, mstatusWritable),
    };
    this.#constant(0x301, misaLow, misaHigh);
    this.#plain(0x302, csrAt.medeleg, medelegWritable, 0);
    this.#plain(0x303, csrAt.mideleg, supervisorInterrupts, 0);
    this.#plain(0x304, csrAt.mie, supervisorInterrupts | machineInterrupts, 0);
    this.#plain(0x305, csrAt.mtvec, ~2);
    this.#plain(0x306, csrAt.mcounteren, counters, 0);
    this.#table[0x30a] = {
      read: () => this.#give(r.low(csrAt.menvcfg), r.high(csrAt.menvcfg)),
      write: (low, high) => {
        r.set(csrAt.menvcfg, low & fiom, high & (stce | (host.features.svadu ? adUpdateEnable : 0)));
        host.timerChanged();
      },
    };
    this.#plain(0x340, csrAt.mscratch);
    this.#plain(0x341, csrAt.mepc, ~1);
    this.#plain(0x342, csrAt.mcause);
    this.#plain(0x343, csrAt.mtval);
    this.#table[0x344] = {
      read: () => this.#give(host.pending(), 0),
      // §3.1.9: a line that is up takes no part, else setting another bit would hold SEIP up after it.
      base: () => r.word(csrAt.mipSoftware),
      write: (low) => this.#writePending(low, supervisorInterrupts),
    };
  }

  #definePmp(): void {
    const { pmp } = this.#host;
    for (const [index, number] of [0x3a0, 0x3a2].entries()) {
      const byte = (position: number): number => pmp.configuration(index * 8 + position) << ((position & 3) * 8);
      this.#table[number] = {
        read: () => this.#give(byte(0) | byte(1) | byte(2) | byte(3), byte(4) | byte(5) | byte(6) | byte(7)),
        write: (low, high) => {
          for (let position = 0; position < 8; position += 1) {
            const value = ((position < 4 ? low : high) >>> ((position & 3) * 8)) & 0xff;
            pmp.setConfiguration(index * 8 + position, value);
          }
          this.#host.protectionChanged();
        },
      };
    }
    for (let entry = 0; entry < 64; entry += 1) {
      if (entry < 16) {
        this.#table[0x3b0 + entry] = {
          read: () => this.#giveWide(pmp.address(entry)),
          write: (low, high) => {
            pmp.setAddress(entry, whole(low, high));
            this.#host.protectionChanged();
          },
        };
      } else {
        this.#constant(0x3b0 + entry, 0);
      }
    }
    for (const number of [0x3a4, 0x3a6, 0x3a8, 0x3aa, 0x3ac, 0x3ae]) this.#constant(number, 0);
  }

  /** §3.1.6: SD sums up that FS is dirty. */
  #giveStatus(mask: number, high: number): void {
    const status = this.#registers.word(at.mstatus);
    const dirty = (status & mstatus.fs) === mstatus.fs ? statusDirty : 0;
    this.#give(status & mask, high | dirty);
  }

  #writeStatus(low: number, mask: number): void {
    const r = this.#registers;
    const old = r.word(at.mstatus);
    let status = (old & ~mask) | (low & mask);
    // MPP = 2 is no mode: the field keeps what it had.
    if ((status & mstatus.mpp) >>> mstatus.mppShift === 2) status = (status & ~mstatus.mpp) | (old & mstatus.mpp);
    r.setWord(at.mstatus, status);
    this.#host.statusChanged(old);
  }

  #writePending(low: number, mask: number): void {
    const r = this.#registers;
    // Under Sstc the timer's bit is the comparison's alone (§12.1.1).
    const writable = this.#timerOn() ? mask & ~stip : mask;
    r.set(csrAt.mipSoftware, (r.word(csrAt.mipSoftware) & ~writable) | (low & writable), 0);
  }

  #timerOn(): boolean {
    return (this.#registers.high(csrAt.menvcfg) & stce) !== 0;
  }

  /** §12.1.1: from S-mode only with STCE and the time counter enabled. */
  #timerAllowed(): boolean {
    if (this.#registers.record.privilege === privilege.machine) return true;
    return this.#timerOn() && (this.#registers.word(csrAt.mcounteren) & timeCounter) !== 0;
  }
}

function whole(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

export { stce as timerEnable };
