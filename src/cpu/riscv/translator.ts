// Translates what is hot while the guest runs: collects the entries that the interpreter finds hot, makes a module of
// their regions, and puts the regions' functions where the interpreter meets them.
import { fusesMultiplyAdd } from '../float/host.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { CodeAround } from './code-around.ts';
import type { DecodedPages } from './decoded-pages.ts';
import { FloatInline } from './float-inline.ts';
import type { KnownRegion } from './known-regions.ts';
import type { MemoryShape } from './interpreter.ts';
import { defaultMaximumBytes } from './translation-bounds.ts';
import { importPure } from './pure-functions.ts';
import { defineRegion } from './region-code.ts';
import { at, counters, exitReasons, heatBytes, pageSize } from './layout.ts';
import type { ExitReason } from './layout.ts';
import { findRegion, largeRegion, smallRegion } from './region.ts';
import type { Region } from './region.ts';
import type { Registers } from './registers.ts';

/** When what is hot is translated, and how much of it is kept. */
export interface TranslationOptions {
  /** Entries of a small region after which a large one is made in its place. Default: 50,000. */
  readonly promoteAfter?: number;
  /** Regions made at once: a module costs as much as several small functions. Default: 16. */
  readonly batch?: number;
  /** Runs of the hart that a hot entry waits for others at most. Default: 8. */
  readonly patience?: number;
  /** Bytes of WebAssembly that are kept. Default: 16 MiB. */
  readonly maximumBytes?: number | undefined;
  /** Milliseconds of a clock that never goes back, for the statistics. Default: none, and no seconds are counted. */
  readonly now?: () => number;
  /** Whether relaxed multiply-add is used where it rounds once. Default: true. */
  readonly relaxedMultiplyAdd?: boolean;
}

/** Modules in all: V8 ends the process before 34,000, and each costs more than its code. */
const maximumModules = 3000;

/** What a translator has done since the hart's start. */
export interface TranslatorStatistics {
  /** Regions, the instructions in them, modules of WebAssembly, and regions that went again. */
  readonly regions: number;
  readonly instructions: number;
  readonly modules: number;
  readonly dropped: number;
  /** Bytes of WebAssembly that are kept. */
  readonly bytes: number;
  /** Seconds in which regions were found, written and handed to the engine; it goes on compiling beside the guest. */
  readonly seconds: number;
  /** Instructions retired in regions. */
  readonly retired: number;
  /**
   * How often regions were left, by reason: `return` to a caller outside, `indirect` jump or call, `beyond` to what is not
   * in the region (or not for a region at all), `miss` of a page in the translation cache, `unmapped` code that was
   * mapped there when it was translated, `spent` time slice.
   */
  readonly exits: Readonly<Record<ExitReason, number>>;
}

/** A region that was made, or is gone. */
export interface TranslationEvent {
  /**
   * `translated`, or `promoted`: made in place of the small one that was entered often. `dropped`: its code has changed, or
   * is another's now; or a large one took its place; or there was no room.
   */
  readonly what: 'translated' | 'promoted' | 'dropped';
  /** The virtual address where it is entered, and was when it was found. */
  readonly entry: bigint;
  /** What it was made of, page by page; each ends before `end`. */
  readonly ranges: readonly { readonly start: bigint; readonly end: bigint }[];
  readonly large: boolean;
  readonly instructions: number;
  /** Bytes of WebAssembly. */
  readonly bytes: number;
  /** Of a region that was made: the regions made with it, in one module, and what all of them took. */
  readonly module?: { readonly regions: number; readonly milliseconds: number };
}

/** What a translator works on: parts of a hart. */
export interface TranslatorParts {
  readonly memory: WebAssembly.Memory;
  readonly shape: MemoryShape;
  readonly registers: Registers;
  readonly pages: DecodedPages;
  /** What `exportPure` has exported. */
  readonly pure: Record<string, unknown>;
  /** Where the interpreter calls regions. */
  readonly table: WebAssembly.Table;
}

const noClock = (): number => 0;

/** The functions that one table can hold: numbers of 16 bits. */
const maximumRegions = 0xffff;

/** What was translated together and goes together. */
interface TranslatedModule {
  readonly bytes: number;
  /** Those that the interpreter can still meet. */
  readonly regions: Set<KnownRegion>;
}

interface TranslatedRegion {
  readonly module: TranslatedModule;
  readonly known: KnownRegion;
  readonly large: boolean;
  readonly instructions: number;
  readonly bytes: number;
}

/** A region that is to be translated. */
interface FoundRegion {
  readonly region: Region;
  readonly known: KnownRegion;
  /** The small region that is there now; undefined: this one is small. */
  readonly small: KnownRegion | undefined;
}

/** Stands for the entries of a region that will not grow, a large one above all: no count gets from there to where it matters. */
const never = -(2 ** 31);
/**
 * Runs of the hart, 200 million instructions at most, after which half of what made an entry hot is forgotten: else a long
 * life would make all code hot, and what runs that seldom is cheaper to interpret.
 */
const runsBetweenCooling = 2048;
/** Runs of the hart between looks at the counts of entries, which take some ten microseconds. */
const runsBetweenLooks = 64;

export class Translator {
  /** Told of each region that is made, and of each that goes. */
  onEvent: ((event: TranslationEvent) => void) | undefined;
  readonly #options: TranslatorParts & TranslationOptions;
  readonly #batch: number;
  readonly #patience: number;
  readonly #promoteAfter: number;
  readonly #floatInline: FloatInline;
  /** By the place of the entry in RAM. */
  readonly #waiting = new Map<number, FoundRegion>();
  #waited = 0;
  #untilLook = runsBetweenLooks;
  #untilCooling = runsBetweenCooling;
  readonly #free: number[] = [];
  #used = 0;
  /** The oldest first. */
  readonly #modules = new Set<TranslatedModule>();
  /** By the number of a function. */
  readonly #translated: (TranslatedRegion | undefined)[] = [];
  #bytes = 0;
  readonly #made = { regions: 0, instructions: 0, modules: 0, dropped: 0, seconds: 0 };

  constructor(options: TranslatorParts & TranslationOptions) {
    this.#options = options;
    this.#batch = options.batch ?? 16;
    this.#patience = options.patience ?? 8;
    this.#promoteAfter = options.promoteAfter ?? 50_000;
    this.#floatInline = new FloatInline(options.relaxedMultiplyAdd !== false && fusesMultiplyAdd());
    options.pages.onRegionDropped((index) => this.#drop(index));
  }

  /** Bytes of WebAssembly that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get statistics(): TranslatorStatistics {
    const { registers } = this.#options;
    const count = (index: number): number => registers.number(at.counters + counters.exits + index * 8);
    const exits = Object.fromEntries(exitReasons.map((reason, index) => [reason, count(index)]));
    return {
      ...this.#made,
      bytes: this.#bytes,
      retired: registers.number(at.counters + counters.instructions),
      exits: exits as Record<ExitReason, number>,
    };
  }

  /** The interpreter finds that an entry is hot, which it executes in the page of a virtual address. */
  request(entry: number, pageLow: number, pageHigh: number): void {
    const { registers, pages, now = noClock } = this.#options;
    const place = pages.placeOfEntry(entry);
    if (place === undefined || !pages.isFree(entry)) return;
    if (this.#waiting.has(keyOf(place))) return;
    const start = now();
    // Now, while the pages around it are those of the same program.
    const code = new CodeAround(registers, pages, place.ramPage, pageLow, pageHigh);
    const region = findRegion(code, place.offset, smallRegion);
    if (region !== undefined)
      this.#wait(region, { ...place, pageLow, pageHigh, parts: code.partsOf(region) }, undefined);
    this.#made.seconds += (now() - start) / 1000;
  }

  /** To be called between runs of the hart: no region is being executed. */
  betweenRuns(): void {
    this.#untilLook -= 1;
    if (this.#untilLook === 0) this.#promote();
    this.#untilCooling -= 1;
    if (this.#untilCooling === 0) this.#cool();
    if (this.#waiting.size === 0) return;
    this.#waited += 1;
    if (this.#waiting.size < this.#batch && this.#waited < this.#patience) return;
    this.#waited = 0;
    const found = [...this.#waiting.values()].filter(({ known }) => !known.gone);
    this.#waiting.clear();
    if (found.length > 0) this.#translate(found);
  }

  #cool(): void {
    this.#untilCooling = runsBetweenCooling;
    const { halves } = this.#options.registers;
    for (let place = at.heat >>> 1; place < (at.heat + heatBytes) >>> 1; place += 1) {
      halves[place] = (halves[place] ?? 0) >>> 1;
    }
  }

  /** Finds large regions for the small ones that are entered most, as far as their program is the one that runs. */
  #promote(): void {
    this.#untilLook = runsBetweenLooks;
    const { registers, pages, now = noClock } = this.#options;
    const start = now();
    for (let number = 0; number < this.#used; number += 1) {
      const count = at.regionEntries + number * 4;
      if (registers.word(count) < this.#promoteAfter) continue;
      const small = this.#translated[number]?.known;
      if (small === undefined || this.#waiting.has(keyOf(small))) continue;
      const { ramPage, offset, pageLow, pageHigh } = small;
      const code = new CodeAround(registers, pages, ramPage, pageLow, pageHigh);
      if (!code.isCurrent) continue;
      const region = findRegion(code, offset, largeRegion);
      if (region === undefined) registers.setWord(count, never);
      else this.#wait(region, { ramPage, offset, pageLow, pageHigh, parts: code.partsOf(region) }, small);
    }
    this.#made.seconds += (now() - start) / 1000;
  }

  #wait(region: Region, place: Omit<KnownRegion, 'function' | 'gone'>, small: KnownRegion | undefined): void {
    const known: KnownRegion = { ...place, function: undefined, gone: false };
    this.#options.pages.watch(known);
    this.#waiting.set(keyOf(known), { region, known, small });
  }

  #translate(found: readonly FoundRegion[]): void {
    const { registers, pages, shape, memory, pure, table, now = noClock } = this.#options;
    const start = now();
    this.#makeRoom(0, found.length);
    const numbers = found.map(() => this.#take());
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { minimum: shape.pages, maximum: shape.pages, shared: shape.shared });
    const imports = importPure(
      module,
      found.map(({ region }) => region),
      this.#floatInline,
    );
    const functions = found.map(({ region, known, small }, index) => {
      const count = at.regionEntries + (numbers[index] ?? 0) * 4;
      registers.setWord(count, small === undefined ? 0 : never);
      return defineRegion(module, region, known.parts, imports, small === undefined ? count : undefined);
    });
    for (const [index, code] of functions.entries()) module.exportFunction(String(index), code);
    const bytes = module.toBytes();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory }, pure });
    this.#makeRoom(bytes.length, 0);
    const made: TranslatedModule = { bytes: bytes.length, regions: new Set() };
    this.#modules.add(made);
    this.#bytes += made.bytes;
    const milliseconds = now() - start;
    for (const [index, { region, known, small }] of found.entries()) {
      const number = numbers[index] ?? 0;
      table.set(number, exports[String(index)]);
      made.regions.add(known);
      const instructions = region.blocks.reduce((sum, block) => sum + block.instructions.length, 0);
      const large = small !== undefined;
      const translated = { module: made, known, large, instructions, bytes: functions[index]?.length ?? 0 };
      this.#translated[number] = translated;
      if (large) pages.dropRegion(small);
      pages.installRegion(known, number);
      this.#made.regions += 1;
      this.#made.instructions += instructions;
      this.#tell(large ? 'promoted' : 'translated', translated, { regions: found.length, milliseconds });
    }
    this.#made.modules += 1;
    this.#made.seconds += milliseconds / 1000;
  }

  /** Lets the oldest modules go until there is room for another. */
  #makeRoom(bytes: number, regions: number): void {
    const maximumBytes = this.#options.maximumBytes ?? defaultMaximumBytes;
    for (const oldest of this.#modules) {
      const room = maximumRegions - this.#used + this.#free.length;
      if (this.#bytes + bytes <= maximumBytes && this.#modules.size < maximumModules && regions <= room) return;
      for (const region of oldest.regions) this.#options.pages.dropRegion(region);
    }
  }

  /** A number for a function; `#makeRoom` has seen to it that there is one. */
  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { table } = this.#options;
    if (this.#used === table.length) table.grow(Math.min(1024, maximumRegions - this.#used));
    return this.#used++;
  }

  #drop(index: number): void {
    this.#options.table.set(index);
    this.#free.push(index);
    this.#made.dropped += 1;
    const translated = this.#translated[index];
    if (translated === undefined) return;
    this.#translated[index] = undefined;
    this.#tell('dropped', translated);
    const { module, known } = translated;
    module.regions.delete(known);
    if (module.regions.size > 0) return;
    this.#modules.delete(module);
    this.#bytes -= module.bytes;
  }

  #tell(what: TranslationEvent['what'], translated: TranslatedRegion, module?: TranslationEvent['module']): void {
    if (this.onEvent === undefined) return;
    const { known, large, instructions, bytes } = translated;
    const page = wide(known.pageLow, known.pageHigh);
    const ranges = known.parts.map((part) => {
      const from = page + BigInt(part.page * pageSize);
      return { start: from + BigInt(part.from), end: from + BigInt(part.to) };
    });
    const entry = page + BigInt(known.offset);
    this.onEvent({ what, entry, ranges, large, instructions, bytes, ...(module && { module }) });
  }
}

/** A 64-bit value of its halves. */
function wide(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The place of an entry in RAM. */
function keyOf({ ramPage, offset }: { readonly ramPage: number; readonly offset: number }): number {
  return ramPage * pageSize + offset;
}
