// What a kernel does all the time, as WebAssembly: accesses to the commonest control and status registers, calls from
// U-mode and returns to it. Whatever is not as usual goes to `slow` before anything has happened; there the hart does it. So it is
// with what may let an interrupt in.
// The RISC-V Instruction Set Manual, Volume II (20240411), §3.1.6, §3.3.1, §3.3.2 and §10.1.
import { memoryOp, op, valueType } from '../../wasm/module.ts';
import type { Code, Label, Local } from '../../wasm/module.ts';
import type { CsrOperation } from '../ops.ts';
import { csrAt } from './csr-layout.ts';
import { sstatusHigh, sstatusWritable } from './csr.ts';
import { at, cacheBytes, context, contextBytes, sharedCaches } from './layout.ts';
import { cause } from './mmu.ts';
import { mstatus, privilege } from './registers.ts';

const sstatus = 0x100;
/** sscratch, sepc, scause and stval: their values lie one behind another. */
const firstScratch = 0x140;
const sepc = 1;
const sppShift = Math.log2(mstatus.spp);
const sumShift = Math.log2(mstatus.sum);
/** From SIE to SPIE. */
const sieShift = Math.log2(mstatus.spie / mstatus.sie);

/** Whether there is code for the accesses to a register. */
export function isCommonCsr(number: number): boolean {
  return number === sstatus || (number >= firstScratch && number < firstScratch + 4);
}

/** Serves for one instruction. */
export class SupervisorCode {
  readonly #code: Code;
  readonly #slow: Label;
  readonly #mode: Local;
  readonly #status: Local;
  readonly #scratch: Local;
  readonly #old: Local;

  /** `slow` is a label around the code. */
  constructor(code: Code, slow: Label, scratch: (type: 'i32' | 'i64') => Local) {
    this.#code = code;
    this.#slow = slow;
    this.#mode = scratch('i32');
    this.#status = scratch('i32');
    this.#scratch = scratch('i32');
    this.#old = scratch('i64');
  }

  /** Takes a register's number from the stack and leaves its old value there. The caches for data may then be others. */
  emitCsr(operation: CsrOperation, source: Local): void {
    const code = this.#code;
    code.tee(this.#scratch).i32Const(sstatus).op(op.i32_eq).if(valueType.i64);
    this.#emitStatus(operation, source);
    code.else();
    code.get(this.#scratch).i32Const(firstScratch).op(op.i32_sub).tee(this.#scratch).i32Const(3).op(op.i32_gt_u);
    code.brIf(this.#slow);
    this.#emitScratch(operation, source);
    code.end();
  }

  /** The same for a common register. */
  emitCommonCsr(operation: CsrOperation, source: Local, number: number): void {
    if (number === sstatus) {
      this.#emitStatus(operation, source);
      return;
    }
    this.#code.i32Const(number - firstScratch).set(this.#scratch);
    this.#emitScratch(operation, source);
  }

  /**
   * ecall at the address that `emitPc` leaves, from U-mode to S-mode. Leaves the address of the handler; the instruction is
   * not retired.
   */
  emitCall(emitPc: () => void): void {
    const code = this.#code;
    const delegated = 1 << cause.ecallFromUser;
    this.#load(at.privilege);
    this.#load(csrAt.medeleg).i32Const(delegated).op(op.i32_and).i32Const(delegated).op(op.i32_ne);
    code.op(op.i32_or).brIf(this.#slow);
    this.#store64(csrAt.sepc, emitPc);
    this.#store64(csrAt.scause, () => code.i64Const(cause.ecallFromUser));
    this.#store64(csrAt.stval, () => code.i64Const(0));
    this.#load(at.mstatus)
      .tee(this.#status)
      .i32Const(~(mstatus.spp | mstatus.spie | mstatus.sie))
      .op(op.i32_and);
    code.get(this.#status).i32Const(mstatus.sie).op(op.i32_and).i32Const(sieShift).op(op.i32_shl).op(op.i32_or);
    code.set(this.#status).i32Const(privilege.supervisor).set(this.#mode);
    this.#emitMode();
    this.#load64(csrAt.stvec).i64Const(~3).op(op.i64_and);
  }

  /** sret from S-mode, where it does not trap. Leaves the address where it goes on. */
  emitReturn(): void {
    const code = this.#code;
    this.#load(at.privilege).i32Const(privilege.supervisor).op(op.i32_ne);
    this.#load(at.mstatus).tee(this.#status).i32Const(mstatus.tsr).op(op.i32_and).op(op.i32_or).brIf(this.#slow);
    this.#emitPending().brIf(this.#slow);
    code.get(this.#status).i32Const(sppShift).op(op.i32_shr_u).i32Const(1).op(op.i32_and).set(this.#mode);
    code
      .get(this.#status)
      .i32Const(~(mstatus.spp | mstatus.sie))
      .op(op.i32_and);
    code.get(this.#status).i32Const(sieShift).op(op.i32_shr_u).i32Const(mstatus.sie).op(op.i32_and).op(op.i32_or);
    code.i32Const(mstatus.spie).op(op.i32_or).set(this.#status);
    this.#emitMode();
    this.#store(at.nestedTraps, () => code.i32Const(0));
    this.#load64(csrAt.sepc);
  }

  #emitScratch(operation: CsrOperation, source: Local): void {
    const code = this.#code;
    this.#load(at.privilege).op(op.i32_eqz).brIf(this.#slow);
    code.get(this.#scratch).i32Const(3).op(op.i32_shl).tee(this.#status);
    code.get(this.#status).memory(memoryOp.i64_load, csrAt.sscratch).set(this.#old);
    this.#emitNew(operation, source);
    // §10.1.7: bit 0 of sepc is 0.
    code.get(this.#scratch).i32Const(sepc).op(op.i32_eq).op(op.i64_extend_i32_u).i64Const(-1).op(op.i64_xor);
    code.op(op.i64_and).memory(memoryOp.i64_store, csrAt.sscratch);
    code.get(this.#old);
  }

  #emitStatus(operation: CsrOperation, source: Local): void {
    const code = this.#code;
    this.#load(at.privilege).tee(this.#mode).i32Const(privilege.supervisor).op(op.i32_ne).brIf(this.#slow);
    code.i32Const(0).memory(memoryOp.i64_load32_u, at.mstatus).tee(this.#old);
    code.i64Const(~sstatusWritable).op(op.i64_and);
    this.#emitNew(operation, source);
    code.i64Const(sstatusWritable).op(op.i64_and).op(op.i64_or).op(op.i32_wrap_i64).tee(this.#status);
    code.get(this.#old).op(op.i32_wrap_i64).op(op.i32_xor).tee(this.#scratch);
    // What MXR opens is cached.
    code.i32Const(mstatus.mxr).op(op.i32_and).brIf(this.#slow);
    // Where SIE becomes 1 an interrupt may be taken.
    this.#emitPending().i32Const(0);
    code.get(this.#scratch).get(this.#status).op(op.i32_and).i32Const(mstatus.sie).op(op.i32_and);
    code.op(op.select).brIf(this.#slow);
    this.#emitMode();
    code
      .get(this.#old)
      .i64Const(sstatusWritable)
      .op(op.i64_and)
      .i64Const(sstatusHigh * 2 ** 32)
      .op(op.i64_or);
    // SD says that FS is dirty.
    code.get(this.#old).i64Const(mstatus.fs).op(op.i64_and).i64Const(mstatus.fs).op(op.i64_eq).op(op.i64_extend_i32_u);
    code.i64Const(63).op(op.i64_shl).op(op.i64_or);
  }

  /** Leaves what an access makes of the old value. */
  #emitNew(operation: CsrOperation, source: Local): void {
    const code = this.#code;
    if (operation === 'write') {
      code.get(source);
      return;
    }
    code.get(this.#old).get(source);
    if (operation === 'set') code.op(op.i64_or);
    else code.i64Const(-1).op(op.i64_xor).op(op.i64_and);
  }

  /** Enters a mode, U or S, with a status, and points at its caches. */
  #emitMode(): void {
    const code = this.#code;
    const caches = this.#scratch;
    this.#store(at.privilege, () => code.get(this.#mode));
    this.#store(at.mstatus, () => code.get(this.#status));
    code.i32Const(sharedCaches(context.supervisor));
    this.#load(at.space).get(this.#mode).op(op.select).set(caches);
    this.#store(at.fetchCache, () =>
      code
        .get(caches)
        .i32Const(2 * cacheBytes)
        .op(op.i32_add),
    );
    this.#load(at.space).i32Const(contextBytes).op(op.i32_add).get(caches);
    // S-mode with SUM.
    code.get(this.#status).i32Const(sumShift).op(op.i32_shr_u).get(this.#mode).op(op.i32_and).op(op.select).set(caches);
    this.#store(at.readCache, () => code.get(caches));
    this.#store(at.writeCache, () => code.get(caches).i32Const(cacheBytes).op(op.i32_add));
  }

  /** Leaves the interrupts that are pending and enabled in mie. */
  #emitPending(): Code {
    this.#load(at.lines);
    this.#load(csrAt.mipSoftware).op(op.i32_or);
    return this.#load(csrAt.mie).op(op.i32_and);
  }

  #load(from: number): Code {
    return this.#code.i32Const(0).memory(memoryOp.i32_load, from);
  }

  #load64(from: number): Code {
    return this.#code.i32Const(0).memory(memoryOp.i64_load, from);
  }

  #store(to: number, emitValue: () => void): void {
    this.#code.i32Const(0);
    emitValue();
    this.#code.memory(memoryOp.i32_store, to);
  }

  #store64(to: number, emitValue: () => void): void {
    this.#code.i32Const(0);
    emitValue();
    this.#code.memory(memoryOp.i64_store, to);
  }
}
