// What a kernel does all the time, as WebAssembly: accesses to the commonest control and status registers, calls from
// U-mode and returns to it. Whatever is not as usual goes to `slow` before anything has happened; there the hart does it.
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
/** From SIE to SPIE. */
const sieShift = Math.log2(mstatus.spie / mstatus.sie);

export class SupervisorCode {
  readonly #code: Code;
  readonly #mode: Local;
  readonly #number: Local;
  readonly #status: Local;
  readonly #caches: Local;
  readonly #old: Local;

  constructor(code: Code) {
    this.#code = code;
    this.#mode = code.i32();
    this.#number = code.i32();
    this.#status = code.i32();
    this.#caches = code.i32();
    this.#old = code.i64();
  }

  /**
   * Takes a register's number from the stack and leaves its old value there. The caches for data may then be others, and
   * `attention` set.
   */
  emitCsr(operation: CsrOperation, source: Local, slow: Label): void {
    const code = this.#code;
    code.set(this.#number);
    this.#load(at.privilege).tee(this.#mode).op(op.i32_eqz).brIf(slow);
    code.get(this.#number).i32Const(sstatus).op(op.i32_eq).if(valueType.i64);
    this.#emitStatus(operation, source, slow);
    code.else();
    code.get(this.#number).i32Const(firstScratch).op(op.i32_sub).tee(this.#number).i32Const(3).op(op.i32_gt_u);
    code.brIf(slow);
    this.#emitScratch(operation, source);
    code.end();
  }

  /**
   * ecall at the address that `emitPc` leaves, from U-mode to S-mode; others are `slow`. Goes on at the stored pc. It was
   * counted, and is not retired.
   */
  emitCall(emitPc: () => void, slow: Label): void {
    const code = this.#code;
    const delegated = 1 << cause.ecallFromUser;
    this.#load(at.privilege);
    this.#load(csrAt.medeleg).i32Const(delegated).op(op.i32_and).i32Const(delegated).op(op.i32_ne);
    code.op(op.i32_or).brIf(slow);
    this.#store64(csrAt.sepc, emitPc);
    this.#store64(csrAt.scause, () => code.i64Const(cause.ecallFromUser));
    this.#store64(csrAt.stval, () => code.i64Const(0));
    this.#store(at.budget, () => this.#load(at.budget).i32Const(1).op(op.i32_add));
    this.#store(at.mstatus, () => {
      this.#load(at.mstatus)
        .tee(this.#status)
        .i32Const(~(mstatus.spp | mstatus.spie | mstatus.sie))
        .op(op.i32_and);
      code.get(this.#status).i32Const(mstatus.sie).op(op.i32_and).i32Const(sieShift).op(op.i32_shl).op(op.i32_or);
    });
    this.#store(at.privilege, () => code.i32Const(privilege.supervisor).tee(this.#mode));
    this.#emitSelect();
    this.#store64(at.pc, () => this.#load64(csrAt.stvec).i64Const(~3).op(op.i64_and));
  }

  /** sret, from S-mode where it does not trap; others are `slow`. Goes on at the stored pc. */
  emitReturn(slow: Label): void {
    const code = this.#code;
    this.#load(at.privilege).i32Const(privilege.supervisor).op(op.i32_ne);
    this.#load(at.mstatus).tee(this.#status).i32Const(mstatus.tsr).op(op.i32_and).op(op.i32_or).brIf(slow);
    this.#store(at.privilege, () =>
      code.get(this.#status).i32Const(sppShift).op(op.i32_shr_u).i32Const(1).op(op.i32_and).tee(this.#mode),
    );
    this.#store(at.mstatus, () => {
      code
        .get(this.#status)
        .i32Const(~(mstatus.spp | mstatus.sie))
        .op(op.i32_and);
      code.get(this.#status).i32Const(sieShift).op(op.i32_shr_u).i32Const(mstatus.sie).op(op.i32_and).op(op.i32_or);
      code.i32Const(mstatus.spie).op(op.i32_or);
    });
    this.#emitSelect();
    this.#store(at.nestedTraps, () => code.i32Const(0));
    this.#store64(at.pc, () => this.#load64(csrAt.sepc));
    this.#emitAttention();
  }

  #emitScratch(operation: CsrOperation, source: Local): void {
    const code = this.#code;
    const place = this.#mode;
    code.get(this.#number).i32Const(3).op(op.i32_shl).tee(place);
    code.get(place).memory(memoryOp.i64_load, csrAt.sscratch).set(this.#old);
    this.#emitNew(operation, source);
    // §10.1.7: bit 0 of sepc is 0.
    code.get(this.#number).i32Const(sepc).op(op.i32_eq).op(op.i64_extend_i32_u).i64Const(-1).op(op.i64_xor);
    code.op(op.i64_and).memory(memoryOp.i64_store, csrAt.sscratch);
    code.get(this.#old);
  }

  #emitStatus(operation: CsrOperation, source: Local, slow: Label): void {
    const code = this.#code;
    code.get(this.#mode).i32Const(privilege.supervisor).op(op.i32_ne).brIf(slow);
    code.i32Const(0).memory(memoryOp.i64_load32_u, at.mstatus).tee(this.#old);
    code.i64Const(~sstatusWritable).op(op.i64_and);
    this.#emitNew(operation, source);
    code.i64Const(sstatusWritable).op(op.i64_and).op(op.i64_or).op(op.i32_wrap_i64).tee(this.#status);
    const emitOld = (): Code => code.get(this.#old).op(op.i32_wrap_i64);
    // What MXR opens is cached.
    emitOld().op(op.i32_xor).i32Const(mstatus.mxr).op(op.i32_and).brIf(slow);
    this.#emitSelect();
    code.get(this.#status);
    emitOld().i32Const(-1).op(op.i32_xor).op(op.i32_and).i32Const(mstatus.sie).op(op.i32_and).if();
    this.#emitAttention();
    code.end();
    this.#store(at.mstatus, () => code.get(this.#status));
    code
      .get(this.#old)
      .i64Const(sstatusWritable)
      .op(op.i64_and)
      .i64Const(sstatusHigh * 2 ** 32)
      .op(op.i64_or);
    // SD says that FS is dirty.
    emitOld().i32Const(mstatus.fs).op(op.i32_and).i32Const(mstatus.fs).op(op.i32_eq).op(op.i64_extend_i32_u);
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

  /** Points at the caches of a mode, U or S, with a status. */
  #emitSelect(): void {
    const code = this.#code;
    code.i32Const(sharedCaches(context.supervisor));
    this.#load(at.space).get(this.#mode).op(op.select).set(this.#caches);
    this.#store(at.fetchCache, () =>
      code
        .get(this.#caches)
        .i32Const(2 * cacheBytes)
        .op(op.i32_add),
    );
    this.#load(at.space).i32Const(contextBytes).op(op.i32_add).get(this.#caches);
    // S-mode with SUM.
    code.get(this.#status).i32Const(Math.log2(mstatus.sum)).op(op.i32_shr_u).get(this.#mode).op(op.i32_and);
    code.op(op.select).set(this.#caches);
    this.#store(at.readCache, () => code.get(this.#caches));
    this.#store(at.writeCache, () => code.get(this.#caches).i32Const(cacheBytes).op(op.i32_add));
  }

  /** Makes the hart look for interrupts, where one may be taken. */
  #emitAttention(): void {
    this.#load(at.lines);
    this.#load(csrAt.mipSoftware).op(op.i32_or);
    this.#load(csrAt.mie).op(op.i32_and).if();
    this.#store(at.attention, () => this.#code.i32Const(1));
    this.#code.end();
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
