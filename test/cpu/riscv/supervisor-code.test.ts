// What a kernel does to its control registers, interpreted and translated: what follows in the same region, and outside it.
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { PagedHart } from './paged-hart.ts';
import { pte, readWrite } from './page-tables.ts';
import { ramBase } from './test-hart.ts';

const machine = new PagedHart({ translation: { hotAfter: 1, batch: 1, patience: 1 } });
const interpreter = new PagedHart();
beforeEach(() => {
  machine.reset();
  interpreter.reset();
});
afterAll(() => expect(machine.hart.translator?.statistics.regions).toBeGreaterThan(20));

const page = 0x4000_0000n;
const sum = 1n << 18n;

/** Rounds of a loop, so that the last one begins anywhere in the slices in which translated code is tested. */
const rounds = Array.from({ length: 12 }, (_, index) => 30 + index);

describe.each([
  ['translated', machine],
  ['interpreted', interpreter],
])('SUM, cleared, closes user pages, %s', (_, hart) => {
  it.each([
    ['at once', 'ld a2, 0(a0)', ''],
    ['elsewhere', 'jr a5', 'ld a2, 0(a0)'],
    ['for stores', 'sd a2, 0(a0)', ''],
  ])('%s', (_, last, beyond) => {
    hart.tables.map(page, ramBase + 0x6000, readWrite | pte.u);
    for (const count of rounds) {
      hart.status({ sum: true });
      const text = `
        la a5, beyond
        li a0, ${page}
        li a3, ${count}
        li t0, ${sum}
      again:
        ld a1, 0(a0)
        sd a1, 0(a0)
        csrc sstatus, t0
        bnez a3, more
        ${last}
        stop
      more:
        csrs sstatus, t0
        addi a3, a3, -1
        j again
        .align 4
      beyond:
        ${beyond}
        stop`;
      expect([count, hart.attempt(text)?.cause]).toEqual([count, last.startsWith('sd') ? 15n : 13n]);
    }
  });
});

it('sstatus shows that floating point made FS dirty, and without FS it is illegal', () => {
  for (const count of rounds) {
    machine.status({});
    const text = `
      li a0, ${count}
      li t0, 0x6000
      li t1, 0x2000
      li a2, -1
    again:
      csrc sstatus, t0
      csrs sstatus, t1
      fadd.d fa0, fa0, fa1
      csrr a1, sstatus
      and a2, a2, a1
      addi a0, a0, -1
      bnez a0, again
      csrc sstatus, t0
      fadd.d fa0, fa0, fa1
      stop`;
    expect(machine.attempt(text)?.cause).toBe(2n);
    expect(machine.x('a2') & ((1n << 63n) | 0x6000n)).toBe((1n << 63n) | 0x6000n);
  }
});

it('calls and returns go between a user and its supervisor, and are counted as the interpreter counts them', () => {
  const handler = ramBase + 0xa000;
  const seen = 0x5000_0000n;
  const states = [machine, interpreter].map((hart) => {
    hart.tables.map(seen, handler, pte.v | pte.r | pte.x | pte.a | pte.d);
    hart.putAt(
      `
      csrrw t0, sscratch, t0
      csrr t1, scause
      csrr t2, sepc
      addi t2, t2, 4
      csrw sepc, t2
      add s2, s2, t1
      csrrw t0, sscratch, t0
      sret`,
      seen,
      handler,
    );
    hart.execute(`li t0, ${seen}\ncsrw stvec, t0\nli t0, 0x100\ncsrw medeleg, t0\nstop`);
    hart.place('li s2, 0\nli a0, 500\nagain:\necall\naddi a0, a0, -1\nbnez a0, again\nstop', 'user');
    // After each piece both are at the same instruction: what was not retired was not counted.
    return Array.from({ length: 100 }, () => {
      hart.run(29);
      return [hart.pc, hart.mode, hart.x('a0'), hart.x('s2'), hart.x('t2')];
    });
  });
  expect(states[0]).toEqual(states[1]);
  expect(machine.x('s2')).toBeGreaterThan(8n * 200n);
});
