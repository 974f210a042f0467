// Runs a stream's image on the hart, and reads the log that it leaves.
import type { HartFeatures } from '../../../../src/cpu/riscv/features.ts';
import { Hart } from '../../../../src/cpu/riscv/hart.ts';
import { Translator } from '../../../../src/cpu/riscv/translator.ts';
import type { TranslationOptions } from '../../../../src/cpu/riscv/translator.ts';
import { at, pageSize, ramOffset, memoryPages } from '../../../../src/cpu/riscv/layout.ts';
import { countedOverhead, dump, dumpMark, trapBytes, variable } from './harness.ts';
import type { Stream } from './image.ts';
import { physical, ramBase, ramBytes, testFinisher } from './layout.ts';

export type Translation = TranslationOptions & { readonly hotAfter: number };

/** Translates whatever is jumped to. */
export const translateAll: Translation = { hotAfter: 1, batch: 1, promoteAfter: 4 };

/** The test finisher alone. */
class FinisherBus {
  readonly low = 0;
  readonly high = 0;
  readonly #onFinish: () => void;

  constructor(onFinish: () => void) {
    this.#onFinish = onFinish;
  }

  load(): boolean {
    return false;
  }

  store(address: number): boolean {
    if (address !== testFinisher) return false;
    this.#onFinish();
    return true;
  }
}

/** A hart with a stream's image in RAM, its pc at the start. */
export class StreamHart {
  readonly hart: Hart;
  readonly ram: Uint8Array<ArrayBufferLike>;
  finished = false;

  constructor(stream: Pick<Stream, 'image'>, shared: boolean, translation?: Translation, features?: HartFeatures) {
    const pages = memoryPages(ramBytes);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    this.ram = new Uint8Array(memory.buffer, ramOffset, ramBytes);
    this.hart = new Hart({
      id: 0,
      memory,
      shared,
      ram: { base: ramBase, bytes: ramBytes },
      bus: new FinisherBus(() => {
        this.finished = true;
        this.hart.leave();
      }),
      ticks: () => 0,
      ...(features !== undefined && { features }),
      ...(translation !== undefined && { hotAfter: translation.hotAfter }),
    });
    if (translation !== undefined) this.hart.translateBy((parts) => new Translator({ ...parts, ...translation }));
    this.load(stream);
  }

  /** Starts anew with another image. */
  load({ image }: Pick<Stream, 'image'>): void {
    this.hart.clear();
    this.#reset();
    this.ram.fill(0);
    this.ram.set(image);
  }

  /** Runs once to the end, so that whatever is jumped to is translated, and starts anew with that translated. */
  warm({ image }: Pick<Stream, 'image'>): void {
    this.load({ image });
    this.run();
    this.hart.run(0);
    this.#reset();
    const page = new Uint8Array(pageSize);
    for (let start = 0; start < this.ram.length; start += pageSize) {
      page.fill(0);
      page.set(image.subarray(start, Math.min(start + pageSize, image.length)));
      if (Buffer.compare(page, this.ram.subarray(start, start + pageSize)) === 0) continue;
      this.ram.set(page, start);
      this.hart.written(ramBase + start, pageSize);
    }
  }

  /** As after a reset. The harness never locks PMP entries. */
  #reset(): void {
    const { hart } = this;
    hart.registers.words.fill(0, 0, at.caches >>> 2);
    Object.assign(hart.registers.record, {
      privilege: 3,
      waiting: false,
      retired: 0,
    });
    for (let entry = 0; entry < 16; entry += 1) hart.mmu.pmp.setConfiguration(entry, 0);
    this.finished = false;
    hart.registers.setPc(BigInt(ramBase));
    hart.stateChanged();
  }

  /**
   * Runs to the end. False: the stream traps for ever, or jumps in a circle that it has stored: it executes far more than others do.
   * Throws where it waits for what never comes.
   */
  run(): boolean {
    for (let slice = 0; slice < 1000 && !this.finished; slice += 1) {
      const outcome = this.hart.run(100_000);
      if (outcome === 'stuck') return false;
      if (outcome === 'waiting') throw new Error('the stream is waiting');
    }
    return this.finished;
  }
}

export interface TrapRecord {
  readonly cause: bigint;
  readonly epc: bigint;
  readonly tval: bigint;
}

/** What one block left. */
export interface BlockResult {
  readonly traps: readonly TrapRecord[];
  readonly supervisorTraps: readonly TrapRecord[];
  /** x0 to x31. */
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly fcsr: bigint;
  readonly checksum: bigint;
}

/** Reads the log out of RAM. */
export function readLog(ram: Uint8Array<ArrayBufferLike>): BlockResult[] {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const get = (address: number): bigint => view.getBigUint64(address - ramBase, true);
  const trapAt = (address: number): TrapRecord => ({
    cause: get(address),
    epc: get(address + 8),
    tval: get(address + 16),
  });
  const end = Number(get(physical.variables + variable.log));
  if (end > physical.logEnd) throw new Error('the log is longer than its place');
  const results: BlockResult[] = [];
  let traps: TrapRecord[] = [];
  let at: number = physical.log;
  while (at < end) {
    if (get(at) !== dumpMark) {
      traps.push(trapAt(at));
      at += trapBytes;
      continue;
    }
    const row = (offset: number): bigint[] => Array.from({ length: 32 }, (_, index) => get(at + offset + index * 8));
    const used = Number(get(at + dump.used));
    results.push({
      traps,
      supervisorTraps: Array.from({ length: used / trapBytes }, (_, index) =>
        trapAt(at + dump.records + index * trapBytes),
      ),
      x: [0n, ...row(dump.x).slice(1)],
      f: row(dump.f),
      fcsr: get(at + dump.fcsr),
      checksum: get(at + dump.checksum),
    });
    traps = [];
    at += dump.records + used;
  }
  return results;
}

/** Instructions that the blocks retired on the hart, without those of the trap handlers. */
export function executedInstructions(ram: Uint8Array<ArrayBufferLike>, results: readonly BlockResult[]): number {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const counted = Number(view.getBigUint64(physical.variables + variable.counted - ramBase, true));
  const sum = (of: (result: BlockResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const entries = results.length + sum(({ traps }) => traps.length);
  // The supervisor's handler takes at most 38 instructions, its way out 10.
  return (
    counted -
    countedOverhead * entries -
    38 * sum(({ supervisorTraps }) => supervisorTraps.length) -
    10 * results.length
  );
}
