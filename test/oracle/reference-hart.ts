// A hart as plain as can be: bigints, a page walk for every access, nothing remembered that the manual does not name. It
// runs in step with the real one and says who is wrong. The RISC-V Instruction Set Manual, Volume II (20240411).
import type { AccessSize, CsrOperation, SystemOperation } from '../../src/cpu/ops.ts';
import { defaultFeatures } from '../../src/cpu/riscv/features.ts';
import type { HartFeatures } from '../../src/cpu/riscv/features.ts';
import { decode } from '../../src/cpu/riscv/decoder.ts';
import { ReferenceCsrs, status } from './csrs.ts';
import { evaluate, Trap } from './evaluator.ts';
import type { Surroundings } from './evaluator.ts';
import type { ReferenceMemory } from './memory.ts';
import { ReferencePmp } from './pmp.ts';
import type { Access } from './pmp.ts';
import { translate } from './translation.ts';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const pageSize = 4096n;
const interruptBit = 1n << 63n;

/** Table 14: access fault and page fault of each access. */
const faults: Readonly<Record<Access, { readonly access: number; readonly page: number }>> = {
  fetch: { access: 1, page: 12 },
  load: { access: 5, page: 13 },
  store: { access: 7, page: 15 },
};
const illegalInstruction = 2;
/** §3.1.9, highest first. */
const interruptOrder = [11n, 3n, 7n, 9n, 1n, 5n];

export class ReferenceHart implements Surroundings {
  readonly x: bigint[] = Array.from({ length: 32 }, () => 0n);
  readonly f: bigint[] = Array.from({ length: 32 }, () => 0n);
  readonly pmp = new ReferencePmp();
  readonly memory: ReferenceMemory;
  readonly features: HartFeatures;
  readonly csrs: ReferenceCsrs;
  pc = 0n;
  mode = 3;
  retired = 0n;
  ticks = 0n;
  lines = 0n;
  waiting = false;
  reservation: { readonly address: bigint; readonly value: bigint } | undefined;

  constructor(memory: ReferenceMemory, features = defaultFeatures) {
    this.memory = memory;
    this.features = features;
    this.csrs = new ReferenceCsrs(this);
  }

  get roundingMode(): number {
    return Number(this.csrs.frm);
  }

  /** Retires one instruction, after whatever traps come before. */
  step(): void {
    for (;;) {
      this.#takeInterrupt();
      try {
        this.#execute();
        return;
      } catch (error) {
        if (!(error instanceof Trap)) throw error;
        this.#enter(BigInt(error.code), error.value);
      }
    }
  }

  /** Takes the traps that come before the next instruction but for that instruction's own. */
  settle(): void {
    for (;;) {
      this.#takeInterrupt();
      try {
        this.#physical(this.pc, 'fetch', 2);
        return;
      } catch (error) {
        if (!(error instanceof Trap)) throw error;
        this.#enter(BigInt(error.code), error.value);
      }
    }
  }

  /** The instruction that is next, as its bits; undefined where it cannot be fetched. */
  instructionAt(address: bigint): number | undefined {
    try {
      return this.#fetch(address);
    } catch (error) {
      if (error instanceof Trap) return undefined;
      throw error;
    }
  }

  #execute(): void {
    const bits = this.#fetch(this.pc);
    const decoded = decode(bits);
    if (decoded === undefined) this.illegal();
    const effects = evaluate(decoded, this);
    this.pc = effects.nextPc;
    if (effects.x !== undefined && decoded.rd !== 0) this.x[decoded.rd] = effects.x;
    if (effects.f !== undefined) this.f[decoded.rd] = effects.f;
    if (effects.flags !== undefined) this.csrs.fflags |= BigInt(effects.flags);
    if (effects.f !== undefined || effects.flags !== undefined) this.csrs.mstatus |= status.fs;
    for (const deed of effects.deeds) deed();
    this.retired += 1n;
  }

  #fetch(address: bigint): number {
    const first = Number(this.memory.read(this.#physical(address, 'fetch', 2), 2));
    if ((first & 3) !== 3) return first;
    const second = Number(this.memory.read(this.#physical(u64(address + 2n), 'fetch', 2), 2));
    return (first | (second << 16)) >>> 0;
  }

  illegal(): never {
    throw new Trap(illegalInstruction, BigInt(this.#fetch(this.pc)));
  }

  requireFloat(): void {
    if ((this.csrs.mstatus & status.fs) === 0n) this.illegal();
  }

  load(address: bigint, size: AccessSize): bigint {
    return this.#pieces(address, size, 'load').reduceRight(
      (value, { physical, length }) => (value << BigInt(8 * length)) | this.memory.read(physical, length),
      0n,
    );
  }

  store(address: bigint, value: bigint, size: AccessSize): () => void {
    const pieces = this.#pieces(address, size, 'store');
    return () => {
      let rest = value;
      for (const { physical, length } of pieces) {
        this.memory.write(physical, length, rest);
        rest >>= BigInt(8 * length);
      }
    };
  }

  atomic(address: bigint, size: 4 | 8, access: 'load' | 'store'): bigint {
    if (address % BigInt(size) !== 0n) throw new Trap(access === 'load' ? 4 : 6, address);
    return this.#physical(address, access, size);
  }

  csr(
    number: number,
    operation: CsrOperation,
    source: bigint,
    sourceField: number,
  ): { old: bigint; write: () => void } {
    const csr = this.csrs.find(number) ?? this.illegal();
    const writes = operation === 'write' || sourceField !== 0;
    if (writes && number >> 10 === 3) this.illegal();
    const old = csr.read();
    const base = csr.readToModify?.() ?? old;
    const value = operation === 'write' ? source : operation === 'set' ? base | source : base & ~source;
    return { old, write: () => (writes ? csr.write(value) : undefined) };
  }

  system(operation: SystemOperation): () => void {
    return this.#systemOperations[operation]();
  }

  readonly #systemOperations: Readonly<Record<SystemOperation, () => () => void>> = {
    ecall: () => {
      throw new Trap(8 + this.mode, 0n);
    },
    ebreak: () => {
      throw new Trap(3, this.pc);
    },
    illegal: () => this.illegal(),
    mret: () => (this.mode === 3 ? () => this.#machineReturn() : this.illegal()),
    sret: () => (this.#isTrapped(status.tsr) ? this.illegal() : () => this.#supervisorReturn()),
    wfi: () => {
      if (this.#isTrapped(status.tw)) this.illegal();
      return () => {
        this.waiting = (this.csrs.pending & this.csrs.get('mie')) === 0n;
      };
    },
    'sfence.vma': () => (this.#isTrapped(status.tvm) ? this.illegal() : () => undefined),
    'fence.i': () => () => undefined,
  };

  /** Whether what one of TVM, TW and TSR guards is illegal: in U-mode always, in S-mode with the bit. */
  #isTrapped(bit: bigint): boolean {
    return this.mode === 0 || (this.mode === 1 && (this.csrs.mstatus & bit) !== 0n);
  }

  /** An access of up to 8 bytes as the runs of bytes that lie in one page. */
  #pieces(address: bigint, size: number, access: Access): { physical: bigint; length: number }[] {
    const first = Math.min(size, Number(pageSize - (address % pageSize)));
    const pieces = [{ physical: this.#physical(address, access, first), length: first }];
    if (first < size) {
      const next = u64(address + BigInt(first));
      pieces.push({ physical: this.#physical(next, access, size - first), length: size - first });
    }
    return pieces;
  }

  /** The physical address of bytes in one page of RAM. */
  #physical(address: bigint, access: Access, length: number): bigint {
    const { mstatus, satp } = this.csrs;
    const borrowed = access !== 'fetch' && this.mode === 3 && (mstatus & status.mprv) !== 0n;
    const mode = borrowed ? Number((mstatus & status.mpp) >> 11n) : this.mode;
    const state = {
      satp,
      mode,
      sum: (mstatus & status.sum) !== 0n,
      mxr: (mstatus & status.mxr) !== 0n,
      bitsFault: !this.csrs.updatesBits,
    };
    const found = translate(address, access, state, this.memory, this.pmp);
    if ('fault' in found) throw new Trap(faults[access][found.fault], address);
    if (!this.memory.contains(found.physical, length)) throw new Trap(faults[access].access, address);
    return found.physical;
  }

  #takeInterrupt(): void {
    const { csrs, mode } = this;
    const waiting = csrs.pending & csrs.get('mie');
    const machineOn = mode < 3 || (csrs.mstatus & status.mie) !== 0n;
    const supervisorOn = mode === 0 || (mode === 1 && (csrs.mstatus & status.sie) !== 0n);
    const toMachine = machineOn ? waiting & ~csrs.get('mideleg') : 0n;
    const toSupervisor = supervisorOn ? waiting & csrs.get('mideleg') : 0n;
    const candidates = toMachine === 0n ? toSupervisor : toMachine;
    const code = interruptOrder.find((bit) => ((candidates >> bit) & 1n) === 1n);
    if (code !== undefined) this.#enter(interruptBit | code, 0n);
  }

  #enter(cause: bigint, value: bigint): void {
    const { csrs, mode } = this;
    const isInterrupt = cause >= interruptBit;
    const code = cause & 63n;
    const delegation = csrs.get(isInterrupt ? 'mideleg' : 'medeleg');
    const down = mode < 3 && ((delegation >> code) & 1n) === 1n;
    const [enable, previous] = down ? [status.sie, status.spie] : [status.mie, status.mpie];
    const wasOn = (csrs.mstatus & enable) !== 0n;
    const from = down ? (mode === 1 ? status.spp : 0n) : BigInt(mode) << 11n;
    const fields = enable | previous | (down ? status.spp : status.mpp);
    csrs.mstatus = (csrs.mstatus & ~fields) | from | (wasOn ? previous : 0n);
    csrs.set(down ? 'sepc' : 'mepc', this.pc);
    csrs.set(down ? 'scause' : 'mcause', cause);
    csrs.set(down ? 'stval' : 'mtval', value);
    const vector = csrs.get(down ? 'stvec' : 'mtvec');
    this.pc = u64((vector & ~3n) + (isInterrupt && (vector & 3n) === 1n ? 4n * code : 0n));
    this.mode = down ? 1 : 3;
  }

  #machineReturn(): void {
    this.#leave(status.mie, status.mpie, status.mpp, Number((this.csrs.mstatus & status.mpp) >> 11n), 'mepc');
  }

  #supervisorReturn(): void {
    this.#leave(status.sie, status.spie, status.spp, (this.csrs.mstatus & status.spp) === 0n ? 0 : 1, 'sepc');
  }

  #leave(enable: bigint, previous: bigint, field: bigint, to: number, epc: 'mepc' | 'sepc'): void {
    const { csrs } = this;
    const on = (csrs.mstatus & previous) !== 0n ? enable : 0n;
    csrs.mstatus = (csrs.mstatus & ~(enable | field)) | on | previous;
    if (to !== 3) csrs.mstatus &= ~status.mprv;
    this.mode = to;
    this.pc = csrs.get(epc);
  }
}
