// The RISC-V Instruction Set Manual, Volume II (20240411), §10.3.1 (Svade) and §3.1.18 (ADUE of Svadu): accessed and dirty
// bits that are left to who handles the page fault.
import { describe, expect, it } from 'vitest';
import type { HartFeatures } from '../../../src/cpu/riscv/features.ts';
import { PagedHart } from './paged-hart.ts';
import { pte, readExecute, readWrite } from './page-tables.ts';
import { ramBase } from './test-hart.ts';

const page = 0x4000_0000n;
const place = ramBase + 0x6000;
const bits = pte.a | pte.d;
const adue = 1n << 61n;
const cause = { fetch: 12n, load: 13n, store: 15n, atomic: 15n } as const;
type Access = keyof typeof cause;

function paged(features: Omit<HartFeatures, 'sv48'>): PagedHart {
  return new PagedHart({ features: { sv48: false, ...features } });
}

function attempt(machine: PagedHart, access: Access, flags: bigint, mode: 'supervisor' | 'user' = 'supervisor') {
  machine.put('ret', place);
  machine.tables.map(page, place, flags | (mode === 'user' ? pte.u : 0n));
  machine.hart.flushTranslations();
  const text = {
    fetch: 'jalr ra, 0(a0)',
    load: 'ld a1, 0(a0)',
    store: 'sd a2, 0(a0)',
    atomic: 'amoadd.w a1, a2, (a0)',
  }[access];
  const trap = machine.attempt(`li a0, ${page}\n${text}\nstop`, mode);
  return { trap, bits: machine.tables.entry(page) & bits };
}

const cases: readonly (readonly [access: Access, flags: bigint, missing: bigint])[] = [
  ['fetch', readExecute, pte.a],
  ['load', readWrite, pte.a],
  ['store', readWrite, pte.a],
  ['store', readWrite, pte.d],
  ['store', readWrite, pte.a | pte.d],
  ['atomic', readWrite, pte.d],
];

describe.each(['supervisor', 'user'] as const)('from %s mode, where a bit is missing,', (mode) => {
  it.each(cases)('Svade: a %s is a page fault, and sets none (%d, %d)', (access, flags, missing) => {
    const machine = paged({ svadu: false, svade: true });
    const seen = attempt(machine, access, flags & ~missing, mode);
    expect(seen).toEqual({
      trap: { cause: cause[access], epc: expect.anything(), tval: page },
      bits: bits & ~missing & flags,
    });
    expect(attempt(machine, access, flags, mode)).toEqual({ trap: undefined, bits });
  });

  it.each(cases)('without Svade: a %s sets it (%d, %d)', (access, flags, missing) => {
    const machine = paged({ svadu: false, svade: false });
    const set = missing | (access === 'store' || access === 'atomic' ? pte.a | pte.d : pte.a);
    expect(attempt(machine, access, flags & ~missing, mode)).toEqual({
      trap: undefined,
      bits: (flags & bits & ~missing) | set,
    });
  });
});

it('a load needs no dirty bit', () => {
  const machine = paged({ svadu: false, svade: true });
  expect(attempt(machine, 'load', readWrite & ~pte.d)).toEqual({ trap: undefined, bits: pte.a });
});

it('a store to a page that has been read is a fault for its dirty bit, and goes through once that is set', () => {
  const machine = paged({ svadu: false, svade: true });
  machine.tables.map(page, place, readWrite & ~pte.d);
  const text = `li a0, ${page}\nli a2, 77\nld a1, 0(a0)\nsd a2, 0(a0)\nstop`;
  expect(machine.attempt(text)).toMatchObject({ cause: 15n, tval: page });
  machine.tables.map(page, place, readWrite);
  expect(machine.attempt(text)).toBeUndefined();
  expect(machine.read(place, 8)).toBe(77n);
});

describe('with Svadu and Svade', () => {
  it('ADUE says which, from one instruction to the next', () => {
    const machine = paged({ svadu: true, svade: true });
    const set = (value: bigint): unknown => machine.execute(`li t0, ${value}\ncsrw menvcfg, t0\nstop`);
    for (const round of [0, 1]) {
      set(0n);
      expect([round, attempt(machine, 'store', readWrite & ~bits)]).toMatchObject([round, { bits: 0n }]);
      expect(attempt(machine, 'load', readWrite & ~bits).trap).toMatchObject({ cause: 13n });
      set(adue);
      expect([round, attempt(machine, 'store', readWrite & ~bits)]).toEqual([round, { trap: undefined, bits }]);
    }
  });
});
