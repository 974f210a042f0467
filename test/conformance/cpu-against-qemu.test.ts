// Random instruction streams on the hart and on QEMU's virt board, from the same image: every extension, every rounding
// mode, traps in all three privilege modes, Sv39, accesses and instructions that cross pages, code that changes itself.
// VM9_SCALE=full runs ten times as many; CPU_SEED repeats a run.
import { beforeAll, describe, expect, it } from 'vitest';
import { c } from '../../src/cpu/riscv/c.ts';
import { decode, findCompressed, instructionSet } from '../../src/cpu/riscv/decoder.ts';
import { differences, listing } from '../cpu/riscv/stream/compare.ts';
import { makeStream } from '../cpu/riscv/stream/image.ts';
import type { Stream, StreamOptions } from '../cpu/riscv/stream/image.ts';
import { physical, ramBase } from '../cpu/riscv/stream/layout.ts';
import { executedInstructions, readLog, StreamHart, translateAll } from '../cpu/riscv/stream/run.ts';
import type { BlockResult } from '../cpu/riscv/stream/run.ts';
import { avoided, deviations } from './cpu-deviations.ts';
import { qemuVersion, runOnQemu } from './cpu-qemu.ts';

const wanted = process.env['VM9_SCALE'] === 'full' ? 10_000_000 : 1_000_000;
const seed = Number(process.env['CPU_SEED'] ?? Date.now() % 2 ** 31);
const blocks = 800;
const unitsPerBlock = 64;

/** What both must leave equal besides the log: page tables with their A and D bits, scratch memory, code. */
const compared = [
  [physical.tables, physical.tables + 0x1_0000],
  [physical.scratch, physical.blocks],
] as const;

/** The A bit of a page-table entry. */
const accessed = 0x40;

interface Outcome {
  readonly stream: Stream;
  readonly ours: Uint8Array<ArrayBufferLike>;
  readonly theirs: Uint8Array<ArrayBufferLike>;
  readonly results: readonly BlockResult[];
  /** The first block that differs, and how. */
  readonly found: { readonly block: number; readonly how: readonly string[] } | undefined;
}

/**
 * A stream can spoil what its own trap handler needs, and then traps for ever. Undefined stands for one that does so on
 * both: QEMU gets this many milliseconds, a hundred times what a stream takes, to show that it ends there.
 */
const endlessAfter = 10_000;
/** And this many for a stream that has ended here, counted from then: on a busy machine that may take minutes itself. */
const endAfter = 120_000;

async function runBoth(
  options: StreamOptions,
  hart: StreamHart | undefined,
  shared: boolean,
): Promise<Outcome | undefined> {
  const stream = makeStream(options);
  const stopQemu = new AbortController();
  const qemu = runOnQemu(stream.image, stopQemu.signal);
  const mine = hart ?? new StreamHart(stream, shared);
  let ends: boolean;
  try {
    if (mine.hart.translator === undefined) mine.load(stream);
    else mine.warm(stream);
    ends = mine.run();
  } catch (error) {
    stopQemu.abort();
    throw error;
  }
  const timer = setTimeout(() => stopQemu.abort(), ends ? endAfter : endlessAfter);
  const theirs = await qemu;
  clearTimeout(timer);
  if (!ends && theirs === undefined) return undefined;
  const where = ends ? 'under QEMU, but it ends here' : 'here, but it ends under QEMU';
  if (!ends || theirs === undefined) throw new Error(`CPU_SEED=${options.seed}: endless ${where}`);
  const results = readLog(mine.ram);
  const others = readLog(theirs);
  expect([results.length, others.length], 'blocks in the logs').toEqual([options.blocks, options.blocks]);
  let found: Outcome['found'];
  for (const [index, block] of stream.blocks.entries()) {
    const how = differences(block, results[index]!, others[index]!, deviations);
    if (how.length === 0) continue;
    found = { block: index, how };
    break;
  }
  return { stream, ours: mine.ram, theirs, results, found };
}

function differingMemory({ ours, theirs }: Outcome): string | undefined {
  for (const [from, to] of compared) {
    const [a, b] = [ours, theirs].map((ram) => Buffer.from(ram.slice(from - ramBase, to - ramBase)));
    // Volume II, §10.3.1: A may be set speculatively. QEMU looks ahead when it translates code.
    if (from === physical.tables) for (let at = 0; at < b!.length; at += 8) b![at]! &= a![at]! | ~accessed;
    if (a!.equals(b!)) continue;
    const at = a!.findIndex((byte, index) => byte !== b![index]);
    return `memory at 0x${(from + at).toString(16)}: ${a![at]}, but ${b![at]}`;
  }
  return undefined;
}

/** The shortest beginning of the stream that differs, told so that it can be run again. */
async function shrink(options: StreamOptions, block: number, hart: StreamHart): Promise<string> {
  let [agrees, differs] = [0, unitsPerBlock];
  const cut = async (lastUnits: number): Promise<Outcome> => {
    const outcome = await runBoth({ ...options, blocks: block + 1, lastUnits }, hart, true);
    if (outcome === undefined) throw new Error(`CPU_SEED=${options.seed}: endless when it is cut short`);
    return outcome;
  };
  while (differs - agrees > 1) {
    const middle = (agrees + differs) >> 1;
    if ((await cut(middle)).found === undefined) agrees = middle;
    else differs = middle;
  }
  const { stream, found } = await cut(differs);
  const last = stream.blocks[block]!;
  const what = found?.how.join('\n  ') ?? 'no difference any more';
  const mode = JSON.stringify(last.mode);
  return `CPU_SEED=${options.seed}, block ${block} in ${mode}, unit ${differs - 1}:\n  ${what}\n${listing(last, differs - 3)}`;
}

/** What runs them: the interpreter alone, or after a first run a translator of whatever was jumped to. */
const engines = [
  ['interpreted', undefined],
  ['translated', translateAll],
] as const;

describe.each(engines)('random instruction streams against QEMU, %s,', (_, translation) => {
  const met = new Set<string>();
  let flags = 0n;
  let executed = 0;
  let regions = 0;
  /** Streams that end nowhere. */
  let endless = 0;

  beforeAll(() => {
    console.log(`${qemuVersion()}; CPU_SEED=${seed}, ${wanted} instructions`);
  });

  it('leave the same registers, traps and memory', async () => {
    let hart: StreamHart | undefined;
    for (let round = 0; executed < wanted; round += 1) {
      const options = { seed: seed + round, blocks, unitsPerBlock, checksum: true };
      // Guest RAM is a SharedArrayBuffer in the first half of the run, and none in the second.
      if (round === 0 || (executed > wanted / 2 && hart?.ram.buffer instanceof SharedArrayBuffer)) hart = undefined;
      hart ??= new StreamHart(makeStream({ ...options, blocks: 1 }), round === 0, translation);
      const before = hart.hart.translator?.statistics.regions ?? 0;
      const outcome = await runBoth(options, hart, true);
      regions += (hart.hart.translator?.statistics.regions ?? 0) - before;
      if (outcome === undefined) {
        endless += 1;
        hart = undefined;
        continue;
      }
      if (outcome.found !== undefined) expect.fail(await shrink(options, outcome.found.block, hart));
      const memory = differingMemory(outcome);
      if (memory !== undefined) expect.fail(`CPU_SEED=${options.seed}: ${memory}`);
      executed += executedInstructions(outcome.ours, outcome.results);
      for (const { traps, supervisorTraps, fcsr } of outcome.results) {
        for (const { cause } of [...traps, ...supervisorTraps]) met.add(`cause ${cause}`);
        flags |= fcsr & 31n;
      }
      for (const { instructions } of outcome.stream.blocks) {
        for (const { bits } of instructions) met.add(nameOf(bits));
      }
    }
    const times = deviations.map(({ clause, met: count }) => `  ${count} times: ${clause}`);
    const kept = avoided.map(({ clause, there }) => `  ${clause}; there: ${there}`);
    if (translation !== undefined) expect(regions).toBeGreaterThan(1000);
    expect(endless, 'streams that do not end').toBeLessThan(1 + wanted / 200_000);
    console.log(
      [
        `${executed} instructions agree, ${endless} streams end nowhere; otherwise there:`,
        ...times,
        'kept away from:',
        ...kept,
      ].join('\n'),
    );
  });

  it('have met every instruction, every exception that has a number, and every flag', () => {
    const names = [...instructionSet, ...c].map(({ name }) => name);
    expect(names.filter((name) => !met.has(name))).toEqual([]);
    const causes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15];
    expect(causes.filter((cause) => !met.has(`cause ${cause}`))).toEqual([]);
    expect(flags).toBe(31n);
  });
});

function nameOf(bits: number): string {
  return ((bits & 3) === 3 ? decode(bits)?.row.name : findCompressed(bits)?.name) ?? 'illegal';
}
