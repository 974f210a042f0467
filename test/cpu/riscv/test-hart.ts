// A hart on a workbench: RAM, a device that notes what reaches it, a clock that stands still until a test moves it.
import { Hart } from '../../../src/cpu/riscv/hart.ts';
import { defaultHotAfter } from '../../../src/cpu/riscv/interpreter.ts';
import { memoryPages } from '../../../src/cpu/riscv/layout.ts';
import type { RunOutcome } from '../../../src/cpu/riscv/hart.ts';
import type { HartFeatures } from '../../../src/cpu/riscv/features.ts';
import { csrAt } from '../../../src/cpu/riscv/csr-layout.ts';
import { at, ramOffset } from '../../../src/cpu/riscv/layout.ts';
import { Translator } from '../../../src/cpu/riscv/translator.ts';
import type { TranslationOptions } from '../../../src/cpu/riscv/translator.ts';
import { privilege } from '../../../src/cpu/riscv/registers.ts';
import type { Privilege } from '../../../src/cpu/riscv/registers.ts';
import { assemble, registerNumber } from './assembler.ts';
import type { Program } from './assembler.ts';

export const ramBase = 0x8000_0000;
/** The bits of `jal x0, 0`. */
const stopBits = 0x0000_006f;
/** Instructions of a run where code is translated between runs. */
const translatedSlice = 11;
/** Where the device answers. */
export const deviceBase = 0x1000_0000;

/** One device of 4 KiB whose reads give what was written last, and which a test can make do more. */
export class TestDevice {
  low = 0;
  high = 0;
  readonly seen: string[] = [];
  onStore: ((address: number) => void) | undefined;

  load(address: number, size: number): boolean {
    if (!this.#has(address)) return false;
    this.seen.push(`load ${(address - deviceBase).toString(16)} ${size}`);
    return true;
  }

  store(address: number, size: number, low: number, high: number): boolean {
    if (!this.#has(address)) return false;
    const value = BigInt.asUintN(size * 8, (BigInt(high) << 32n) | BigInt(low >>> 0));
    this.seen.push(`store ${(address - deviceBase).toString(16)} ${size} ${value.toString(16)}`);
    this.low = low;
    this.high = high;
    this.onStore?.(address - deviceBase);
    return true;
  }

  #has(address: number): boolean {
    return address >= deviceBase && address < deviceBase + 0x1000;
  }
}

export interface TestHartOptions {
  readonly shared?: boolean;
  readonly ramBytes?: number;
  readonly onSupervisorCall?: () => void;
  readonly features?: HartFeatures;
  /** Runs are then cut short, so that what is hot is translated in between. */
  readonly translation?: TranslationOptions & { readonly hotAfter?: number };
  /** Of one without a translator. */
  readonly hotAfter?: number;
}

export class TestHart {
  readonly hart: Hart;
  readonly ram: Uint8Array<ArrayBufferLike>;
  readonly view: DataView<ArrayBufferLike>;
  readonly device = new TestDevice();
  ticks = 0;

  readonly #slice: number;

  constructor(options: TestHartOptions = {}) {
    const { shared = true, ramBytes = 0x80_0000, onSupervisorCall, features, translation, hotAfter } = options;
    this.#slice = translation === undefined ? Infinity : translatedSlice;
    const pages = memoryPages(ramBytes);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    this.ram = new Uint8Array(memory.buffer, ramOffset, ramBytes);
    this.view = new DataView(memory.buffer, ramOffset, ramBytes);
    this.hart = new Hart({
      id: 0,
      memory,
      shared,
      ram: { base: ramBase, bytes: ramBytes },
      bus: this.device,
      ticks: () => this.ticks,
      ...(onSupervisorCall !== undefined && { onSupervisorCall }),
      ...(features !== undefined && { features }),
      ...(hotAfter !== undefined && { hotAfter }),
      ...(translation !== undefined && { hotAfter: translation.hotAfter ?? defaultHotAfter }),
    });
    if (translation !== undefined) this.hart.translateBy((parts) => new Translator({ ...parts, ...translation }));
  }

  /** As after a reset, so that one hart serves many tests. It can not undo what PMP has locked. */
  reset(): void {
    const { hart } = this;
    const { registers } = hart;
    hart.clear();
    Object.assign(registers.record, {
      privilege: privilege.machine,
      waiting: false,
      retired: 0,
      lines: 0,
    });
    for (let entry = 0; entry < 16; entry += 1) {
      hart.mmu.pmp.setConfiguration(entry, 0);
      hart.mmu.pmp.setAddress(entry, 0n);
      if (hart.mmu.pmp.configuration(entry) !== 0) throw new Error('a test that locks PMP needs a hart of its own');
    }
    registers.set(csrAt.stimecmp, -1, -1);
    hart.stopped = false;
    this.ram.fill(0);
    this.ticks = 0;
    this.device.seen.length = 0;
    this.device.low = 0;
    this.device.high = 0;
    this.device.onStore = undefined;
    hart.stateChanged();
  }

  /** Puts a program into RAM, as a device does. */
  put(text: string, base = ramBase): Program {
    return this.putAt(text, BigInt(base), base);
  }

  /** The same for a program that is to be seen at another address. */
  putAt(text: string, address: bigint, place: number): Program {
    const program = assemble(text, address);
    this.ram.set(program.bytes, place - ramBase);
    this.hart.written(place, program.bytes.length);
    return program;
  }

  /** Puts a program into RAM and the pc at its start; `mode` is the privilege to start in. */
  load(
    text: string,
    { base = ramBase, mode = 'machine' }: { base?: number; mode?: keyof typeof privilege } = {},
  ): Program {
    const program = this.put(text, base);
    this.start(program.base, mode);
    return program;
  }

  start(pc: bigint, mode: keyof typeof privilege = 'machine'): void {
    const { registers } = this.hart;
    registers.setPc(pc);
    registers.record.privilege = privilege[mode];
    this.hart.stateChanged();
  }

  /** Runs a program to its `stop`. */
  execute(text: string, options: { base?: number; mode?: keyof typeof privilege } = {}): Program {
    const program = this.load(text, options);
    this.runToStop();
    return program;
  }

  runToStop(budget = 100_000): void {
    let outcome: RunOutcome = 'budget';
    for (let left = budget; left > 0 && outcome === 'budget'; left -= this.#slice) {
      outcome = this.hart.run(Math.min(left, this.#slice));
    }
    const { registers } = this.hart;
    const physical = this.hart.mmu.translate(registers.low(at.pc), registers.high(at.pc), 'fetch');
    const here = physical === 0 && this.hart.mmu.isRam(this.hart.mmu.physical) ? this.hart.mmu.physical : undefined;
    if (here === undefined || this.view.getUint32(here - ramBase, true) !== stopBits) {
      throw new Error(`the program is at ${registers.pc().toString(16)}, not at its stop (${outcome})`);
    }
  }

  run(budget: number): RunOutcome {
    return this.hart.run(budget);
  }

  /** A register by its name, unsigned. */
  x(name: string): bigint {
    return this.hart.registers.x(registerNumber(name));
  }

  setX(name: string, value: bigint): void {
    this.hart.registers.setX(registerNumber(name), value);
  }

  f(name: string): bigint {
    return this.hart.registers.f(registerNumber(name));
  }

  get pc(): bigint {
    return this.hart.registers.pc();
  }

  get mode(): Privilege {
    return this.hart.registers.record.privilege;
  }

  /** Little-endian bytes of RAM. */
  read(address: number, size: 1 | 2 | 4 | 8): bigint {
    const low = address - ramBase;
    if (size === 8) return this.view.getBigUint64(low, true);
    return BigInt(
      size === 4
        ? this.view.getUint32(low, true)
        : size === 2
          ? this.view.getUint16(low, true)
          : this.view.getUint8(low),
    );
  }

  /** Writes RAM as a device does. */
  write(address: number, size: 1 | 2 | 4 | 8, value: bigint): void {
    for (let index = 0; index < size; index += 1) {
      this.view.setUint8(address - ramBase + index, Number((value >> BigInt(8 * index)) & 0xffn));
    }
    this.hart.written(address, size);
  }
}
