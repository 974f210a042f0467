// The RISC-V Instruction Set Manual, Volume II (20240411), §10.2.1 and §10.1.11: what must be seen after a fence.
import { beforeEach, describe, expect, it } from 'vitest';
import { PagedHart } from './paged-hart.ts';
import { PageTables, pte, readExecute, readWrite } from './page-tables.ts';
import { ramBase } from './test-hart.ts';

const machine = new PagedHart();
beforeEach(() => machine.reset());

const page = 0x4000_0000n;
const first = ramBase + 0x6000;
const second = ramBase + 0x7000;
/** As many pages away that a direct-mapped cache of any likely size has them in one slot. */
const far = 0x1000n * 0x1_0000n;

/** Stores an entry of the tables from S-mode, which sees them at 0x70000000. */
function change(address: bigint, entry: bigint, level = 0): string {
  const seen = 0x7000_0000n + BigInt(0x1000 * level);
  machine.tables.map(seen, machine.tables.tableAddress(address, level), readWrite);
  return `li s0, ${seen + BigInt(machine.tables.entryAddress(address, level) % 4096)}\nli s1, ${entry}\nsd s1, 0(s0)`;
}
const leaf = (at: number, flags: bigint): bigint => (BigInt(at / 4096) << 10n) | flags;

beforeEach(() => {
  machine.write(first, 8, 1n);
  machine.write(second, 8, 2n);
});

const asid = 7n;
const withAsid = (satp: bigint, number: bigint): bigint => satp | (number << 44n);

const fences: readonly (readonly [name: string, text: string])[] = [
  ['sfence.vma of everything', 'sfence.vma x0, x0'],
  ['sfence.vma of the address', 'sfence.vma a0, x0'],
  ['sfence.vma of another address in the page', 'addi t0, a0, 2047\nsfence.vma t0, x0'],
  ['sfence.vma of everything in the address space', `li t1, ${asid}\nsfence.vma x0, t1`],
  ['sfence.vma of the address in the address space', `li t1, ${asid}\nsfence.vma a0, t1`],
];

describe.each(fences)('after %s', (_, fence) => {
  beforeEach(() => machine.enter(withAsid(machine.tables.satp, asid)));

  it('loads and stores of a user’s page go to the new page', () => {
    machine.tables.map(page, first, readWrite | pte.u);
    machine.status({ sum: true });
    const text = `li a0, ${page}\nld a1, 0(a0)\nsd a1, 16(a0)\n${change(page, leaf(second, readWrite | pte.u))}\n${fence}\nld a2, 0(a0)\nsd a2, 16(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([1n, 2n]);
    expect([machine.read(first + 16, 8), machine.read(second + 16, 8)]).toEqual([1n, 2n]);
  });

  it('loads and stores go to the new page', () => {
    machine.tables.map(page, first, readWrite);
    const text = `li a0, ${page}\nld a1, 0(a0)\nsd a1, 16(a0)\n${change(page, leaf(second, readWrite))}\n${fence}\nld a2, 0(a0)\nsd a2, 16(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([1n, 2n]);
    expect([machine.read(first + 16, 8), machine.read(second + 16, 8)]).toEqual([1n, 2n]);
  });

  it('instructions come from the new page', () => {
    machine.put('li a1, 1\nret', first);
    machine.put('li a1, 2\nret', second);
    machine.tables.map(page, first, readExecute);
    const text = `li a0, ${page}\njalr ra, 0(a0)\nmv a3, a1\n${change(page, leaf(second, readExecute))}\n${fence}\njalr ra, 0(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a3'), machine.x('a1')]).toEqual([1n, 2n]);
  });

  it('what was taken away is away', () => {
    machine.tables.map(page, first, readWrite);
    const text = `li a0, ${page}\nsd a0, 0(a0)\n${change(page, leaf(first, readWrite & ~pte.w))}\n${fence}\nld a1, 0(a0)\nsd a1, 0(a0)\nstop`;
    expect(machine.attempt(text)).toMatchObject({ cause: 15n, tval: page });
  });

  it('A and D, cleared, are set again', () => {
    machine.tables.map(page, first, readWrite);
    const text = `li a0, ${page}\nsd a0, 0(a0)\n${change(page, leaf(first, pte.v | pte.r | pte.w))}\n${fence}\nsd a0, 0(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect(machine.tables.entry(page) & (pte.a | pte.d)).toBe(pte.a | pte.d);
  });

  it('what faulted does so no longer', () => {
    machine.tables.map(page, first, 0n);
    expect(machine.attempt(`li a0, ${page}\nld a1, 0(a0)\nstop`)).toMatchObject({ cause: 13n });
    expect(
      machine.attempt(`li a0, ${page}\n${change(page, leaf(first, readWrite))}\n${fence}\nld a1, 0(a0)\nstop`),
    ).toBeUndefined();
    expect(machine.x('a1')).toBe(1n);
  });

  it.each([
    ['', 0n],
    ['a user’s ', pte.u],
  ])('%ssuperpage is known anew in all its parts, wherever it was used', (_, flags) => {
    const [old, now] = [ramBase + 0x40_0000, ramBase + 0x60_0000];
    for (const offset of [0x1_0000, 0x2_0000]) {
      machine.write(old + offset, 8, 11n);
      machine.write(now + offset, 8, 22n);
    }
    machine.status({ sum: flags !== 0n });
    machine.tables.map(page, old, readWrite | flags, 1);
    const addresses = `li t2, ${page + 0x1_0000n}\nli t3, ${page + 0x2_0000n}`;
    const text = `
      li a0, ${page}
      ${addresses}
      ld a1, 0(t2)
      ld a3, 0(t3)
      sd a1, 8(t2)
      sd a1, 8(t3)
      ${change(page, leaf(now, readWrite | flags), 1)}
      ${fence}
      ld a2, 0(t2)
      ld a4, 0(t3)
      sd a2, 8(t2)
      sd a2, 8(t3)
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect(['a1', 'a3', 'a2', 'a4'].map((name) => machine.x(name))).toEqual([11n, 11n, 22n, 22n]);
    for (const offset of [0x1_0008, 0x2_0008]) {
      expect([machine.read(old + offset, 8), machine.read(now + offset, 8)]).toEqual([11n, 22n]);
    }
  });
});

describe('sfence.vma of one address', () => {
  it('leaves other pages usable, the one in the same slot too', () => {
    for (const address of [page, page + 0x1000n, page + far]) machine.tables.map(address, first, readWrite);
    const text = `li a0, ${page}\nli a2, ${page + far}\nli a3, ${page + 0x1000n}\nld a1, 0(a0)\nld a1, 0(a2)\nld a1, 0(a3)\nsfence.vma a0, x0\nld a4, 0(a2)\nld t0, 0(a3)\nld t1, 0(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a4'), machine.x('t0'), machine.x('t1')]).toEqual([1n, 1n, 1n]);
  });

  it('forgets nothing wrongly when pages in one slot take turns', () => {
    machine.tables.map(page, first, readWrite);
    machine.tables.map(page + far, second, readWrite);
    const turn = 'ld a1, 0(a0)\nld a2, 0(s2)\nsd a1, 24(a0)\nsd a2, 24(s2)';
    const text = `li a0, ${page}\nli s2, ${page + far}\n${turn}\nsfence.vma a0, x0\n${turn}\nsfence.vma s2, x0\n${turn}\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([1n, 2n]);
    expect([machine.read(first + 24, 8), machine.read(second + 24, 8)]).toEqual([1n, 2n]);
  });

  it('works after superpages have come and gone', () => {
    machine.tables.map(page, ramBase + 0x40_0000, readWrite, 1);
    machine.tables.map(page + 0x20_0000n, first, readWrite);
    machine.write(ramBase + 0x40_0000, 8, 5n);
    const other = page + 0x20_0000n;
    const text = `
      li a0, ${page}
      li s2, ${other}
      ld a1, 0(a0)
      ld a2, 0(s2)
      sfence.vma a0, x0
      ${change(other, leaf(second, readWrite))}
      sfence.vma s2, x0
      ld a2, 0(s2)
      ld a1, 0(a0)
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([5n, 2n]);
  });
});

describe('satp', () => {
  it('another root is seen by the next instruction, and the old one again after that', () => {
    const others = new PageTables(machine, ramBase + 0x18_0000);
    for (const tables of [machine.tables, others]) {
      for (const offset of [0n, 0x1000n])
        tables.map(0x1000_0000n + offset, ramBase + 0x4000 + Number(offset), readExecute);
    }
    machine.tables.map(page, first, readWrite);
    others.map(page, second, readWrite);
    const text = `
      li a0, ${page}
      ld a1, 0(a0)
      li t0, ${others.satp}
      csrrw t1, satp, t0
      ld a2, 0(a0)
      sd a2, 8(a0)
      csrw satp, t1
      ld a3, 0(a0)
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect(['a1', 'a2', 'a3'].map((name) => machine.x(name))).toEqual([1n, 2n, 1n]);
    expect([machine.read(first + 8, 8), machine.read(second + 8, 8)]).toEqual([0n, 2n]);
  });

  const others = (index: number): PageTables => {
    const tables = new PageTables(machine, ramBase + 0x18_0000 + index * 0x1_0000);
    for (const offset of [0n, 0x1000n]) {
      tables.map(0x1000_0000n + offset, ramBase + 0x4000 + Number(offset), readExecute | pte.g);
    }
    return tables;
  };
  const enter = (tables: PageTables, number: bigint): string =>
    `li t0, ${withAsid(tables.satp, number)}\ncsrw satp, t0`;

  it('address spaces that take turns keep their own pages, though they are more than are remembered', () => {
    machine.status({ sum: true });
    const spaces = Array.from({ length: 11 }, (_, index) => {
      const place = ramBase + 0x8_0000 + index * 0x1000;
      machine.write(place, 8, BigInt(100 + index));
      const tables = others(index);
      tables.map(page, place, readWrite | (index % 2 === 0 ? pte.u : 0n));
      return { tables, place, number: BigInt(index % 5), expected: 100 + index };
    });
    const visit = ({ tables, number, expected }: (typeof spaces)[number]): string => `
      ${enter(tables, number)}
      ld a1, 0(a0)
      addi a1, a1, -${expected}
      or a3, a3, a1
      sd a4, 8(a0)`;
    const round = (value: number): string =>
      [`li a4, ${value}`, ...[...spaces, ...spaces.slice(0, 4)].map(visit)].join('\n');
    expect(machine.attempt(`li a0, ${page}\nli a3, 0\n${round(1)}\n${round(2)}\nstop`)).toBeUndefined();
    expect(machine.x('a3')).toBe(0n);
    for (const { place } of spaces) expect(machine.read(place + 8, 8)).toBe(2n);
  });

  it('a page that only the supervisor sees is each address space’s own, unless it is global', () => {
    const other = others(0);
    const shared = page + 0x1000n;
    for (const tables of [machine.tables, other]) tables.map(shared, first, readWrite | pte.g);
    machine.tables.map(page, first, readWrite);
    other.map(page, second, readWrite);
    const text = `
      li a0, ${page}
      li a5, ${shared}
      ${enter(machine.tables, 1n)}
      ld a1, 0(a0)
      ld t1, 0(a5)
      ${enter(other, 2n)}
      ld a2, 0(a0)
      ld t2, 0(a5)
      ${enter(machine.tables, 1n)}
      ld a3, 0(a0)
      ld t3, 0(a5)
      li a5, 0
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect(['a1', 'a2', 'a3', 't1', 't2', 't3'].map((name) => machine.x(name))).toEqual([1n, 2n, 1n, 1n, 1n, 1n]);
  });

  it.each([
    ['everything in it', 'sfence.vma x0, t1'],
    ['one address in it', 'sfence.vma a0, t1'],
  ])('a fence of %s is seen on the way back to an address space', (_, fence) => {
    machine.tables.map(page, first, readWrite | pte.u);
    machine.status({ sum: true });
    const text = `
      li a0, ${page}
      ${enter(machine.tables, asid)}
      ld a1, 0(a0)
      ${enter(machine.tables, asid + 1n)}
      ${change(page, leaf(second, readWrite | pte.u))}
      li t1, ${asid}
      ${fence}
      ${enter(machine.tables, asid)}
      ld a2, 0(a0)
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([1n, 2n]);
  });

  it('a gigabyte in one piece is known anew in all its parts, though another address space has 2 MiB there', () => {
    const gigabyte = 0x8000_0000n;
    const other = others(0);
    other.map(gigabyte, ramBase, readWrite | pte.u, 1);
    machine.tables.map(gigabyte, ramBase, readWrite | pte.u, 2);
    machine.status({ sum: true });
    const text = `
      li a0, ${gigabyte}
      ${enter(other, 1n)}
      ld a1, 0(a0)
      ${enter(machine.tables, 2n)}
      ld a1, 0(a0)
      ${change(gigabyte, 0n, 2)}
      li t1, ${gigabyte + 0x20_0000n}
      sfence.vma t1, x0
      ld a1, 0(a0)
      stop`;
    expect(machine.attempt(text)).toMatchObject({ cause: 13n, tval: gigabyte });
  });

  it('Bare is seen by the next instruction: the code must be there, too', () => {
    machine.tables.map(BigInt(ramBase + 0x4000), ramBase + 0x4000, readExecute);
    machine.tables.map(page, first, readWrite);
    machine.putAt(
      `li a0, ${page}\nld a1, 0(a0)\ncsrw satp, x0\nli a0, ${second}\nld a2, 0(a0)\nstop`,
      BigInt(ramBase + 0x4000),
      ramBase + 0x4000,
    );
    machine.start(BigInt(ramBase + 0x4000), 'supervisor');
    machine.setX('a5', 0n);
    expect(machine.proceed()).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([1n, 2n]);
  });

  it('a remote fence does what sfence.vma of everything does', () => {
    machine.tables.map(page, first, readWrite);
    expect(machine.attempt(`li a0, ${page}\nld a1, 0(a0)\nstop`)).toBeUndefined();
    machine.tables.map(page, second, readWrite);
    machine.hart.flushTranslations();
    expect(machine.attempt(`li a0, ${page}\nld a1, 0(a0)\nstop`)).toBeUndefined();
    expect(machine.x('a1')).toBe(2n);
  });
});

it('an empty cache matches no address: not 0, not the last page, not any slot’s own', () => {
  const addresses = [0n, 0x1000n, 0x2000n, 0x3f_f000n, 0x40_0000n, BigInt.asUintN(64, -0x1000n), 1n << 62n, 1n << 63n];
  for (const address of addresses) {
    expect(machine.attempt(`sfence.vma x0, x0\nli a0, ${address}\nld a1, 0(a0)\nstop`)).toMatchObject({
      cause: 13n,
      tval: address,
    });
    expect(machine.attempt(`sfence.vma x0, x0\nli a0, ${address}\nsd a1, 0(a0)\nstop`)).toMatchObject({
      cause: 15n,
      tval: address,
    });
    expect(machine.attempt(`sfence.vma x0, x0\nli a0, ${address}\njr a0`)).toMatchObject({ cause: 12n, tval: address });
  }
});
