// The RISC-V Instruction Set Manual, Volume II (20240411), §10.5: Sv48, four levels, beside Sv39's three.
import { beforeEach, describe, expect, it } from 'vitest';
import { PagedHart } from './paged-hart.ts';
import { PageTables, pte, readExecute, readWrite } from './page-tables.ts';
import { ramBase } from './test-hart.ts';

const machine = new PagedHart({ levels: 4 });
beforeEach(() => machine.reset());

const place = ramBase + 0x6000;
const other = ramBase + 0x9000;
const terabyteHalf = 2n ** 39n;
/** A page away from the code's 512 GiB. */
const page = terabyteHalf + 0x4000_0000n;
const cause = { fetch: 12n, load: 13n, store: 15n } as const;
type Access = keyof typeof cause;
const accesses = ['fetch', 'load', 'store'] as const;

function attempt(access: Access, address: bigint, tail = '') {
  const text = { fetch: 'jalr ra, 0(a0)', load: 'ld a1, 0(a0)', store: 'sd a2, 0(a0)' }[access];
  return machine.attempt(`li a0, ${address}\nli a2, 0x5555\n${text}\n${tail}\nstop`);
}

describe('§10.5.1: an address is translated by four levels', () => {
  it.each([0, 1, 2, 3])('a leaf at level %d', (level) => {
    const inside = level === 0 ? 0xab8n : level === 1 ? 0x12_3ab8n : level === 2 ? 0x72_3ab8n : 0x8072_3ab8n;
    const frame = [place, ramBase + 0x40_0000, ramBase, 0][level]!;
    const start = level === 3 ? terabyteHalf : page;
    machine.tables.map(start, frame, readWrite, level);
    machine.write(frame + Number(inside), 8, 0x1122_3344_5566_7788n);
    expect(attempt('load', start + inside)).toBeUndefined();
    expect(machine.x('a1')).toBe(0x1122_3344_5566_7788n);
  });

  it('512 GiB at a multiple of 1 GiB are no superpage', () => {
    machine.put('ret', place);
    machine.tables.map(terabyteHalf, 0x4000_0000, readWrite | pte.x, 3);
    for (const access of accesses) {
      expect(attempt(access, terabyteHalf + 0x4000_6000n)).toMatchObject({ cause: cause[access] });
    }
  });

  it('each entry of the root serves its own 512 GiB, the upper half those of the upper addresses', () => {
    for (const index of [1n, 2n, 255n, 256n, 257n, 511n]) {
      const address = BigInt.asUintN(64, BigInt.asIntN(48, index * terabyteHalf)) + 0x4000_0000n;
      machine.write(place, 8, index + 7n);
      machine.tables.map(address, place, readWrite);
      expect(attempt('load', address)).toBeUndefined();
      expect(machine.x('a1')).toBe(index + 7n);
      expect(machine.tables.entryAddress(address, 3) - machine.tables.root).toBe(Number(index) * 8);
    }
  });

  it.each(accesses)('bits 63 to 48 must equal bit 47: %s', (access) => {
    machine.put('ret', place);
    machine.tables.map(page, place, readWrite | pte.x);
    expect(attempt(access, page)).toBeUndefined();
    const single = Array.from({ length: 17 }, (_, index) => 1n << BigInt(47 + index));
    for (const bits of [...single, 0xffff_0000_0000_0000n]) {
      const address = page | bits;
      expect([bits, attempt(access, address)]).toMatchObject([bits, { cause: cause[access], tval: address }]);
    }
  });

  it('the same root is one of three levels under Sv39', () => {
    const code = machine.tables;
    const three = new PageTables(machine, code.root + 0x4_0000);
    for (const tables of [code, three]) {
      tables.map(0x1000_0000n, ramBase + 0x4000, readExecute);
      tables.map(0x4000_0000n, tables === code ? place : other, readWrite);
    }
    machine.write(place, 8, 48n);
    machine.write(other, 8, 39n);
    const text = `li a0, 0x40000000\nld a1, 0(a0)\nli t0, ${three.satp}\ncsrw satp, t0\nld a2, 0(a0)
      li t0, ${code.satp}\ncsrw satp, t0\nld a3, 0(a0)\nstop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect(['a1', 'a2', 'a3'].map((name) => machine.x(name))).toEqual([48n, 39n, 48n]);
  });
});

describe('fences', () => {
  /** Reads at an address, changes the entry that maps it, fences the address `fenced`, reads again. */
  function rereads(address: bigint, level: number, entry: bigint, fenced = address): (bigint | undefined)[] {
    const at = machine.tables.entryAddress(address, level);
    // The tables' own pages, to be written by the program.
    machine.tables.map(3n * terabyteHalf, Math.floor(at / 4096) * 4096, readWrite);
    const program = `
      li a0, ${address}
      ld a1, 0(a0)
      li t0, ${3n * terabyteHalf + BigInt(at % 4096)}
      li t1, ${entry}
      sd t1, 0(t0)
      li t2, ${fenced}
      sfence.vma t2, x0
      ld a2, 0(a0)
      stop`;
    expect(machine.attempt(program)).toBeUndefined();
    return [machine.x('a1'), machine.x('a2')];
  }
  const leaf = (address: number, flags = readWrite): bigint => (BigInt(address / 4096) << 10n) | flags;

  it.each([0, 1, 2])('one of an address forgets what level %d mapped there', (level) => {
    const size = 2 ** (12 + 9 * level);
    machine.write(ramBase + 0x40_0000, 8, 1n);
    machine.write(ramBase + 0x60_0000, 8, 2n);
    // Of 1 GiB there is one in RAM: it goes.
    const next = level === 2 ? machine.tables : undefined;
    machine.tables.map(page, level === 2 ? ramBase : ramBase + 0x40_0000, readWrite, level);
    const address = level === 2 ? page + 0x40_0000n : page;
    if (next === undefined) {
      expect(rereads(address, level, leaf(ramBase + 0x60_0000))).toEqual([1n, 2n]);
      return;
    }
    const table = ramBase + 0x70_0000;
    for (let index = 0; index < 4; index += 1) machine.write(table + index * 8, 8, leaf(ramBase + 0x60_0000));
    expect(size).toBe(2 ** 30);
    expect(rereads(address, level, (BigInt(table / 4096) << 10n) | pte.v)).toEqual([1n, 2n]);
  });

  it.each([0n, 0x20_0000n])('one anywhere in 512 GiB forgets all of them, %d further', (distance) => {
    machine.tables.map(terabyteHalf, 0, readWrite, 3);
    const address = terabyteHalf + BigInt(ramBase + 0x40_0000);
    machine.write(ramBase + 0x40_0000, 8, 1n);
    const table = ramBase + 0x70_0000;
    machine.write(table + 2 * 8, 8, (BigInt((ramBase + 0x71_0000) / 4096) << 10n) | pte.v);
    machine.write(ramBase + 0x71_0000 + 2 * 8, 8, leaf(ramBase + 0x60_0000));
    machine.write(ramBase + 0x60_0000, 8, 2n);
    expect(rereads(address, 3, (BigInt(table / 4096) << 10n) | pte.v, address + distance)).toEqual([1n, 2n]);
  });

  it('what is noted of a superpage in one 512 GiB is found in it after a fence in another', () => {
    // The same 39 bits.
    const twin = page + terabyteHalf;
    for (const address of [page, twin]) machine.tables.map(address, ramBase + 0x40_0000, readWrite, 1);
    machine.write(ramBase + 0x40_0000, 8, 1n);
    machine.write(ramBase + 0x60_0000, 8, 2n);
    expect(machine.attempt(`li a0, ${twin}\nld a1, 0(a0)\nsfence.vma a0, x0\nstop`)).toBeUndefined();
    expect(rereads(page, 1, leaf(ramBase + 0x60_0000), page)).toEqual([1n, 2n]);
    expect(rereads(twin, 1, leaf(ramBase + 0x60_0000), twin)).toEqual([1n, 2n]);
  });
});
