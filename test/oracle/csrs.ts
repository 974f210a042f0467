// The RISC-V Instruction Set Manual, Volume II (20240411), chapters 2, 3, 10 and 12 (Sstc), for the reference hart: what
// each register reads as and what a write leaves in it, as masks over bigints.
import type { HartFeatures } from '../../src/cpu/riscv/features.ts';
import type { ReferencePmp } from './pmp.ts';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const bits = (...positions: readonly number[]): bigint => positions.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);

/** Fields of mstatus as bits. */
export const status = {
  sie: bits(1),
  mie: bits(3),
  spie: bits(5),
  mpie: bits(7),
  spp: bits(8),
  mpp: bits(11, 12),
  fs: bits(13, 14),
  mprv: bits(17),
  sum: bits(18),
  mxr: bits(19),
  tvm: bits(20),
  tw: bits(21),
  tsr: bits(22),
} as const;

const supervisorStatus = status.sie | status.spie | status.spp | status.fs | status.sum | status.mxr;
const machineStatus =
  supervisorStatus | status.mie | status.mpie | status.mpp | status.mprv | status.tvm | status.tw | status.tsr;
const uxl = 2n << 32n;
const sxl = 2n << 34n;
const sd = bits(63);
const supervisorInterrupts = bits(1, 5, 9);
const allInterrupts = supervisorInterrupts | bits(3, 7, 11);
const stip = bits(5);
const seip = bits(9);
const stce = bits(63);
/** menvcfg.ADUE. */
const adue = bits(61);

/** Registers that keep what is written, under a mask. */
const kept = {
  stvec: 0x105,
  scounteren: 0x106,
  senvcfg: 0x10a,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  medeleg: 0x302,
  mideleg: 0x303,
  mie: 0x304,
  mtvec: 0x305,
  mcounteren: 0x306,
  menvcfg: 0x30a,
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
} as const;
type Kept = keyof typeof kept;
const masks: Partial<Record<Kept, bigint>> = {
  stvec: u64(~2n),
  mtvec: u64(~2n),
  sepc: u64(~1n),
  mepc: u64(~1n),
  scounteren: 7n,
  mcounteren: 7n,
  senvcfg: 1n,
  medeleg: 0xb3ffn,
  mideleg: supervisorInterrupts,
  mie: allInterrupts,
};

interface Csr {
  read(): bigint;
  write(value: bigint): void;
  /** What set and clear start from, where that is not what is read. */
  readToModify?(): bigint;
  allowed?(): boolean;
}

/** What the registers need of their hart. */
export interface CsrSurroundings {
  readonly features: HartFeatures;
  readonly mode: number;
  readonly pmp: ReferencePmp;
  readonly ticks: bigint;
  /** Instructions retired before the present one. */
  readonly retired: bigint;
  /** Interrupt lines that are up, as bits of mip. */
  readonly lines: bigint;
}

export class ReferenceCsrs {
  mstatus = 0n;
  fflags = 0n;
  frm = 0n;
  satp = 0n;
  stimecmp = u64(-1n);
  /** The part of mip that software writes. */
  #software = 0n;
  #instretOffset = 0n;
  #cycleOffset = 0n;
  readonly #kept = new Map<number, bigint>();
  readonly #hart: CsrSurroundings;
  readonly #table = new Map<number, Csr>();

  constructor(hart: CsrSurroundings) {
    this.#hart = hart;
    for (const [name, number] of Object.entries(kept)) {
      const mask = masks[name as Kept] ?? u64(-1n);
      this.#table.set(number, {
        read: () => this.#kept.get(number) ?? 0n,
        write: (value) => this.#kept.set(number, value & mask),
      });
    }
    this.#defineFeatures();
    this.#defineFloat();
    this.#defineStatus();
    this.#defineInterrupts();
    this.#defineCounters();
    this.#definePmp();
    for (const number of [0xf11, 0xf12, 0xf13, 0xf14, 0xf15]) this.#constant(number, 0n);
    // I, M, A, F, D, C, B, S and U.
    this.#constant(0x301, (2n << 62n) | bits(8, 12, 0, 5, 3, 2, 1, 18, 20));
    this.#table.set(0x180, {
      allowed: () => hart.mode === 3 || (this.mstatus & status.tvm) === 0n,
      read: () => this.satp,
      write: (value) => {
        // An unsupported mode changes nothing.
        const mode = value >> 60n;
        if (mode === 0n || mode === 8n || (mode === 9n && hart.features.sv48)) this.satp = value;
      },
    });
  }

  /** A register's value; for the reference hart itself and for comparisons. */
  get(name: Kept): bigint {
    return this.#kept.get(kept[name]) ?? 0n;
  }

  set(name: Kept, value: bigint): void {
    this.#kept.set(kept[name], value);
  }

  /** Undefined where there is no such register in the present mode and state. */
  find(number: number): Csr | undefined {
    const found = this.#table.get(number);
    if (found === undefined || this.#hart.mode < ((number >> 8) & 3)) return undefined;
    return found.allowed?.() === false ? undefined : found;
  }

  get pending(): bigint {
    // §12.1.1: with STCE the timer's bit is the comparison.
    const timer = this.#timerOn ? (this.#hart.ticks >= this.stimecmp ? stip : 0n) : this.#software & stip;
    return this.#hart.lines | (this.#software & ~stip) | timer;
  }

  /** §3.1.18 and §10.3.1: who sets accessed and dirty bits. */
  get updatesBits(): boolean {
    const { svadu, svade } = this.#hart.features;
    return svadu ? (this.get('menvcfg') & adue) !== 0n : !svade;
  }

  #defineFeatures(): void {
    const { svadu, svade } = this.#hart.features;
    const menvcfg = kept.menvcfg;
    const mask = stce | 1n | (svadu ? adue : 0n);
    this.#kept.set(menvcfg, svadu && !svade ? adue : 0n);
    this.#table.set(menvcfg, {
      read: () => this.get('menvcfg'),
      write: (value) => this.#kept.set(menvcfg, value & mask),
    });
  }

  get #timerOn(): boolean {
    return (this.get('menvcfg') & stce) !== 0n;
  }

  #constant(number: number, value: bigint): void {
    this.#table.set(number, { read: () => value, write: () => undefined });
  }

  #defineFloat(): void {
    const allowed = (): boolean => (this.mstatus & status.fs) !== 0n;
    const define = (number: number, read: () => bigint, write: (value: bigint) => void): void => {
      const dirty = (value: bigint): void => {
        write(value);
        this.mstatus |= status.fs;
      };
      this.#table.set(number, { allowed, read, write: dirty });
    };
    define(
      1,
      () => this.fflags,
      (value) => {
        this.fflags = value & 31n;
      },
    );
    define(
      2,
      () => this.frm,
      (value) => {
        this.frm = value & 7n;
      },
    );
    define(
      3,
      () => (this.frm << 5n) | this.fflags,
      (value) => {
        this.fflags = value & 31n;
        this.frm = (value >> 5n) & 7n;
      },
    );
  }

  #defineStatus(): void {
    const dirty = (): bigint => ((this.mstatus & status.fs) === status.fs ? sd : 0n);
    this.#table.set(0x300, {
      read: () => this.mstatus | dirty() | uxl | sxl,
      write: (value) => {
        const mpp = ((value & status.mpp) >> 11n === 2n ? this.mstatus : value) & status.mpp;
        this.mstatus = (value & machineStatus & ~status.mpp) | mpp;
      },
    });
    this.#table.set(0x100, {
      read: () => (this.mstatus & supervisorStatus) | dirty() | uxl,
      write: (value) => {
        this.mstatus = (this.mstatus & ~supervisorStatus) | (value & supervisorStatus);
      },
    });
  }

  #defineInterrupts(): void {
    const writePending = (value: bigint, mask: bigint): void => {
      const writable = this.#timerOn ? mask & ~stip : mask;
      this.#software = (this.#software & ~writable) | (value & writable);
    };
    this.#table.set(0x344, {
      read: () => this.pending,
      // §3.1.9: the line of SEIP takes no part in set and clear.
      readToModify: () => (this.pending & ~seip) | (this.#software & seip),
      write: (value) => writePending(value, supervisorInterrupts),
    });
    const delegated = (): bigint => this.get('mideleg');
    this.#table.set(0x144, {
      read: () => this.pending & delegated(),
      write: (value) => writePending(value, bits(1) & delegated()),
    });
    this.#table.set(0x104, {
      read: () => this.get('mie') & delegated(),
      write: (value) => this.set('mie', (this.get('mie') & ~delegated()) | (value & delegated())),
    });
    this.#table.set(0x14d, {
      allowed: () => this.#hart.mode === 3 || (this.#timerOn && (this.get('mcounteren') & 2n) !== 0n),
      read: () => this.stimecmp,
      write: (value) => {
        this.stimecmp = value;
      },
    });
  }

  #defineCounters(): void {
    const hart = this.#hart;
    const cycle = (): bigint => u64(hart.retired + this.#cycleOffset);
    const instret = (): bigint => u64(hart.retired + this.#instretOffset);
    const user = (index: number, read: () => bigint): void => {
      const allowed = (): boolean => {
        const bit = 1n << BigInt(index);
        const fromSupervisor = (this.get('mcounteren') & bit) !== 0n;
        return hart.mode === 3 || (fromSupervisor && (hart.mode === 1 || (this.get('scounteren') & bit) !== 0n));
      };
      this.#table.set(0xc00 + index, { allowed, read, write: () => undefined });
    };
    user(0, cycle);
    user(1, () => hart.ticks);
    user(2, instret);
    // What is written is what the next instruction reads.
    this.#table.set(0xb00, {
      read: cycle,
      write: (value) => {
        this.#cycleOffset = value - hart.retired - 1n;
      },
    });
    this.#table.set(0xb02, {
      read: instret,
      write: (value) => {
        this.#instretOffset = value - hart.retired - 1n;
      },
    });
    for (let index = 3; index < 32; index += 1) {
      this.#constant(0xb00 + index, 0n);
      this.#constant(0x320 + index, 0n);
      user(index, () => 0n);
    }
    this.#constant(0x320, 0n);
  }

  #definePmp(): void {
    const { pmp } = this.#hart;
    for (let register = 0; register < 16; register += 2) {
      const entries = register < 4 ? Array.from({ length: 8 }, (_, byte) => register * 4 + byte) : [];
      this.#table.set(0x3a0 + register, {
        read: () =>
          entries.reduce((sum, entry, byte) => sum | (BigInt(pmp.configurations[entry]!) << BigInt(8 * byte)), 0n),
        write: (value) => {
          for (const [byte, entry] of entries.entries()) {
            pmp.writeConfiguration(entry, Number((value >> BigInt(8 * byte)) & 0xffn));
          }
        },
      });
    }
    for (let entry = 0; entry < 64; entry += 1) {
      if (entry >= 16) this.#constant(0x3b0 + entry, 0n);
      else {
        this.#table.set(0x3b0 + entry, {
          read: () => pmp.readAddress(entry),
          write: (value) => pmp.writeAddress(entry, value),
        });
      }
    }
  }
}
