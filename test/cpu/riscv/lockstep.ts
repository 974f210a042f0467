// The hart and the reference hart side by side: the same memory to begin with, one instruction at a time, everything
// compared after each.
import { csrAt } from '../../../src/cpu/riscv/csr-layout.ts';
import { defaultFeatures } from '../../../src/cpu/riscv/features.ts';
import type { HartFeatures } from '../../../src/cpu/riscv/features.ts';
import { disassemble } from '../../../src/cpu/riscv/disassembler.ts';
import { integerNames } from '../../../src/cpu/riscv/register-names.ts';
import type { Hart } from '../../../src/cpu/riscv/hart.ts';
import { at } from '../../../src/cpu/riscv/layout.ts';
import { status } from '../../oracle/csrs.ts';
import { ReferenceMemory } from '../../oracle/memory.ts';
import { ReferenceHart } from '../../oracle/reference-hart.ts';
import { makeStream } from './stream/image.ts';
import type { StreamOptions } from './stream/image.ts';
import { physical, ramBase } from './stream/layout.ts';
import { readLog, StreamHart, translateAll } from './stream/run.ts';

/** Registers that are compared besides x, f and pc, by their place in the hart and their name in the reference. */
const csrs = [
  'mepc',
  'mcause',
  'mtval',
  'mscratch',
  'mie',
  'medeleg',
  'mideleg',
  'mtvec',
  'mcounteren',
  'menvcfg',
].concat(['sepc', 'scause', 'stval', 'sscratch', 'stvec', 'scounteren', 'senvcfg']) as (keyof typeof csrAt &
  Parameters<ReferenceHart['csrs']['get']>[0])[];

/** What a hart begins an instruction with. */
export interface HartState {
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly fcsr: number;
}

const floatNames = Array.from({ length: 32 }, (_, index) => `f${index}`);

export class Lockstep {
  readonly reference: ReferenceHart;
  readonly #hart: Hart;
  readonly #ram: Uint8Array<ArrayBufferLike>;
  readonly #wide: BigUint64Array<ArrayBufferLike>;

  /** `ram` is the hart's; the reference begins with a copy. Both begin in M-mode with the hart's x, f and pc. */
  constructor(hart: Hart, ram: Uint8Array<ArrayBufferLike>, base: number, features?: HartFeatures) {
    this.#hart = hart;
    this.#ram = ram;
    this.#wide = new BigUint64Array(hart.registers.buffer, 0, at.caches / 8);
    this.reference = new ReferenceHart(new ReferenceMemory(BigInt(base), ram.slice()), features);
    this.reference.pc = hart.registers.pc();
    for (let index = 0; index < 32; index += 1) {
      this.reference.x[index] = hart.registers.x(index);
      this.reference.f[index] = hart.registers.f(index);
    }
    this.reference.settle();
    hart.run(0);
  }

  /**
   * Retires one instruction on both and compares; not where the instruction lies below `quietBelow`, to save time.
   * Throws an error that names the instruction and what differs.
   */
  step(quietBelow = 0n): void {
    const { reference } = this;
    const from = reference.pc;
    const bits = reference.instructionAt(from);
    reference.step();
    reference.settle();
    const outcome = this.#hart.run(1);
    this.#hart.run(0);
    if (from < quietBelow && reference.pc < quietBelow) return;
    const differences = this.#differences();
    if (outcome === 'stuck') differences.push('the hart is stuck');
    if (differences.length === 0) return;
    const instruction = bits === undefined ? 'what cannot be fetched' : disassemble(bits, from);
    throw new Error(`after ${instruction} at 0x${from.toString(16)}:\n  ${differences.join('\n  ')}`);
  }

  /**
   * Retires so many instructions on both, on the hart in one run, or fewer up to where the pc is `end`, and compares.
   * Throws an error that says what differs. Gives the number of instructions.
   */
  run(count: number, end?: bigint): number {
    const { reference } = this;
    const from = reference.pc;
    let done = 0;
    for (; done < count && reference.pc !== end; done += 1) {
      reference.step();
      reference.settle();
    }
    const outcome = this.#hart.run(done);
    this.#hart.run(0);
    const differences = this.#differences();
    if (outcome === 'stuck') differences.push('the hart is stuck');
    if (differences.length > 0) {
      throw new Error(`${done} instructions from 0x${from.toString(16)}:\n  ${differences.join('\n  ')}`);
    }
    return done;
  }

  /** Puts both at an instruction, in M-mode with floating point on. */
  prepare(address: bigint, bits: number, state: HartState): void {
    this.prepareCode(address, Uint8Array.of(bits, bits >>> 8, bits >>> 16, bits >>> 24), state);
  }

  /** The same for several instructions. */
  prepareCode(address: bigint, code: Uint8Array, state: HartState): void {
    const { reference } = this;
    const start = Number(address - reference.memory.base);
    reference.memory.bytes.set(code, start);
    this.#ram.set(code, start);
    this.#hart.written(Number(address), code.length);
    this.prepareState(address, state);
  }

  /** The same for the code that is there. */
  prepareState(address: bigint, state: HartState): void {
    const { reference } = this;
    const { registers } = this.#hart;
    for (let index = 0; index < 32; index += 1) {
      const value = index === 0 ? 0n : state.x[index]!;
      reference.x[index] = value;
      registers.setX(index, value);
      reference.f[index] = state.f[index]!;
      registers.setF(index, state.f[index]!);
    }
    reference.pc = address;
    registers.setPc(address);
    reference.mode = 3;
    registers.record.privilege = 3;
    reference.csrs.mstatus = status.fs;
    registers.setWord(at.mstatus, Number(status.fs));
    reference.csrs.fflags = BigInt(state.fcsr & 31);
    registers.setFcsr(state.fcsr & 31, state.fcsr >> 5);
    reference.csrs.frm = BigInt(state.fcsr >> 5);
    this.#hart.stateChanged();
  }

  /** Compares all of the memory. */
  compareMemory(): void {
    const { bytes, base } = this.reference.memory;
    if (Buffer.from(bytes.buffer).equals(Buffer.from(this.#ram.buffer, this.#ram.byteOffset, this.#ram.length))) return;
    const different = bytes.findIndex((byte, index) => byte !== this.#ram[index]);
    if (different >= 0) throw new Error(`memory differs at 0x${(base + BigInt(different)).toString(16)}`);
  }

  #differences(): string[] {
    const { reference } = this;
    const { registers } = this.#hart;
    const wide = this.#wide;
    const found: string[] = [];
    const check = (name: string, hart: bigint | undefined, other: bigint | undefined): void => {
      if (hart !== other) found.push(`${name}: 0x${hart?.toString(16)}, but 0x${other?.toString(16)} by the reference`);
    };
    check('pc', wide[at.pc / 8], reference.pc);
    check('privilege', BigInt(registers.record.privilege), BigInt(reference.mode));
    for (let index = 0; index < 32; index += 1) {
      check(integerNames[index]!, wide[at.x / 8 + index], reference.x[index]);
      check(floatNames[index]!, wide[at.f / 8 + index], reference.f[index]);
    }
    check('mstatus', wide[at.mstatus / 8], reference.csrs.mstatus);
    check('fflags', BigInt(registers.word(at.fflags)), reference.csrs.fflags);
    check('frm', BigInt(registers.word(at.frm)), reference.csrs.frm);
    check('satp', wide[csrAt.satp / 8], reference.csrs.satp);
    check('retired', BigInt(this.#hart.retired()), reference.retired);
    for (const name of csrs) check(name, wide[csrAt[name] / 8], reference.csrs.get(name));
    const { memory } = reference;
    for (const { address, length } of memory.written) {
      const start = Number(address - memory.base);
      for (let index = start; index < start + length; index += 1) {
        if (memory.bytes[index] === this.#ram[index]) continue;
        found.push(`memory at 0x${(memory.base + BigInt(index)).toString(16)}`);
        break;
      }
    }
    memory.written.length = 0;
    return found;
  }
}

function featuresOf({ bitsFault = false }: StreamOptions): HartFeatures {
  return { ...defaultFeatures, svade: bitsFault };
}

/**
 * Runs a stream to its end, so many instructions at a time as `stride` says, on the reference and on a hart that has
 * translated what it jumps to. Gives the number of regions.
 */
export function runTranslated(options: StreamOptions, shared: boolean, stride: () => number): number {
  const stream = makeStream(options);
  const features = featuresOf(options);
  const streamHart = new StreamHart(stream, shared, translateAll, features);
  const { hart, ram } = streamHart;
  streamHart.warm(stream);
  const lockstep = new Lockstep(hart, ram, ramBase, features);
  const end = stream.harness.machine.symbol('finish');
  for (let steps = 0; lockstep.reference.pc !== end;) {
    try {
      steps += lockstep.run(stride(), end);
    } catch (error) {
      throw new Error(`in the stream ${JSON.stringify(options)}, after ${steps} instructions`, { cause: error });
    }
  }
  lockstep.compareMemory();
  return hart.translator?.statistics.regions ?? 0;
}

/** Runs a stream on both to its end, comparing all of the memory there. Gives the steps that were compared. */
export function runInLockstep(options: StreamOptions, shared: boolean): { blocks: number; steps: number } {
  const stream = makeStream(options);
  const features = featuresOf(options);
  const { hart, ram } = new StreamHart(stream, shared, undefined, features);
  const lockstep = new Lockstep(hart, ram, ramBase, features);
  const end = stream.harness.machine.symbol('finish');
  const quietBelow = BigInt(physical.variables);
  let steps = 0;
  while (lockstep.reference.pc !== end) {
    if (lockstep.reference.pc >= quietBelow) steps += 1;
    try {
      lockstep.step(quietBelow);
    } catch (error) {
      throw new Error(`in the stream ${JSON.stringify(options)}, step ${steps}`, { cause: error });
    }
  }
  lockstep.compareMemory();
  return { blocks: readLog(ram).length, steps };
}
