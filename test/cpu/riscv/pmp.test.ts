// The RISC-V Instruction Set Manual, Volume II (20240411), §3.7: physical memory protection.
import { beforeEach, describe, expect, it } from 'vitest';
import { encode } from './encode.ts';
import { PagedHart } from './paged-hart.ts';
import { pte, readExecute, readWrite } from './page-tables.ts';
import { ramBase, TestHart } from './test-hart.ts';

const handler = ramBase + 0x800;
const code = ramBase + 0x1000;
const target = ramBase + 0x4000;
const [R, W, X, L] = [1, 2, 4, 0x80];
const [TOR, NA4, NAPOT] = [1 << 3, 2 << 3, 3 << 3];
const ones54 = 2n ** 54n - 1n;

const napot = (base: number, size: number): bigint => (BigInt(base) >> 2n) | (BigInt(size / 8) - 1n);
const top = (address: number): bigint => BigInt(address) >> 2n;

interface Entry {
  readonly index: number;
  readonly configuration: number;
  readonly address: bigint;
}

/** Writes entries as a program does, addresses first. */
function program(entries: readonly Entry[]): string {
  return entries
    .map(({ index, address }) => `li t0, ${address}\ncsrw pmpaddr${index}, t0`)
    .concat(
      entries.map(({ index, configuration }) => {
        const shift = (index % 8) * 8;
        return `li t0, ${BigInt(configuration) << BigInt(shift)}\ncsrs pmpcfg${index < 8 ? 0 : 2}, t0`;
      }),
    )
    .join('\n');
}

const accesses = { load: 'ld a1, 0(a0)', store: 'sd a1, 0(a0)', fetch: 'jalr ra, 0(a0)' } as const;
type Access = keyof typeof accesses;
const causes = { load: 5n, store: 7n, fetch: 1n };

/** Entries 14 and 15 open the programs themselves. */
const openCode: Entry = { index: 15, configuration: NAPOT | R | X, address: napot(code, 0x1000) };

function makeHart(): TestHart {
  const hart = new TestHart({ ramBytes: 0x1_0000 });
  prepare(hart);
  return hart;
}

function prepare(hart: TestHart): void {
  hart.put('csrr a5, mcause\ncsrr a6, mtval\nstop', handler);
  hart.put('ret', target);
  hart.execute(`li t0, ${handler}\ncsrw mtvec, t0\nstop`);
}

function attempt(hart: TestHart, access: Access, mode: 'user' | 'supervisor' | 'machine', address = target): bigint {
  hart.setX('a5', 0n);
  hart.execute(`li a0, ${address}\nli a1, 0x8082\n${accesses[access]}\nstop`, { base: code, mode });
  if (hart.x('a5') !== 0n) expect(hart.x('a6')).toBe(BigInt(address));
  return hart.x('a5');
}

const machine = makeHart();
beforeEach(() => {
  machine.reset();
  prepare(machine);
});

describe('what may be accessed', () => {
  it('§3.7.1: without an entry S and U may nothing, M may all', () => {
    machine.put('stop', code);
    machine.setX('a5', 0n);
    for (const mode of ['user', 'supervisor'] as const) {
      machine.start(BigInt(code), mode);
      machine.runToStop();
      expect([machine.x('a5'), machine.x('a6')]).toEqual([1n, BigInt(code)]);
    }
    expect(attempt(machine, 'store', 'machine')).toBe(0n);
  });

  it.each(['user', 'supervisor'] as const)('%s: R, W and X as the entry has them', (mode) => {
    for (const permissions of [0, R, X, R | W, R | X, R | W | X]) {
      machine.reset();
      prepare(machine);
      machine.execute(
        `${program([openCode, { index: 0, configuration: NAPOT | permissions, address: napot(target, 0x1000) }])}\nstop`,
      );
      const allowed = { load: R, store: W, fetch: X };
      for (const access of ['load', 'store', 'fetch'] as const) {
        const expected = (permissions & allowed[access]) === 0 ? causes[access] : 0n;
        expect([permissions, access, attempt(machine, access, mode)]).toEqual([permissions, access, expected]);
        expect([permissions, access, attempt(machine, access, 'machine')]).toEqual([permissions, access, 0n]);
      }
    }
  });

  it('§3.7.1.3: the entry with the lowest number decides', () => {
    const entries: Entry[] = [
      { index: 3, configuration: NAPOT, address: napot(target, 0x1000) },
      { index: 4, configuration: NAPOT | R | W | X, address: napot(ramBase, 0x1_0000) },
    ];
    machine.execute(`${program(entries)}\nstop`);
    expect(attempt(machine, 'load', 'user')).toBe(5n);
    expect(attempt(machine, 'load', 'user', target + 0x1000)).toBe(0n);
    expect(attempt(machine, 'load', 'user', target - 0x1000)).toBe(0n);
  });

  it('S and U may nothing where no entry matches', () => {
    machine.execute(`${program([openCode])}\nstop`);
    expect(attempt(machine, 'load', 'supervisor')).toBe(5n);
    expect(attempt(machine, 'load', 'machine')).toBe(0n);
  });

  it('§3.7.1.1 TOR: from the address below, itself not included; entry 0 from 0', () => {
    const entries: Entry[] = [
      { index: 0, configuration: TOR | R | X, address: top(target) },
      { index: 1, configuration: TOR | R | W, address: top(target + 0x2000) },
    ];
    machine.execute(`${program(entries)}\nstop`);
    const seen = [target - 8, target, target + 0x1ff8, target + 0x2000].map((address) =>
      attempt(machine, 'store', 'user', address),
    );
    expect(seen).toEqual([7n, 0n, 0n, 7n]);
    expect(attempt(machine, 'load', 'user', target - 8)).toBe(0n);
  });

  it('TOR with the top not above the bottom matches nothing', () => {
    const entries: Entry[] = [
      openCode,
      { index: 0, configuration: 0, address: top(target + 0x1000) },
      { index: 1, configuration: TOR | R | W, address: top(target) },
      { index: 2, configuration: NAPOT | R, address: napot(target, 0x1000) },
    ];
    machine.execute(`${program(entries)}\nstop`);
    expect([attempt(machine, 'load', 'user'), attempt(machine, 'store', 'user')]).toEqual([0n, 7n]);
  });

  it('NAPOT: all of the address space when all bits are 1', () => {
    machine.execute(`${program([{ index: 0, configuration: NAPOT | R | W | X, address: ones54 }])}\nstop`);
    expect(attempt(machine, 'store', 'user')).toBe(0n);
  });

  it('an access that is partly outside faults at the part that is', () => {
    const entries: Entry[] = [openCode, { index: 0, configuration: NAPOT | R | W, address: napot(target, 0x1000) }];
    machine.execute(`${program(entries)}\nstop`);
    machine.setX('a5', 0n);
    machine.execute(`li a0, ${target + 0xffc}\nsd a0, 0(a0)\nstop`, { base: code, mode: 'user' });
    expect([machine.x('a5'), machine.x('a6')]).toEqual([7n, BigInt(target + 0x1000)]);
    expect(machine.read(target + 0xff8, 8)).toBe(0n);
  });

  it.each(['lr.w a1, (a0)', 'sc.w a1, a1, (a0)', 'amoadd.w a1, a1, (a0)'])('%s needs W but for LR', (text) => {
    machine.execute(
      `${program([openCode, { index: 0, configuration: NAPOT | R, address: napot(target, 0x1000) }])}\nstop`,
    );
    machine.setX('a5', 0n);
    machine.execute(`li a0, ${target}\n${text}\nstop`, { base: code, mode: 'user' });
    expect(machine.x('a5')).toBe(text.startsWith('lr') ? 0n : 7n);
  });

  it('mret to a mode that may not fetch: the fault is at the target, in that mode', () => {
    const { symbol } = machine.execute(
      'la t0, there\ncsrw mepc, t0\nli t0, 0x800\ncsrs mstatus, t0\nmret\nthere:\nnop\nstop',
      { base: code },
    );
    const there = symbol('there');
    expect([machine.x('a5'), machine.x('a6')]).toEqual([1n, there]);
    machine.execute('csrr a0, mepc\ncsrr a1, mstatus\nstop');
    expect([machine.x('a0'), machine.x('a1') & 0x1800n]).toEqual([there, 0x800n]);
  });
});

describe('the registers', () => {
  const readBack = (csr: string, value: bigint): bigint => {
    machine.execute(`li t0, ${value}\ncsrw ${csr}, t0\ncsrr a0, ${csr}\nstop`);
    return machine.x('a0');
  };

  it('§3.7.1.1: the grain is 4 KiB, as software finds it out', () => {
    expect(readBack('pmpaddr0', 2n ** 64n - 1n)).toBe(ones54 & ~0x3ffn);
    readBack('pmpcfg0', BigInt(NAPOT));
    expect(readBack('pmpaddr0', 0n)).toBe(0x1ffn);
    readBack('pmpcfg0', BigInt(TOR));
    machine.execute('csrr a0, pmpaddr0\nstop');
    expect(machine.x('a0')).toBe(0n);
  });

  it('bits below the grain come back when the mode needs them', () => {
    readBack('pmpaddr0', 0x1234_5fffn);
    expect(
      [0, NAPOT, TOR].map(
        (mode) => (readBack('pmpcfg0', BigInt(mode)), machine.execute('csrr a0, pmpaddr0\nstop'), machine.x('a0')),
      ),
    ).toEqual([0x1234_5c00n, 0x1234_5fffn, 0x1234_5c00n]);
  });

  it('NA4 can not be chosen', () => {
    expect(readBack('pmpcfg0', BigInt(NA4 | R))).toBe(BigInt(R));
    readBack('pmpcfg0', BigInt(NAPOT | R));
    expect(readBack('pmpcfg0', BigInt(NA4 | R | X))).toBe(BigInt(NAPOT | R | X));
  });

  it('§3.7.1: W without R is reserved and not taken; bits 5 and 6 are 0', () => {
    expect(readBack('pmpcfg0', BigInt(W | X))).toBe(0n);
    expect(readBack('pmpcfg0', BigInt(0x60 | R))).toBe(BigInt(R));
  });

  it('there are sixteen entries, eight to a register; the odd registers do not exist on RV64', () => {
    expect(readBack('pmpcfg2', 0x0701_0203_0401_0507n & 0x0701_0003_0401_0507n)).toBe(0x0701_0003_0401_0507n);
    expect([
      readBack('pmpcfg0', 0n),
      readBack('0x3a4', 7n),
      readBack('0x3ae', 7n),
      readBack('pmpaddr16', 7n),
      readBack('pmpaddr63', 7n),
    ]).toEqual([0n, 0n, 0n, 0n, 0n]);
    for (const odd of [0x3a1, 0x3a3, 0x3af]) {
      machine.setX('a5', 0n);
      machine.execute(`csrr a0, ${odd}\nstop`);
      expect(machine.x('a5')).toBe(2n);
    }
  });
});

describe('§3.7.1.2: the lock', () => {
  it('binds M-mode, too', () => {
    const hart = makeHart();
    hart.execute(`${program([{ index: 0, configuration: L | NAPOT | R, address: napot(target, 0x1000) }])}\nstop`);
    const seen = (['load', 'store', 'fetch'] as const).map((access) => attempt(hart, access, 'machine'));
    expect(seen).toEqual([0n, 7n, 1n]);
    expect(attempt(hart, 'store', 'machine', target + 0x1000)).toBe(0n);
  });

  it('keeps configuration and address, of an entry that is off, too', () => {
    const hart = makeHart();
    hart.execute(
      `${program([{ index: 0, configuration: L, address: 0x1000_0000n }])}\nli t0, 0x1f1f\ncsrw pmpcfg0, t0\nli t0, -1\ncsrw pmpaddr0, t0\ncsrr a0, pmpcfg0\ncsrr a1, pmpaddr0\nstop`,
    );
    expect([hart.x('a0'), hart.x('a1')]).toEqual([0x1f00n | BigInt(L), 0x1000_0000n]);
  });

  it('of a TOR entry keeps the address below, too; of a NAPOT entry not', () => {
    const hart = makeHart();
    const entries: Entry[] = [
      { index: 1, configuration: 0, address: 0x1000_0000n },
      { index: 2, configuration: L | TOR, address: 0x2000_0000n },
      { index: 4, configuration: 0, address: 0x1000_0000n },
      { index: 5, configuration: L | NAPOT, address: 0x3000_01ffn },
    ];
    hart.execute(
      `${program(entries)}\ncsrw pmpaddr1, x0\ncsrw pmpaddr4, x0\ncsrr a0, pmpaddr1\ncsrr a1, pmpaddr4\nstop`,
    );
    expect([hart.x('a0'), hart.x('a1')]).toEqual([0x1000_0000n, 0n]);
  });
});

describe('what is known is asked anew', () => {
  it('when an entry changes: loads, stores and fetches', () => {
    const open: Entry = { index: 0, configuration: NAPOT | R | W | X, address: napot(target, 0x1000) };
    machine.execute(`${program([openCode, open])}\nstop`);
    for (const access of ['load', 'store', 'fetch'] as const) expect(attempt(machine, access, 'user')).toBe(0n);
    machine.execute('li t0, 7\ncsrc pmpcfg0, t0\nstop');
    for (const access of ['load', 'store', 'fetch'] as const)
      expect(attempt(machine, access, 'user')).toBe(causes[access]);
    machine.execute(`li t0, 7\ncsrs pmpcfg0, t0\nli t0, ${napot(target + 0x1000, 0x1000)}\ncsrw pmpaddr0, t0\nstop`);
    for (const access of ['load', 'store', 'fetch'] as const)
      expect(attempt(machine, access, 'user')).toBe(causes[access]);
  });

  it('the instruction behind the one that forbids M-mode its own page faults', () => {
    const hart = makeHart();
    const { symbol } = hart.load(
      `li t0, ${napot(code, 0x1000)}\ncsrw pmpaddr0, t0\nli t0, ${L | NAPOT | R}\ncsrw pmpcfg0, t0\nbehind:\nnop\nstop`,
      { base: code },
    );
    hart.runToStop();
    expect([hart.x('a5'), hart.x('a6')]).toEqual([1n, symbol('behind')]);
  });
});

describe('with Sv39', () => {
  const paged = new PagedHart();
  const page = 0x4000_0000n;
  const place = ramBase + 0x6000;
  beforeEach(() => {
    paged.reset();
    paged.tables.map(page, place, readWrite & ~(pte.a | pte.d));
  });
  /** Entry 0 restricts; entry 1 opens the rest. */
  const restrict = (configuration: number, address: bigint): void => {
    paged.execute(
      `${program([
        { index: 1, configuration: NAPOT | R | W | X, address: ones54 },
        { index: 0, configuration: 0, address },
      ])}\nli t0, ${configuration | ((NAPOT | R | W | X) << 8)}\ncsrw pmpcfg0, t0\nsfence.vma x0, x0\nstop`,
    );
  };

  it.each([
    ['load', 'ld a1, 0(a0)', 5n],
    ['store', 'sd a1, 0(a0)', 7n],
    ['fetch', 'jr a0', 1n],
  ] as const)('§10.3.2: a table that may not be read is an access fault of the %s', (_, text, cause) => {
    restrict(NAPOT, napot(paged.tables.tableAddress(page), 0x1000));
    // The program's own pages have another last table.
    expect(paged.attempt(`li a0, ${page}\n${text}\nstop`)).toMatchObject({ cause, tval: page });
  });

  it('a table that may be read but not written: A and D can not be set', () => {
    restrict(NAPOT | R, napot(paged.tables.tableAddress(page), 0x1000));
    expect(paged.attempt(`li a0, ${page}\nld a1, 0(a0)\nstop`)).toMatchObject({ cause: 5n, tval: page });
    paged.tables.map(page, place, readWrite & ~pte.d);
    expect(paged.attempt(`sfence.vma x0, x0\nli a0, ${page}\nld a1, 0(a0)\nsd a1, 0(a0)\nstop`)).toMatchObject({
      cause: 7n,
      tval: page,
    });
  });

  it('the physical page is what counts, with the virtual address in xtval', () => {
    restrict(NAPOT | R, napot(place, 0x1000));
    expect(paged.attempt(`li a0, ${page}\nld a1, 0(a0)\nsd a1, 8(a0)\nstop`)).toMatchObject({
      cause: 7n,
      tval: page + 8n,
    });
  });

  it('a superpage is asked page by page', () => {
    paged.tables.map(page + 0x20_0000n, ramBase + 0x40_0000, readExecute | pte.w, 1);
    restrict(NAPOT | R, napot(ramBase + 0x40_1000, 0x1000));
    const at = page + 0x20_0000n;
    expect(
      paged.attempt(`li a0, ${at}\nsd a1, 0(a0)\nli a1, 0x1000\nadd a0, a0, a1\nld a2, 0(a0)\nsd a2, 0(a0)\nstop`),
    ).toMatchObject({ cause: 7n, tval: at + 0x1000n });
  });

  it('under MPRV M-mode has the rights of MPP', () => {
    restrict(NAPOT, napot(place, 0x1000));
    paged.execute(`li a5, 0\nli t0, 0x20800\ncsrs mstatus, t0\nli a0, ${page}\nld a1, 0(a0)\nstop`);
    expect([paged.x('a5'), paged.x('a7')]).toEqual([5n, page]);
  });
});

it('an instruction in two pages needs both to be open', () => {
  const entries: Entry[] = [openCode, { index: 0, configuration: NAPOT | R | X, address: napot(target, 0x1000) }];
  const bytes = encode('addi', { rd: 10, imm: 5 });
  machine.view.setUint16(target + 0xffe - ramBase, bytes & 0xffff, true);
  machine.view.setUint16(target + 0x1000 - ramBase, bytes >>> 16, true);
  machine.hart.written(target, 0x2000);
  machine.execute(`${program(entries)}\nstop`);
  machine.execute(`li a0, ${target + 0xffe}\njr a0`, { base: code, mode: 'user' });
  expect([machine.x('a5'), machine.x('a6')]).toEqual([1n, BigInt(target + 0x1000)]);
  machine.execute('csrr a0, mepc\nstop');
  expect(machine.x('a0')).toBe(BigInt(target + 0xffe));
});
