// One hart: the interpreter's generated code and everything that it asks for. The RISC-V Instruction Set Manual,
// Volume II (20240411).
import type { AccessSize } from '../ops.ts';
import { csrAt } from './csr-layout.ts';
import { Csrs, interrupt, timerEnable } from './csr.ts';
import { DecodedPages } from './decoded-pages.ts';
import { defaultFeatures, initialEnvironment } from './features.ts';
import type { HartFeatures } from './features.ts';
import { systemCodes } from './interpreter-ops.ts';
import { interpreterModule } from './interpreter.ts';
import { InstructionFetch } from './instruction-fetch.ts';
import { at } from './layout.ts';
import { MemoryAccess } from './memory-access.ts';
import type { PhysicalBus } from './memory-access.ts';
import { cause, Mmu } from './mmu.ts';
import type { RamRange } from './mmu.ts';
import { mstatus, privilege, Registers } from './registers.ts';
import type { HartRecord } from './registers.ts';
import { enterTrap, leaveTrap, nextInterrupt } from './traps.ts';
import { TranslationCaches } from './translation-caches.ts';
import type { Translator, TranslatorParts } from './translator.ts';
import { atomicCodes } from './wasm-ops.ts';

export interface HartOptions {
  readonly id: number;
  /** `ramOffset` bytes for the hart, then guest RAM. */
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly ram: RamRange;
  readonly bus: PhysicalBus;
  readonly features?: HartFeatures;
  /** Ticks of the timebase; an integer that never decreases. */
  ticks(): number;
  /** Jumps to a place, 1 to 65,536, after which it is hot. Absent: the interpreter runs everything. */
  readonly hotAfter?: number;
  /** The interpreter's module as `interpreter` of a hart of the same options was: making it takes 20 ms and more. */
  readonly interpreter?: Uint8Array<ArrayBuffer>;
  /** Takes calls from S-mode itself, in place of a handler in M-mode: the machine is the SBI. */
  onSupervisorCall?(): void;
}

/** Why `run` came back. */
export type RunOutcome = 'budget' | 'waiting' | 'left' | 'stuck';

/** Traps without one retired instruction between them: the handler itself cannot be fetched. */
const barrenTrapLimit = 16;
/** Exceptions without a return from one: the handler traps in itself. No kernel comes near it. */
const nestedTrapLimit = 100_000;

export class Hart {
  readonly registers: Registers;
  readonly mmu: Mmu;
  readonly pages: DecodedPages;
  readonly caches: TranslationCaches;
  /** Traps without a retired instruction between them, and how many instructions were retired at the last. */
  readonly barren = { traps: 0, retired: -1 };
  /** The module that runs it. */
  readonly interpreter: Uint8Array<ArrayBuffer>;
  /** Executes nothing (HSM). */
  stopped = false;
  readonly #options: HartOptions;
  readonly #access: MemoryAccess;
  readonly #fetching: InstructionFetch;
  readonly #csrs: Csrs;
  readonly #record: HartRecord;
  readonly #run: () => void;
  /** What `translateBy` makes a translator of. */
  readonly #parts: TranslatorParts;
  #translator: Translator | undefined;
  #onHot: (() => void) | undefined;
  /** The budget of the present run. */
  #slice = 0;
  #stuck = false;

  constructor(options: HartOptions) {
    this.#options = options;
    const registers = new Registers(options.memory.buffer);
    this.registers = registers;
    this.#record = registers.record;
    this.#record.privilege = privilege.machine;
    this.caches = new TranslationCaches(registers);
    const { features = defaultFeatures } = options;
    this.mmu = new Mmu(registers, options.ram, features);
    this.pages = new DecodedPages(registers, this.caches, options.ram.bytes);
    this.#access = new MemoryAccess(registers, this.mmu, this.caches, this.pages, options.bus);
    this.#fetching = new InstructionFetch(registers, this.mmu, this.caches, this.pages);
    this.#csrs = new Csrs({
      registers,
      pmp: this.mmu.pmp,
      hartId: options.id,
      features,
      ticks: () => options.ticks(),
      retired: () => this.retired() - 1,
      pending: () => this.#pending(),
      protectionChanged: () => this.caches.flush(),
      addressSpaceChanged: () => this.#enterAddressSpace(),
      statusChanged: (old) => this.#statusChanged(old),
      timerChanged: () => this.checkTimer(),
    });
    const { memory, hotAfter } = options;
    const shape = { pages: memory.buffer.byteLength / 0x1_0000, shared: options.shared };
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
    this.interpreter =
      options.interpreter ??
      interpreterModule({ ...shape, ram: options.ram, ...(hotAfter !== undefined && { hotAfter }) });
    const module = new WebAssembly.Module(this.interpreter);
    const instance = new WebAssembly.Instance(module, { env: { memory, regions: table, ...this.#imports() } });
    const { run, ...pure } = instance.exports;
    if (!isFunction(run)) throw new Error('the interpreter exports run');
    this.#run = run;
    this.#parts = { memory, shape, registers, pages: this.pages, pure, table };
    this.#enterAddressSpace();
    registers.set(csrAt.stimecmp, -1, -1);
    registers.set(csrAt.menvcfg, 0, initialEnvironment(features));
  }

  get translator(): Translator | undefined {
    return this.#translator;
  }

  /** Calls `listener` once, as soon as there is something to translate and nobody who does. */
  whenHot(listener: () => void): void {
    this.#onHot = listener;
  }

  /** Has what is hot translated from here on; `hotAfter` must have been given. */
  translateBy(make: (parts: TranslatorParts) => Translator): void {
    if (this.#options.hotAfter === undefined) throw new Error('a hart without hotAfter translates nothing');
    this.#translator = make(this.#parts);
  }

  /** Runs until `budget` instructions have been retired, the hart waits for an interrupt, or it was told to leave. */
  run(budget: number): RunOutcome {
    const r = this.registers;
    if (this.stopped) return 'waiting';
    this.#translator?.betweenRuns();
    if (this.#record.waiting) {
      if ((this.#pending() & r.word(csrAt.mie)) === 0) return 'waiting';
      this.#record.waiting = false;
    }
    this.#slice = budget;
    r.setWord(at.budget, budget);
    r.setWord(at.leave, 0);
    r.setWord(at.attention, 1);
    this.#run();
    this.#record.retired += budget - r.word(at.budget);
    this.#slice = 0;
    r.setWord(at.budget, 0);
    if (this.#stuck) return 'stuck';
    if (this.#record.waiting) return 'waiting';
    return r.word(at.leave) !== 0 ? 'left' : 'budget';
  }

  /** Instructions retired so far, the present one included where one is under way. */
  retired(): number {
    return this.#record.retired + this.#slice - this.registers.word(at.budget);
  }

  /** Makes `run` return after the present instruction. */
  leave(): void {
    this.registers.setWord(at.leave, 1);
  }

  /** Does what wfi does. */
  wait(): void {
    this.checkTimer();
    if (this.hasPending()) return;
    this.#record.waiting = true;
    this.leave();
  }

  /** Gives up what it holds of the memory, so that another hart can begin in it. */
  clear(): void {
    this.pages.clear();
    this.registers.words.fill(0, 0, at.caches >>> 2);
  }

  /** Drives an interrupt line, named by its bit in mip. */
  setLine(code: number, asserted: boolean): void {
    const bit = 1 << code;
    this.#record.lines = asserted ? this.#record.lines | bit : this.#record.lines & ~bit;
    this.#attendIfPending();
  }

  /** Sets or clears the supervisor timer interrupt as the SBI does, which owns it where Sstc is off. */
  setSoftwarePending(code: number, pending: boolean): void {
    const bit = 1 << code;
    const old = this.registers.word(csrAt.mipSoftware);
    this.registers.setWord(csrAt.mipSoftware, pending ? old | bit : old & ~bit);
    this.#attendIfPending();
  }

  /** Compares stimecmp with the time; to be called when time has passed. */
  checkTimer(): void {
    if (!this.#timerOn()) return;
    this.setSoftwarePending(interrupt.supervisorTimer, this.#options.ticks() >= this.registers.number(csrAt.stimecmp));
  }

  /** The tick at which stimecmp will ask for an interrupt; Infinity where it will not. */
  timerDeadline(): number {
    if (!this.#timerOn()) return Number.POSITIVE_INFINITY;
    const pending = this.registers.word(csrAt.mipSoftware) & (1 << interrupt.supervisorTimer);
    return pending === 0 ? this.registers.number(csrAt.stimecmp) : Number.POSITIVE_INFINITY;
  }

  /** Whether an interrupt that is enabled in mie waits, so that wfi would not wait. */
  hasPending(): boolean {
    return (this.#pending() & this.registers.word(csrAt.mie)) !== 0;
  }

  /** Must follow a change of privilege, mstatus or satp from outside: a boot, a debugger. */
  stateChanged(): void {
    this.caches.flush();
    this.#enterAddressSpace();
    this.checkTimer();
  }

  /** Forgets all cached translations: a remote fence. */
  flushTranslations(): void {
    this.caches.flush();
  }

  /** A device has written guest RAM, by guest-physical address. */
  written(address: number, length: number): void {
    this.pages.written(address - this.#options.ram.base, length);
  }

  #imports(): Record<string, unknown> {
    return {
      load: (low: number, high: number, size: AccessSize) => this.#load(low, high, size),
      store: (low: number, high: number, size: AccessSize, length: number) => this.#store(low, high, size, length),
      atomic: (low: number, high: number, size: 4 | 8, kind: number) => this.#atomic(low, high, size, kind),
      csr: (instruction: number) => this.#csr(instruction),
      system: (operation: number, instruction: number, length: number) => this.#system(operation, instruction, length),
      attend: () => this.#attend(),
      fetch: () => this.#fetch(),
      decode: (entry: number) => (this.pages.decodeAt(entry) ? 0 : 1),
      crossing: () => this.#crossing(),
      hot: (entry: number, low: number, high: number) => this.#hot(entry, low, high),
    };
  }

  #hot(entry: number, low: number, high: number): void {
    // It is told again when it is hot once more.
    if (this.#translator !== undefined) return this.#translator.request(entry, low, high);
    this.#onHot?.();
    this.#onHot = undefined;
  }

  #load(low: number, high: number, size: AccessSize): number {
    const fault = this.#access.load(low, high, size);
    if (fault === 0) return 0;
    this.#exception(fault, this.#access.faultLow, this.#access.faultHigh);
    return 1;
  }

  #store(low: number, high: number, size: AccessSize, length: number): number {
    const r = this.registers;
    const fault = this.#access.store(low, high, size);
    if (fault !== 0) {
      this.#exception(fault, this.#access.faultLow, this.#access.faultHigh);
      return 1;
    }
    // A device may have raised an interrupt or stopped the machine.
    if ((r.word(at.attention) | r.word(at.leave)) === 0) return 0;
    r.advance(length);
    return 1;
  }

  #atomic(low: number, high: number, size: 4 | 8, kind: number): number {
    const place = this.#access.atomicPlace(low, high, size, kind === atomicCodes.load ? 'load' : 'store');
    if (place > 0) return place;
    this.#exception(-place, this.#access.faultLow, this.#access.faultHigh);
    return 0;
  }

  #csr(instruction: number): void {
    if (this.#csrs.access(instruction)) {
      this.registers.advance(4);
      this.#attendIfPending();
    } else {
      this.#illegal();
    }
  }

  #system(operation: number, instruction: number, length: number): void {
    const r = this.registers;
    const { privilege: present } = this.#record;
    const status = r.word(at.mstatus);
    switch (operation) {
      case systemCodes.ecall:
        this.#call();
        return;
      case systemCodes.ebreak:
        this.#exception(cause.breakpoint, r.low(at.pc), r.high(at.pc));
        return;
      case systemCodes.sret:
        if (present === privilege.user || (present === privilege.supervisor && (status & mstatus.tsr) !== 0)) break;
        this.#return('sret');
        return;
      case systemCodes.mret:
        if (present !== privilege.machine) break;
        this.#return('mret');
        return;
      case systemCodes.wfi:
        // §3.3.3: with TW, or in U-mode, it may not wait.
        if (present === privilege.user || (present === privilege.supervisor && (status & mstatus.tw) !== 0)) break;
        r.advance(length);
        this.wait();
        return;
      case systemCodes['sfence.vma']:
        if (present === privilege.user || (present === privilege.supervisor && (status & mstatus.tvm) !== 0)) break;
        this.#fence(instruction);
        r.advance(length);
        return;
      case systemCodes['fence.i']:
        // Stores take back decoded code at once; there is nothing to wait for.
        r.advance(length);
        return;
      default:
        break;
    }
    this.#illegal();
  }

  #call(): void {
    const { privilege: present } = this.#record;
    if (present === privilege.supervisor && this.#options.onSupervisorCall !== undefined) {
      this.registers.advance(4);
      this.#options.onSupervisorCall();
      return;
    }
    this.#exception(cause.ecallFromUser + present, 0, 0);
  }

  #return(by: 'mret' | 'sret'): void {
    leaveTrap(this.registers, by);
    this.registers.setWord(at.nestedTraps, 0);
    this.selectCaches();
    this.#attendIfPending();
  }

  /** §10.2.1: rs1 = x0 means every address, rs2 = x0 every address space. */
  #fence(instruction: number): void {
    const r = this.registers;
    const address = at.x + ((instruction >>> 15) & 31) * 8;
    const space = at.x + ((instruction >>> 20) & 31) * 8;
    const asid = space === at.x ? undefined : r.low(space) & 0xffff;
    if (address !== at.x) this.caches.flushAddress(r.low(address), r.high(address), asid);
    else if (asid === undefined) this.caches.flush();
    else this.caches.flushAddressSpace(asid);
  }

  #fetch(): void {
    const r = this.registers;
    const low = r.low(at.pc);
    const high = r.high(at.pc);
    const fault = this.#fetching.page(low, high);
    if (fault !== 0) this.#fetchException(fault, low, high);
  }

  /** The pc is at the last two bytes of a page; the rest of the instruction is in the next. */
  #crossing(): number {
    const r = this.registers;
    let low = r.low(at.pc);
    let high = r.high(at.pc);
    const first = this.#fetching.parcel(low, high);
    let second = 0;
    if (first >= 0) {
      // §3.1.16: xepc is the instruction's address, xtval that of the part that faulted.
      low = (low + 2) | 0;
      if (low === 0) high = (high + 1) | 0;
      second = this.#fetching.parcel(low, high);
    }
    const fault = -Math.min(first, second, 0);
    if (fault === 0) this.pages.decodeAlone(first | (second << 16));
    else this.#fetchException(fault, low, high);
    return fault;
  }

  /** An exception of an instruction that has begun: it is not retired. */
  #exception(code: number, valueLow: number, valueHigh: number): void {
    const r = this.registers;
    r.setWord(at.budget, r.word(at.budget) + 1);
    this.#trap(code, valueLow, valueHigh);
  }

  /** An exception of an instruction that has not begun to count. */
  #fetchException(code: number, valueLow: number, valueHigh: number): void {
    this.#trap(code, valueLow, valueHigh);
  }

  #trap(code: number, valueLow: number, valueHigh: number): void {
    const retired = this.retired();
    const { barren } = this;
    barren.traps = retired === barren.retired ? barren.traps + 1 : 0;
    barren.retired = retired;
    const nested = this.registers.word(at.nestedTraps) + 1;
    this.registers.setWord(at.nestedTraps, nested);
    if (barren.traps >= barrenTrapLimit || nested >= nestedTrapLimit) {
      this.#stuck = true;
      this.leave();
      return;
    }
    enterTrap(this.registers, code, false, valueLow, valueHigh);
    this.selectCaches();
  }

  /** §3.1.16: xtval of an illegal instruction is the instruction itself. */
  #illegal(): void {
    const r = this.registers;
    this.#exception(cause.illegalInstruction, this.#fetching.instruction(r.low(at.pc), r.high(at.pc)), 0);
  }

  #attend(): void {
    const r = this.registers;
    r.setWord(at.attention, 0);
    const code = nextInterrupt(r, this.#pending() & r.word(csrAt.mie));
    if (code === undefined) return;
    enterTrap(r, code, true, 0, 0);
    this.selectCaches();
  }

  #attendIfPending(): void {
    if (this.hasPending()) this.registers.setWord(at.attention, 1);
  }

  #pending(): number {
    return this.#record.lines | this.registers.word(csrAt.mipSoftware);
  }

  #timerOn(): boolean {
    return (this.registers.high(csrAt.menvcfg) & timerEnable) !== 0;
  }

  #statusChanged(old: number): void {
    const changed = this.registers.word(at.mstatus) ^ old;
    if ((changed & mstatus.mxr) !== 0) this.caches.flush();
    this.selectCaches();
  }

  /** Points generated code at the caches of the present mode. */
  selectCaches(): void {
    this.caches.select(this.mmu.dataContext(), this.mmu.fetchContext());
    this.mmu.selectRoot();
  }

  #enterAddressSpace(): void {
    this.caches.enter();
    this.selectCaches();
  }
}

function isFunction(value: unknown): value is () => void {
  return typeof value === 'function';
}
