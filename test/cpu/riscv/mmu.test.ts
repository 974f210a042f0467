// The RISC-V Instruction Set Manual, Volume II (20240411), §10.3, §10.4 and §3.1.6.3: address translation, Sv39.
import { beforeEach, describe, expect, it } from 'vitest';
import { ReferenceMemory } from '../../oracle/memory.ts';
import { ReferencePmp } from '../../oracle/pmp.ts';
import { translate } from '../../oracle/translation.ts';
import { codeAddress, codePlace, PagedHart } from './paged-hart.ts';
import { pte, readExecute, readWrite } from './page-tables.ts';
import { ramBase } from './test-hart.ts';

const machine = new PagedHart();
beforeEach(() => machine.reset());

/** A virtual page to play with, and a page of RAM for it. */
const page = 0x4000_0000n;
const place = ramBase + 0x6000;
const cause = { fetch: 12n, load: 13n, store: 15n };
const accessCause = { fetch: 1n, load: 5n, store: 7n };
type Access = keyof typeof cause;
const accesses = ['fetch', 'load', 'store'] as const;

function attempt(access: Access, address: bigint, mode: 'supervisor' | 'user' = 'supervisor') {
  const text = { fetch: 'jalr ra, 0(a0)', load: 'ld a1, 0(a0)', store: 'sd a2, 0(a0)' }[access];
  return machine.attempt(`li a0, ${address}\nli a2, 0x5555\n${text}\nstop`, mode);
}

/** A page that a fetch may go to: it returns at once. */
function putReturn(at: number): void {
  machine.put('ret', at);
}

describe('§10.4.1: an address is translated by three levels', () => {
  it.each([
    [0, 0x6000],
    [1, 0x40_0000],
  ])('a leaf at level %d', (level, offset) => {
    machine.tables.map(page, ramBase + offset, readWrite, level);
    const inside = level === 0 ? 0xabcn : 0x12_3abcn;
    machine.write(ramBase + offset + Number(inside) - 4, 8, 0x1122_3344_5566_7788n);
    expect(attempt('load', page + inside - 4n)).toBeUndefined();
    expect(machine.x('a1')).toBe(0x1122_3344_5566_7788n);
  });

  it('a leaf at level 2: all of RAM', () => {
    machine.tables.map(page, ramBase, readWrite, 2);
    machine.write(ramBase + 0x70_1008, 8, 42n);
    expect(attempt('load', page + 0x70_1008n)).toBeUndefined();
    expect(machine.x('a1')).toBe(42n);
  });

  it('each of the 512 entries of a table serves its own page', () => {
    for (const index of [0n, 1n, 255n, 256n, 510n, 511n]) {
      machine.write(place, 8, index + 7n);
      machine.tables.map(page + index * 0x1000n, place, readWrite);
      expect(attempt('load', page + index * 0x1000n)).toBeUndefined();
      expect(machine.x('a1')).toBe(index + 7n);
    }
  });

  it('the upper half of the address space is the upper half of the root', () => {
    const high = BigInt.asUintN(64, -0x40_0000_0000n);
    machine.tables.map(high, place, readWrite);
    machine.write(place, 8, 3n);
    expect(attempt('load', high)).toBeUndefined();
    expect([machine.x('a1'), machine.tables.entryAddress(high, 2) - machine.tables.root]).toEqual([3n, 256 * 8]);
  });

  it.each(accesses)('bits 63 to 39 must equal bit 38: %s', (access) => {
    putReturn(place);
    machine.tables.map(page, place, readWrite);
    const single = Array.from({ length: 26 }, (_, index) => 1n << BigInt(38 + index));
    for (const bits of [...single, 0xffff_ff80_0000_0000n]) {
      const address = page | bits;
      expect([bits, attempt(access, address)]).toMatchObject([bits, { cause: cause[access], tval: address }]);
    }
    const high = BigInt.asUintN(64, -0x1000n);
    machine.tables.map(high, place, access === 'fetch' ? readExecute : readWrite);
    expect(attempt(access, high)).toBeUndefined();
    expect(attempt(access, high - (1n << 63n))).toMatchObject({ cause: cause[access], tval: high - (1n << 63n) });
  });

  it('M-mode translates nothing', () => {
    machine.write(place, 8, 8n);
    machine.execute(`li a0, ${place}\nld a1, 0(a0)\nstop`);
    expect(machine.x('a1')).toBe(8n);
  });
});

describe('§10.3.2: an entry that cannot be used is a page fault of the access', () => {
  const leaf = BigInt(place / 4096) << 10n;
  const bad: readonly (readonly [name: string, entry: bigint, level: number])[] = [
    ['V is 0', leaf | (readExecute & ~pte.v) | pte.w, 0],
    ['W without R', leaf | pte.v | pte.w | pte.a | pte.d, 0],
    ['W and X without R', leaf | pte.v | pte.w | pte.x | pte.a | pte.d, 0],
    ...Array.from({ length: 10 }, (_, index) => {
      const bit = 54 + index;
      return [`bit ${bit}, which means nothing here`, leaf | readExecute | pte.w | (1n << BigInt(bit)), 0] as const;
    }),
    ['a pointer at level 0', leaf | pte.v, 0],
    ['2 MiB at a multiple of 4 KiB', leaf | readExecute | pte.w, 1],
    ['1 GiB at a multiple of 2 MiB', (BigInt((ramBase + 0x20_0000) / 4096) << 10n) | readExecute | pte.w, 2],
  ];

  it.each(bad)('%s', (_, entry, level) => {
    machine.tables.setEntry(page, entry, level);
    for (const access of accesses) {
      expect(attempt(access, page + 8n)).toMatchObject({ cause: cause[access], tval: page + 8n });
    }
    expect(machine.tables.entry(page, level)).toBe(entry);
  });

  it.each([
    ['A', pte.a],
    ['D', pte.d],
    ['U', pte.u],
    ['a reserved bit', 1n << 60n],
  ])('a pointer to a good table with %s', (_, bit) => {
    putReturn(place);
    machine.tables.map(page, place, readExecute | pte.w);
    const pointer = machine.tables.entry(page, 1);
    for (const access of accesses) expect(attempt(access, page)).toBeUndefined();
    machine.tables.setEntry(page, pointer | bit, 1);
    machine.hart.flushTranslations();
    for (const access of accesses) expect(attempt(access, page)).toMatchObject({ cause: cause[access], tval: page });
  });

  it.each(accesses)('a table outside RAM is an access fault: %s', (access) => {
    machine.tables.setEntry(page, (0x4000_0000n >> 2n) | pte.v, 1);
    expect(attempt(access, page)).toMatchObject({ cause: accessCause[access], tval: page });
  });

  it.each(accesses)('a page outside RAM is an access fault: %s', (access) => {
    machine.tables.map(page, 0x4000_0000, readExecute | pte.w);
    expect(attempt(access, page)).toMatchObject({ cause: accessCause[access], tval: page });
  });

  it('a page beyond 56 bits can not be named', () => {
    machine.tables.setEntry(page, (((1n << 44n) - 1n) << 10n) | readWrite);
    expect(attempt('load', page)).toMatchObject({ cause: 5n });
  });

  it('bits 8 and 9 are for software, and G means nothing here', () => {
    machine.tables.map(page, place, readWrite | (3n << 8n) | pte.g);
    expect(attempt('store', page)).toBeUndefined();
    expect(machine.tables.entry(page) & (3n << 8n)).toBe(3n << 8n);
  });
});

describe('§10.3.1: R, W, X and U, and what SUM and MXR open', () => {
  it.each(['supervisor', 'user'] as const)(
    'every combination, from %s mode, as the manual’s algorithm says',
    (mode) => {
      const pmp = new ReferencePmp();
      pmp.writeAddress(0, 2n ** 54n - 1n);
      pmp.writeConfiguration(0, 0x1f);
      for (let flags = 0n; flags < 32n; flags += 1n) {
        for (const [sum, mxr] of [
          [false, false],
          [true, false],
          [false, true],
          [true, true],
        ] as const) {
          for (const access of accesses) {
            machine.tables.map(page, place, flags | pte.a | pte.d);
            machine.hart.flushTranslations();
            putReturn(place);
            machine.status({ sum, mxr });
            const memory = new ReferenceMemory(BigInt(ramBase), machine.ram);
            const state = { satp: machine.tables.satp, mode: mode === 'user' ? 0 : 1, sum, mxr };
            const allowed = 'physical' in translate(page, access, state, memory, pmp);
            const expected = allowed ? undefined : { cause: cause[access] };
            const where = { flags, sum, mxr, access };
            const seen = attempt(access, page, mode);
            expect({ ...where, seen: seen && { cause: seen.cause } }).toEqual({ ...where, seen: expected });
          }
        }
      }
    },
  );

  it('S-mode never executes user pages, SUM or not', () => {
    putReturn(place);
    machine.tables.map(page, place, readExecute | pte.u);
    machine.status({ sum: true });
    expect(attempt('fetch', page)).toMatchObject({ cause: 12n, epc: page, tval: page });
  });

  it.each([
    ['SUM', { sum: true }, pte.v | pte.r | pte.u | pte.a],
    ['MXR', { mxr: true }, pte.v | pte.x | pte.a],
  ] as const)('%s counts when it changes, though the page is known', (_, on, flags) => {
    machine.tables.map(page, place, flags);
    machine.status(on);
    expect(attempt('load', page)).toBeUndefined();
    machine.status({});
    expect(attempt('load', page)).toMatchObject({ cause: 13n });
    machine.status(on);
    expect(attempt('load', page)).toBeUndefined();
  });

  it.each([
    ['SUM', 0x40000, pte.v | pte.r | pte.u | pte.a],
    ['MXR', 0x80000, pte.v | pte.x | pte.a],
  ])('%s counts from the instruction behind the one that changes it', (_, bit, flags) => {
    machine.tables.map(page, place, flags);
    const program = machine.place(`
      li a0, ${page}
      li t0, ${bit}
      csrs sstatus, t0
      ld a1, 0(a0)
      ld a1, 0(a0)
      csrc sstatus, t0
    faults:
      ld a1, 0(a0)
      stop`);
    expect(machine.proceed()).toMatchObject({ cause: 13n, epc: program.symbol('faults') });
  });

  it('what U-mode has read S-mode may not', () => {
    machine.tables.map(page, place, readWrite | pte.u);
    expect(attempt('store', page, 'user')).toBeUndefined();
    expect(attempt('load', page)).toMatchObject({ cause: 13n });
    expect(attempt('store', page)).toMatchObject({ cause: 15n });
  });
});

describe('§10.3.1: A and D are set by hardware', () => {
  const bits = (access: Access, flags: bigint, level = 0): bigint => {
    machine.tables.map(page, level === 0 ? place : ramBase + 0x40_0000, flags & ~(pte.a | pte.d), level);
    putReturn(level === 0 ? place : ramBase + 0x40_0000);
    machine.hart.flushTranslations();
    attempt(access, page);
    return machine.tables.entry(page, level) & (pte.a | pte.d);
  };

  it.each([0, 1])('A by every access, D by stores alone, at level %d', (level) => {
    expect(bits('load', readWrite, level)).toBe(pte.a);
    expect(bits('fetch', readExecute, level)).toBe(pte.a);
    expect(bits('store', readWrite, level)).toBe(pte.a | pte.d);
  });

  it('a store to a page that has been read sets D', () => {
    machine.tables.map(page, place, pte.v | pte.r | pte.w);
    expect(machine.attempt(`li a0, ${page}\nld a1, 0(a0)\nsd a1, 0(a0)\nstop`)).toBeUndefined();
    expect(machine.tables.entry(page) & pte.d).toBe(pte.d);
  });

  it.each(['amoor.w a1, x0, (a0)', 'amoswap.d a1, a0, (a0)'])('%s sets both', (text) => {
    machine.tables.map(page, place, pte.v | pte.r | pte.w);
    expect(machine.attempt(`li a0, ${page}\n${text}\nstop`)).toBeUndefined();
    expect(machine.tables.entry(page) & (pte.a | pte.d)).toBe(pte.a | pte.d);
  });

  it('lr sets A alone', () => {
    machine.tables.map(page, place, pte.v | pte.r | pte.w);
    expect(machine.attempt(`li a0, ${page}\nlr.w a1, (a0)\nstop`)).toBeUndefined();
    expect(machine.tables.entry(page) & (pte.a | pte.d)).toBe(pte.a);
  });

  it('an access that faults sets none', () => {
    expect(bits('store', pte.v | pte.r)).toBe(0n);
    expect(bits('load', pte.v | pte.x)).toBe(0n);
    expect(bits('fetch', pte.v | pte.r | pte.w)).toBe(0n);
  });

  it('the other bits of the entry stay', () => {
    const entry = (BigInt(place / 4096) << 10n) | pte.v | pte.r | pte.w | pte.g | (3n << 8n);
    machine.tables.setEntry(page, entry);
    attempt('store', page);
    expect(machine.tables.entry(page)).toBe(entry | pte.a | pte.d);
  });
});

describe('accesses in two pages', () => {
  const other = ramBase + 0x9000;
  beforeEach(() => {
    for (let index = 0; index < 8; index += 1) {
      machine.write(place + 0xff8 + index, 1, BigInt(0x10 + index));
      machine.write(other + index, 1, BigInt(0x20 + index));
    }
  });
  const both = (flags = readWrite): void => {
    machine.tables.map(page, place, flags);
    machine.tables.map(page + 0x1000n, other, flags);
  };

  it('a load takes its bytes from both, wherever they are', () => {
    both();
    expect(attempt('load', page + 0xffdn)).toBeUndefined();
    expect(machine.x('a1')).toBe(0x2423_2221_2017_1615n);
  });

  it('a store puts its bytes into both', () => {
    both();
    expect(machine.attempt(`li a0, ${page + 0xffen}\nli a2, 0x0807060504030201\nsd a2, 0(a0)\nstop`)).toBeUndefined();
    expect([machine.read(place + 0xffc, 4), machine.read(other, 8)]).toEqual([0x0201_1514n, 0x2726_0807_0605_0403n]);
    expect(machine.tables.entry(page) & machine.tables.entry(page + 0x1000n) & pte.d).toBe(pte.d);
  });

  it('also where both are known, and what lies behind the first in memory is another', () => {
    both();
    machine.write(place + 0x1000, 8, 0x9999_9999_9999_9999n);
    const known = `li a0, ${page + 0xffen}\nlb a1, 0(a0)\nsb a1, 0(a0)\nlb a2, 8(a0)\nsb a2, 8(a0)`;
    const crossing = 'ld a1, 0(a0)\nlw a2, 0(a0)\nsd a0, 0(a0)\nlhu a3, 1(a0)';
    expect(machine.attempt(`${known}\n${crossing}\nstop`)).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2')]).toEqual([0x2524_2322_2120_1716n, 0x2120_1716n]);
    expect(machine.read(place + 0x1000, 8)).toBe(0x9999_9999_9999_9999n);
    expect(machine.read(other, 4)).toBe((page + 0xffen) >> 16n);
    expect(machine.x('a3')).toBe(((page + 0xffen) >> 8n) & 0xffffn);
  });

  it.each(['load', 'store'] as const)('a %s faults at its own address for the first page', (access) => {
    machine.tables.map(page + 0x1000n, other, readWrite);
    expect(attempt(access, page + 0xffcn)).toMatchObject({ cause: cause[access], tval: page + 0xffcn });
  });

  it.each(['load', 'store'] as const)('a %s faults at the second page’s start for the second page', (access) => {
    machine.tables.map(page, place, readWrite);
    expect(attempt(access, page + 0xffcn)).toMatchObject({ cause: cause[access], tval: page + 0x1000n });
    // Now both are known or looked for, and it is the same.
    expect(attempt(access, page + 0xfffn)).toMatchObject({ cause: cause[access], tval: page + 0x1000n });
    expect(machine.read(place + 0xff8, 8)).toBe(0x1716_1514_1312_1110n);
  });

  it('the first page is asked first', () => {
    expect(attempt('load', page + 0xffcn)).toMatchObject({ tval: page + 0xffcn });
  });

  it('a store whose second page is read-only stores nothing', () => {
    both();
    machine.tables.map(page + 0x1000n, other, readWrite & ~pte.w);
    expect(attempt('store', page + 0xffcn)).toMatchObject({ cause: 15n, tval: page + 0x1000n });
    expect(machine.read(place + 0xff8, 8)).toBe(0x1716_1514_1312_1110n);
  });

  it('flw and fsd, and compressed loads and stores, cross as others do', () => {
    both();
    const crossing = `li s0, ${page + 0xff8n}\nflw ft0, 6(s0)\nfmv.x.w a1, ft0\naddi s0, s0, 6\nc.lw a2, 0(s0)\nc.sd s0, 0(s0)`;
    expect(
      machine.attempt(
        `${crossing.replaceAll('c.sd s0', 'c.sd a4')}\nld a3, 0(s0)\nstop`.replace('li s0', 'li a4, 0x1234567\nli s0'),
      ),
    ).toBeUndefined();
    expect([machine.x('a1'), machine.x('a2'), machine.x('a3')]).toEqual([0x2120_1716n, 0x2120_1716n, 0x123_4567n]);
  });
});

describe('instructions in two pages', () => {
  const other = ramBase + 0x9000;
  /** addi a1, x0, 77 with its second half in the next page, then ret. */
  const put = (): void => {
    const bytes = machine.put('addi a1, x0, 77\nret', ramBase + 0xc000).bytes;
    machine.ram.set(bytes.subarray(0, 2), place + 0xffe - ramBase);
    machine.ram.set(bytes.subarray(2), other - ramBase);
    machine.hart.written(place, 0x1000);
    machine.hart.written(other, 0x1000);
  };
  beforeEach(put);

  it('are fetched from both, wherever they are, and set A in both', () => {
    machine.tables.map(page, place, readExecute & ~pte.a);
    machine.tables.map(page + 0x1000n, other, readExecute & ~pte.a);
    expect(attempt('fetch', page + 0xffen)).toBeUndefined();
    expect(machine.x('a1')).toBe(77n);
    expect(machine.tables.entry(page) & machine.tables.entry(page + 0x1000n) & pte.a).toBe(pte.a);
  });

  it.each([
    ['is not mapped', 0n, 12n],
    ['may not be executed', readWrite, 12n],
    ['is the user’s', readExecute | pte.u, 12n],
  ])('fault where the second page %s: epc is the instruction, tval the page', (_, flags, code) => {
    machine.tables.map(page, place, readExecute);
    machine.tables.map(page + 0x1000n, other, flags);
    expect(attempt('fetch', page + 0xffen)).toEqual({ cause: code, epc: page + 0xffen, tval: page + 0x1000n });
  });

  it('fault by access where the second page is not RAM', () => {
    machine.tables.map(page, place, readExecute);
    machine.tables.map(page + 0x1000n, 0x4000_0000, readExecute);
    expect(attempt('fetch', page + 0xffen)).toEqual({ cause: 1n, epc: page + 0xffen, tval: page + 0x1000n });
  });

  it('a compressed one in the last two bytes needs no second page', () => {
    machine.put('c.jr ra', place + 0xffe);
    machine.tables.map(page, place, readExecute);
    expect(attempt('fetch', page + 0xffen)).toBeUndefined();
  });

  it.each(['beq x0, x0, back', 'jal x0, back', 'bne x0, sp, ahead', 'jal x0, ahead', 'jalr x0, 0(a3)'])(
    '%s goes where it should, on both sides',
    (text) => {
      machine.tables.map(page, place, readExecute);
      machine.tables.map(page + 0x1000n, other, readExecute);
      const { bytes, symbol } = machine.putAt(
        `back:\nauipc a1, 0\nret\n.org 14\n${text}\nret\nahead:\nauipc a1, 0\nret`,
        page + 0xff0n,
        ramBase + 0xc000,
      );
      machine.ram.set(bytes.subarray(0, 16), place + 0xff0 - ramBase);
      machine.ram.set(bytes.subarray(16), other - ramBase);
      machine.hart.written(place, 0x1000);
      machine.hart.written(other, 0x1000);
      machine.setX('sp', 1n);
      machine.setX('a3', symbol('back'));
      expect(attempt('fetch', page + 0xffen)).toBeUndefined();
      expect(machine.x('a1')).toBe(symbol(text.includes('ahead') ? 'ahead' : 'back'));
    },
  );
});

describe('§3.1.6.3: MPRV', () => {
  const mprv = 1n << 17n;
  /** Runs M-mode code with MPRV on and that MPP. */
  const through = (mpp: number, text: string, other = 0n): void => {
    machine.status({ other: mprv | (BigInt(mpp) << 11n) | other });
    machine.execute(`li a0, ${page}\n${text}\nli t0, ${mprv}\ncsrc mstatus, t0\nstop`);
  };
  beforeEach(() => {
    machine.write(place, 8, 99n);
    machine.setX('a1', 0n);
  });

  it('loads and stores of M-mode go as those of MPP, translated', () => {
    machine.tables.map(page, place, readWrite);
    through(1, 'ld a1, 0(a0)\nsd a0, 8(a0)');
    expect([machine.x('a1'), machine.read(place + 8, 8)]).toEqual([99n, page]);
  });

  it.each([
    ['U-mode may not touch the supervisor’s page', 0, readWrite, 0n, 13n],
    ['U-mode may touch its own', 0, readWrite | pte.u, 0n, 0n],
    ['S-mode may not touch the user’s', 1, readWrite | pte.u, 0n, 13n],
    ['S-mode may with SUM', 1, readWrite | pte.u, 1n << 18n, 0n],
    ['S-mode may not read what is for execution', 1, readExecute & ~pte.r, 0n, 13n],
    ['S-mode may with MXR', 1, readExecute & ~pte.r, 1n << 19n, 0n],
  ] as const)('with MPP’s rights: %s', (_, mpp, flags, other, code) => {
    machine.tables.map(page, place, flags);
    through(mpp, 'ld a1, 0(a0)', other);
    expect([machine.x('a5'), machine.x('a1')]).toEqual([code, code === 0n ? 99n : 0n]);
  });

  it('with MPP = M changes nothing', () => {
    through(3, `li a0, ${place}\nld a1, 0(a0)`);
    expect(machine.x('a1')).toBe(99n);
  });

  it('does not concern instruction fetches', () => {
    through(0, 'nop');
    expect(machine.mode).toBe(3);
  });

  it('counts from one instruction to the next, and MPP and SUM with it', () => {
    machine.tables.map(page, place, readWrite | pte.u);
    machine.status({});
    machine.execute(`
      li a0, ${page}
      li t0, ${mprv}
      csrs mstatus, t0
      ld a1, 0(a0)
      csrc mstatus, t0
      li a0, ${place}
      ld a2, 0(a0)
      stop`);
    expect([machine.x('a1'), machine.x('a2')]).toEqual([99n, 99n]);
    // MPP goes from U to S while MPRV is on: S may not read the user's page.
    machine.execute(
      `li a0, ${page}\nli t0, ${mprv}\ncsrs mstatus, t0\nld a1, 0(a0)\nli t1, 0x800\ncsrs mstatus, t1\nld a2, 0(a0)\nstop`,
    );
    expect(machine.x('a5')).toBe(13n);
  });
});

it('M-mode has no translation, whatever it writes to sstatus and S-mode has used before', () => {
  const [seen, elsewhere, handler] = [ramBase + 0x8000, ramBase + 0x9000, ramBase + 0xa000];
  machine.tables.map(BigInt(seen), elsewhere, readWrite);
  machine.write(seen, 8, 1n);
  machine.write(elsewhere, 8, 2n);
  machine.put('csrw sstatus, x0\nld a2, 0(a0)\nsd a2, 8(a0)\nstop', handler);
  machine.execute(`li t0, ${handler}\ncsrw mtvec, t0\nstop`);
  expect(machine.attempt(`li a0, ${seen}\nld a1, 0(a0)\nsd a1, 8(a0)\necall`)).toBeUndefined();
  expect([machine.x('a1'), machine.x('a2')]).toEqual([2n, 1n]);
  expect([machine.read(seen + 8, 8), machine.read(elsewhere + 8, 8)]).toEqual([1n, 2n]);
});

it('the code of these programs is where both modes see it', () => {
  expect(machine.attempt('auipc a0, 0\nstop', 'user')).toBeUndefined();
  expect(machine.x('a0')).toBe(codeAddress.user);
  expect(machine.read(codePlace, 4)).toBe(0x517n);
});
