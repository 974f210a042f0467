// The generated page walk and the reference hart's, for random tables and accesses: the same faults, the same places, the
// same A and D. The RISC-V Instruction Set Manual, Volume II (20240411), §10.3.2, §10.4.1 and §10.5.1.
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultFeatures } from '../../../src/cpu/riscv/features.ts';
import { at } from '../../../src/cpu/riscv/layout.ts';
import { encode } from './encode.ts';
import { Lockstep } from './lockstep.ts';
import { codeAddress, codePlace, PagedHart } from './paged-hart.ts';
import { PageTables, pte, readExecute, readWrite } from './page-tables.ts';
import { Choices } from './stream/random.ts';
import { ramBase } from './test-hart.ts';

/** RAM is one superpage: code and tables, and from `free` on what the accesses may touch. */
const ramBytes = 0x20_0000;
const free = 0x18_0000;
const freePages = (ramBytes - free) / 4096;
/** Pages that PMP may close, as a firmware does with its own: what lies behind them is open. */
const guarded = 0x8000;
const guardedPages = 8;
const machine = new PagedHart({ ramBytes });
const svade = { ...defaultFeatures, svade: true };
/** A gigabyte that is mapped by leaves of one level. */
const gigabyte = 0x4000_0000n;
const rounds = 120;

const accesses = [
  ['lb a1, 0(a0)', 1],
  ['lhu a1, 0(a0)', 2],
  ['lw a1, 0(a0)', 4],
  ['ld a1, 0(a0)', 8],
  ['sb a2, 0(a0)', 1],
  ['sh a2, 0(a0)', 2],
  ['sw a2, 0(a0)', 4],
  ['sd a2, 0(a0)', 8],
  ['lr.d a1, (a0)', 8],
  ['amoor.w a1, a2, (a0)', 4],
] as const;

/** Flags of an entry, each as likely as it says, in percent. */
function flagsOf(random: Choices, likely: Readonly<Partial<Record<keyof typeof pte, number>>>): bigint {
  const names = Object.entries(pte).filter(([name]) => random.below(100) < (likely[name as keyof typeof pte] ?? 0));
  return names.reduce((flags, [, bit]) => flags | bit, 0n);
}

/** Maps random pages. Gives some of them, by their address. */
function mapPages(random: Choices, mode: 'user' | 'supervisor', { tables, ram }: PagedHart): bigint[] {
  const level = random.below(tables.levels);
  // Away from the code's 512 GiB, where they have an entry of their own.
  const above512 = tables.levels === 4 ? 2n ** 39n : 0n;
  const start = above512 + (level === 3 ? BigInt(ramBase) : gigabyte);
  const likely = { v: 97, r: 92, w: 80, x: 20, u: mode === 'user' ? 92 : 25, g: 75, a: 85, d: 85 };
  const flags = flagsOf(random, likely) | (random.once(24) ? 1n << BigInt(random.between(54, 63)) : 0n);
  // Neither in RAM, nor a multiple of what is mapped, now and then.
  const moved = (random.once(16) ? -0x20_0000 : 0) + (level > 0 && random.once(12) ? 4096 : 0);
  const pages = Array.from({ length: 4 }, () => {
    const address = start + BigInt(placeOf(random));
    const frame = level === 0 ? ramBase + placeOf(random) : level === 3 ? 0 : ramBase;
    tables.map(address, Math.max(frame + moved, 0), flags, level);
    return address;
  });
  if (level === 0 && random.once(6)) {
    // The table of all of them is in what may be closed.
    const table = tables.tableAddress(start) - ramBase;
    ram.copyWithin(guarded, table, table + 4096);
    tables.setEntry(start, (BigInt((ramBase + guarded) / 4096) << 10n) | pte.v, 1);
  }
  if (level < tables.levels - 1 && random.once(6)) {
    const above = random.between(level + 1, tables.levels - 1);
    const bit = random.pick([pte.v, pte.w, pte.u, pte.a, pte.d, 1n << 54n, 1n << 63n]);
    tables.setEntry(start, tables.entry(start, above) ^ bit, above);
  }
  // Beyond RAM, but in the same leaf.
  if (level >= 2 && random.once(3)) pages.push(start + 0x1000_0000n);
  return pages;
}

function placeOf(random: Choices): number {
  if (random.once(5)) return guarded + random.below(guardedPages) * 4096;
  return free + random.below(freePages) * 4096;
}

function accessText(random: Choices, page: bigint, levels: number): string {
  const [instruction, size] = random.pick(accesses);
  const isAtomic = instruction.includes('(a0)') && !instruction.includes('0(a0)');
  const offset = random.pick([random.below(4096), 4096 - size, 4095, 0]) & (isAtomic ? -size : -1);
  // All bits above the sign, or one from it on.
  const above = BigInt.asUintN(64, -1n << BigInt(12 + 9 * levels));
  const flipped = random.once(20) ? random.pick([above, 1n << BigInt(random.between(11 + 9 * levels, 63))]) : 0n;
  return `li a0, ${(page + BigInt(offset)) ^ flipped}\n${instruction}`;
}

describe.each([
  ['Sv39', 3, defaultFeatures],
  ['Sv48', 4, defaultFeatures],
  ['Sv39 and Svade', 3, svade],
  ['Sv48 and Svade', 4, svade],
] as const)('under %s', (_, levels, features) => {
  const machine = new PagedHart({ ramBytes, levels, features });
  it.each(['user', 'supervisor'] as const)('from %s mode', (mode) => {
    const random = new Choices(levels * 4 + 2 * Number(features.svade) + Number(mode === 'user'));
    const content = Uint8Array.from({ length: ramBytes - free }, () => random.below(256));
    let [trapped, walking] = [0, 0];
    for (let round = 0; round < rounds; round += 1) {
      machine.reset();
      const text = mapPages(random, mode, machine).map((page) => accessText(random, page, levels));
      machine.putAt(`${text.join('\n')}\nstop`, codeAddress[mode], codePlace);
      const status = (mode === 'user' ? 0 : 1 << 11) | (random.below(2) << 18) | (random.once(8) ? 1 << 19 : 0);
      machine.ram.set(content, free);
      machine.load(`
        li t0, ${BigInt(ramBase + guarded) / 4n + BigInt((guardedPages * 4096) / 8 - 1)}
        csrw pmpaddr0, t0
        li t0, ${2n ** 54n - 1n}
        csrw pmpaddr1, t0
        li t0, ${0x1f00 | random.pick([0x1f, 0x1c, 0x19, 0])}
        csrw pmpcfg0, t0
        li t0, ${machine.tables.satp}
        csrw satp, t0
        la t0, trap
        csrw mtvec, t0
        li t0, ${codeAddress[mode]}
        csrw mepc, t0
        li t0, ${status}
        csrw mstatus, t0
        li a2, -1
        mret
        .align 4
      trap:
        stop`);
      machine.hart.registers.record.retired = 0;
      const lockstep = new Lockstep(machine.hart, machine.ram, ramBase, features);
      lockstep.run(120);
      lockstep.compareMemory();
      walking += Number(machine.hart.registers.word(at.walkRoot) !== 0);
      trapped += Number(machine.mode === 3);
    }
    // In M-mode, where the others have ended, there is none.
    expect(walking).toBe(rounds - trapped);
    expect(trapped).toBeGreaterThan(rounds / 4);
    expect(trapped).toBeLessThan(rounds - rounds / (features.svade ? 20 : 8));
  });
});

it('M-mode walks no tables, not even its own state', () => {
  machine.reset();
  machine.tables.map(gigabyte, ramBase + free, pte.v | pte.r | pte.a | pte.g);
  const pointer = (BigInt(machine.tables.tableAddress(gigabyte, 1) / 4096) << 10n) | pte.v;
  // Where x11 lies, a table at place 0 would have its entry for this address.
  machine.execute(`li a1, ${pointer}\nli a2, ${BigInt(at.x / 8 + 11) << 30n}\nlw a3, 0(a2)\nstop`);
  expect([machine.x('a5'), machine.x('a7')]).toEqual([5n, machine.x('a2')]);
});

it('a superpage that is none is a fault, where another address space has one, too', () => {
  machine.reset();
  const other = new PageTables(machine, ramBase + free);
  for (const page of [0n, 0x1000n]) {
    other.map(codeAddress.supervisor + page, codePlace + Number(page), readExecute | pte.g);
  }
  machine.tables.map(gigabyte, ramBase, readWrite | pte.u, 1);
  other.map(gigabyte, ramBase + 0x1000, readWrite | pte.u, 1);
  machine.status({ sum: true });
  const text = `li a0, ${gigabyte}\nli t0, ${other.satp}\nlb a1, 0(a0)\ncsrw satp, t0\nlb a1, 1(a0)\nstop`;
  expect(machine.attempt(text)).toMatchObject({ cause: 13n, tval: gigabyte + 1n });
});

describe('the walk begins nowhere', () => {
  /** Two pages of RAM, of which the tables have one where the other lies. */
  const [own, mapped] = [ramBase + free, ramBase + free + 0x1000];
  const move = `ld a1, 0(a0)\nsd a1, 8(a0)\nstop`;
  beforeEach(() => {
    machine.reset();
    machine.write(own, 8, 1n);
    machine.write(mapped, 8, 2n);
    machine.tables.map(BigInt(own), mapped, readWrite | pte.g);
  });

  it('in M-mode', () => {
    machine.execute(`li a0, ${own}\n${move}`);
    expect([machine.read(own + 8, 8), machine.read(mapped + 8, 8)]).toEqual([1n, 0n]);
  });

  it('without Sv39, whatever else satp holds', () => {
    machine.enter(machine.tables.satp % 2n ** 60n);
    machine.putAt(`li a0, ${own}\n${move}`, BigInt(codePlace), codePlace);
    machine.start(BigInt(codePlace), 'supervisor');
    machine.setX('a5', 0n);
    expect(machine.proceed()).toBeUndefined();
    expect([machine.read(own + 8, 8), machine.read(mapped + 8, 8)]).toEqual([1n, 0n]);
  });

  it.each([0, ramBase - 4096, ramBase + ramBytes, 2 ** 55])('at a root that is not in RAM: %d', (root) => {
    // The code is still at hand.
    for (const page of [0n, 0x1000n]) {
      machine.tables.map(codeAddress.supervisor + page, codePlace + Number(page), readExecute | pte.g);
    }
    const text = `li a0, ${own}\nli t0, ${(8n << 60n) | BigInt(root / 4096)}\ncsrw satp, t0\nld a1, 0(a0)\nstop`;
    expect(machine.attempt(text)).toMatchObject({ cause: 5n, tval: BigInt(own) });
  });
});

describe('where not every mode may do everything, the walk is seen to by PMP', () => {
  const [all, page] = [2n ** 54n - 1n, (BigInt(ramBase + free) >> 2n) | 0x1ffn];
  const [execute, noWrite, everything] = [0x1c, 0x1d, 0x1f];
  const target = free + 0x2000;
  it.each([
    ['nothing may be written', [[all, noWrite]], 'sb a0, 0(a0)', 7n],
    [
      'one page is closed to loads',
      [
        [page + 0x800n, execute],
        [all, everything],
      ],
      'lb a1, 0(a0)',
      5n,
    ],
    [
      'what may be written is another page',
      [
        [page, everything],
        [all, noWrite],
      ],
      'sb a0, 0(a0)',
      7n,
    ],
  ] as const)('%s', (_, entries, access, cause) => {
    machine.reset();
    machine.tables.map(gigabyte, ramBase + target, readWrite | pte.g);
    const configuration = entries.map(([address, flags], index) => {
      return `li t0, ${address}\ncsrw pmpaddr${index}, t0\nli t0, ${flags << (8 * index)}\ncsrs pmpcfg0, t0`;
    });
    machine.execute(`csrw pmpcfg0, x0\n${configuration.join('\n')}\nstop`);
    expect(machine.attempt(`li a0, ${gigabyte}\n${access}\nstop`)).toMatchObject({ cause, tval: gigabyte });
  });
});

describe.each([
  ['user', 'at once', pte.a | pte.d],
  ['supervisor', 'at once', pte.a | pte.d],
  ['user', 'when D is set', 0n],
  ['supervisor', 'when D is set', 0n],
] as const)('code that %s mode sees and writes, %s,', (mode, _, accessed) => {
  it.each([
    ['that was run before', 'jalr ra, 0(a0)'],
    ['that was written before', 'sw t2, 12(a0)'],
    ['that was run and written before', 'sw t2, 12(a0)\njalr ra, 0(a0)'],
  ])('%s is what was written last', (_, before) => {
    machine.reset();
    const rights = pte.v | pte.r | pte.w | pte.x | accessed | (mode === 'user' ? pte.u : pte.g);
    machine.tables.map(gigabyte, ramBase + free, rights);
    machine.put('addi a1, a1, 1\nret', ramBase + free);
    const [first, second] = [2, 4].map((imm) => encode('addi', { rd: 11, rs1: 11, imm }));
    const text = `
      li a0, ${gigabyte}
      li t0, ${first}
      li t1, ${second}
      ${before}
      li a1, 0
      jalr ra, 0(a0)
      sw t0, 0(a0)
      jalr ra, 0(a0)
      sw t1, 0(a0)
      jalr ra, 0(a0)
      stop`;
    expect(machine.attempt(text, mode)).toBeUndefined();
    expect(machine.x('a1')).toBe(7n);
  });
});

it('walks are counted', () => {
  machine.reset();
  const pages = Array.from({ length: 20 }, (_, index) => gigabyte + BigInt(index * 4096));
  for (const page of pages) machine.tables.map(page, ramBase + free, readWrite | pte.u);
  const text = pages.map((page) => `li a0, ${page}\nsb a0, 0(a0)\nsb a0, 8(a0)\nlb a1, 0(a0)`).join('\n');
  const before = machine.hart.mmu.walks;
  expect(machine.attempt(`${text}\nstop`, 'user')).toBeUndefined();
  // Of the code, too, and of the test, which looks where it has stopped.
  const ofData = machine.hart.mmu.walks - before;
  expect(ofData).toBeGreaterThanOrEqual(40);
  expect(ofData).toBeLessThan(45);
});
