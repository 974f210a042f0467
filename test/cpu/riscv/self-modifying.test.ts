// The RISC-V Instruction Set Manual, Volume I (20240411), chapter 6 (Zifencei): code that changes. What the hart has
// decoded must follow every way in which memory can be written.
import { beforeEach, describe, expect, it } from 'vitest';
import { encode } from './encode.ts';
import { PagedHart } from './paged-hart.ts';
import { readExecute, readWrite } from './page-tables.ts';
import { translateAll } from './stream/run.ts';
import { deviceBase, ramBase, TestHart } from './test-hart.ts';

/** Addi a0, a0, n: what code is patched with. */
const add = (n: number): number => encode('addi', { rd: 10, rs1: 10, imm: n });
const addShort = (n: number): number => encode('c.addi', { rd: 10, imm: n });
const target = ramBase + 0x4000;

describe.each([
  ['in shared memory', true, undefined],
  ['in unshared memory', false, undefined],
  ['with all of it translated', true, translateAll],
])('%s', (_, shared, translation) => {
  const machine = new TestHart({ shared, ramBytes: 0x80_0000, ...(translation !== undefined && { translation }) });
  beforeEach(() => machine.reset());

  /** Runs `code` at the target with a1 pointing to it, once before and once after what the program does in between. */
  const callTwice = (code: string, between: string): bigint[] => {
    machine.put(code, target);
    machine.execute(`
      li a1, ${target}
      li a0, 0
      jalr ra, 0(a1)
      mv a2, a0
      li a0, 0
      ${between}
      fence.i
      jalr ra, 0(a1)
      stop`);
    return [machine.x('a2'), machine.x('a0')];
  };
  const patch = (bits: number, store: string): string => `li t0, ${bits}\n${store}`;

  describe('a function that has run is patched from another page', () => {
    const body = 'addi a0, a0, 1\naddi a0, a0, 2\naddi a0, a0, 4\nret';

    it.each([
      ['its first word', 'sw t0, 0(a1)', 16n + 6n],
      ['its second word', 'sw t0, 4(a1)', 16n + 5n],
      ['its last word', 'sw t0, 8(a1)', 16n + 3n],
    ])('%s', (_name, store, sum) => {
      expect(callTwice(body, patch(add(16), store))).toEqual([7n, sum]);
    });

    it('one half of a word: rd and the opcode', () => {
      // addi a0, a0, 1 becomes addi a1, a0, 1, which has the same upper half.
      const lower = encode('addi', { rd: 12, rs1: 10, imm: 1 }) & 0xffff;
      expect(callTwice(body, patch(lower, 'sh t0, 0(a1)'))[1]).toBe(6n);
      expect(machine.x('a2')).toBe(1n);
    });

    it('the other half: the immediate', () => {
      expect(callTwice(body, patch(add(32) >>> 16, 'sh t0, 6(a1)'))).toEqual([7n, 37n]);
    });

    it('one byte of it', () => {
      // The upper eight bits of the immediate are the last byte.
      expect(callTwice(body, patch(0x04, 'sb t0, 3(a1)'))).toEqual([7n, 0x40n + 1n + 6n]);
    });

    it('two words at once, and a doubleword that lies across three', () => {
      const both = (BigInt(add(32)) << 32n) | BigInt(add(16));
      expect(callTwice(body, `li t0, ${both}\nsd t0, 0(a1)`)).toEqual([7n, 52n]);
      const across = (BigInt(add(4) & 0xffff) << 48n) | (BigInt(add(64)) << 16n) | BigInt(add(8) >>> 16);
      expect(callTwice(body, `li t0, ${across}\nsd t0, 2(a1)`)).toEqual([7n, 8n + 64n + 4n]);
    });

    it.each([
      ['amoswap.w', 'amoswap.w x0, t0, (a1)'],
      ['sc.w', 'lr.w t1, (a1)\nsc.w t1, t0, (a1)'],
      ['fsw', 'li t1, 0x6000\ncsrs mstatus, t1\nfmv.w.x ft0, t0\nfsw ft0, 0(a1)'],
      ['c.sw', 'mv a3, t0\nc.sw a3, 0(a1)'],
    ])('by %s', (_name, store) => {
      expect(callTwice(body, patch(add(16), store))).toEqual([7n, 22n]);
    });

    it('again and again, one word after another', () => {
      machine.put('addi a0, a0, 1\nret', target);
      machine.execute(`
        li a1, ${target}
        li a0, 0
        li a3, 40
        lw t0, 0(a1)
        li t1, 0x100000
      again:
        jalr ra, 0(a1)
        addw t0, t0, t1
        sw t0, 0(a1)
        fence.i
        addi a3, a3, -1
        bnez a3, again
        stop`);
      expect(machine.x('a0')).toBe((40n * 41n) / 2n);
    });
  });

  describe('parcels of 16 bits', () => {
    const body = 'c.addi a0, 1\nc.addi a0, 2\naddi a0, a0, 4\nc.addi a0, 8\nret';

    it.each([
      [0, 16n + 14n],
      [2, 16n + 13n],
      [8, 16n + 7n],
    ])('one at %d is another', (offset, sum) => {
      expect(callTwice(body, patch(addShort(16), `sh t0, ${offset}(a1)`))).toEqual([15n, sum]);
    });

    it('a long instruction becomes two short ones, and two short ones a long one', () => {
      expect(callTwice(body, patch(addShort(3) | (addShort(5) << 16), 'sw t0, 4(a1)'))).toEqual([15n, 19n]);
      expect(callTwice(body, patch(add(16), 'sw t0, 0(a1)'))).toEqual([15n, 28n]);
    });

    it('the second half of an instruction that was decoded as one is one of its own', () => {
      // c.addi a0, 1; then a word whose upper half, entered in its middle, is c.addi a0, 7.
      const word = ((addShort(7) << 16) | 0x0513) >>> 0;
      machine.put(`.half ${addShort(1)}\n.word ${word}\nret`, target);
      machine.execute(`li a1, ${target}\nli a0, 0\njalr ra, 0(a1)\nmv a2, a0\nli a0, 0\njalr ra, 4(a1)\nstop`);
      const first = machine.x('a2');
      expect(machine.x('a0')).toBe(7n);
      const other = ((addShort(9) << 16) | 0x0513) >>> 0;
      machine.execute(
        `li a1, ${target}\nli t0, ${other}\nsh t0, 2(a1)\nsrli t0, t0, 16\nsh t0, 4(a1)\nfence.i\nli a0, 0\njalr ra, 4(a1)\nmv a3, a0\nli a0, 0\njalr ra, 0(a1)\nstop`,
      );
      expect(machine.x('a3')).toBe(9n);
      expect(machine.x('a0')).not.toBe(first);
    });
  });

  describe('code in the page that is running', () => {
    it('further on: the instruction right behind the fence', () => {
      machine.execute(`
        la a1, patched
        li t0, ${add(5)}
        li a0, 0
        sw t0, 0(a1)
        fence.i
      patched:
        addi a0, a0, 1
        stop`);
      expect(machine.x('a0')).toBe(5n);
    });

    it('even without a fence: the hart follows its own stores at once', () => {
      machine.execute(`
        la a1, patched
        li t0, ${add(5)}
        li a0, 0
        sw t0, 0(a1)
      patched:
        addi a0, a0, 1
        stop`);
      expect(machine.x('a0')).toBe(5n);
    });

    it('a loop that patches itself each time round', () => {
      machine.execute(`
        la a1, patched
        lw t0, 0(a1)
        li t1, 0x100000
        li a0, 0
        li a2, 30
      again:
      patched:
        addi a0, a0, 0
        addw t0, t0, t1
        sw t0, 0(a1)
        addi a2, a2, -1
        bnez a2, again
        stop`);
      expect(machine.x('a0')).toBe((29n * 30n) / 2n);
    });

    it('a branch whose target moves', () => {
      const far = encode('beq', { imm: 12 });
      machine.execute(`
        la a1, branch
        li t0, ${far}
        li a0, 0
        sw t0, 0(a1)
      branch:
        beq x0, x0, near
        stop
      near:
        addi a0, a0, 1
        addi a0, a0, 2
        stop`);
      expect(machine.x('a0')).toBe(2n);
    });

    it('so many stores that the page counts as data do not stop the code in it', () => {
      machine.execute(`
        la a1, data
        li a2, 100
      again:
        sw a2, 0(a1)
        addi a1, a1, 4
        addi a2, a2, -1
        bnez a2, again
        stop
      data:
        .org 0x800`);
      expect([machine.read(Number(machine.x('a1')) - 4, 4), machine.x('a2')]).toEqual([1n, 0n]);
    });
  });

  describe('an instruction in two pages', () => {
    const edge = target + 0xffe;
    const call = `li a1, ${edge}\nli a0, 0\njalr ra, 0(a1)\nmv a2, a0\nli a0, 0`;
    beforeEach(() => machine.put('addi a0, a0, 1\nret', edge));

    it.each([
      [
        'the half in the first page',
        `li t0, ${encode('addi', { rd: 13, rs1: 10, imm: 1 }) & 0xffff}\nsh t0, 0(a1)`,
        0n,
      ],
      ['the half in the second page', `li t0, ${add(33) >>> 16}\nsh t0, 2(a1)`, 33n],
      ['both halves with one store', `li t0, ${add(34)}\nsw t0, 0(a1)`, 34n],
      [
        'a doubleword that begins before it',
        `li t0, ${BigInt(add(35)) << 16n}\nsd t0, -2(a1)\nli t0, 0x8067\nsw t0, 4(a1)`,
        35n,
      ],
    ])('%s is patched', (_name, store, sum) => {
      machine.execute(`${call}\n${store}\nfence.i\njalr ra, 0(a1)\nstop`);
      expect([machine.x('a2'), machine.x('a0')]).toEqual([1n, sum]);
    });

    it('instructions on both sides of the edge are patched with one store', () => {
      machine.put('addi a0, a0, 1\naddi a0, a0, 2\nret', edge - 2);
      const both = (BigInt(add(32)) << 32n) | BigInt(add(16));
      machine.execute(`
        li a1, ${edge - 2}
        li a0, 0
        jalr ra, 0(a1)
        mv a2, a0
        li a0, 0
        li t0, ${both}
        sd t0, 0(a1)
        fence.i
        jalr ra, 0(a1)
        stop`);
      expect([machine.x('a2'), machine.x('a0')]).toEqual([3n, 48n]);
    });

    it('becomes a short one in the first page', () => {
      machine.execute(`${call}\nli t0, 0x8082\nsh t0, 0(a1)\nfence.i\njalr ra, 0(a1)\nstop`);
      expect([machine.x('a2'), machine.x('a0')]).toEqual([1n, 0n]);
    });

    it('is run over from the instruction before it, too', () => {
      machine.put('addi a0, a0, 8\naddi a0, a0, 1\nret', edge - 4);
      machine.execute(
        `${call.replace(String(edge), String(edge - 4))}\nli t0, ${add(16) >>> 16}\nsh t0, 6(a1)\nfence.i\njalr ra, 0(a1)\nstop`,
      );
      expect([machine.x('a2'), machine.x('a0')]).toEqual([9n, 24n]);
    });
  });

  describe('a page of code that becomes data', () => {
    it('and code again', () => {
      machine.put('addi a0, a0, 1\nret', target);
      machine.execute(`
        li a1, ${target}
        li a0, 0
        jalr ra, 0(a1)
        # The page is filled with numbers, a thousand stores and more.
        mv t0, a1
        li t1, 1024
      fill:
        sw t1, 0(t0)
        addi t0, t0, 4
        addi t1, t1, -1
        bnez t1, fill
        lw a3, 0(a1)
        # And with code, by many stores as well, the first word last.
        addi t0, a1, 1020
        li t2, ${add(2)}
        li t3, 0x8067
      back:
        sw t3, 0(t0)
        addi t0, t0, -4
        bne t0, a1, back
        sw t2, 0(a1)
        fence.i
        jalr ra, 0(a1)
        jalr ra, 0(a1)
        stop`);
      expect([machine.x('a3'), machine.x('a0')]).toEqual([1024n, 5n]);
    });

    it('many times over', () => {
      machine.execute(`
        li a1, ${target}
        li a0, 0
        li a4, 50
        li t2, ${add(3)}
        li t3, 0x8067
      again:
        li t1, 20
        addi t0, a1, 400
      fill:
        sw t1, 0(t0)
        addi t0, t0, 4
        addi t1, t1, -1
        bnez t1, fill
        sw t2, 0(a1)
        sw t3, 4(a1)
        fence.i
        jalr ra, 0(a1)
        addi a4, a4, -1
        bnez a4, again
        stop`);
      expect(machine.x('a0')).toBe(150n);
    });
  });

  describe('more pages of code than are kept decoded', () => {
    const pages = 1300;
    const first = ramBase + 0x10_0000;
    const everyPage = (bytes: Uint8Array<ArrayBuffer>): void => {
      for (let page = 0; page < pages; page += 1) machine.ram.set(bytes, first - ramBase + page * 0x1000);
      machine.hart.written(first, pages * 0x1000);
    };

    it('all run, each time, and follow what is stored into those that were given up', () => {
      everyPage(machine.put('addi a0, a0, 1\njal x0, . + 4092', first).bytes);
      machine.put('addi a0, a0, 1\nret', first + (pages - 1) * 0x1000);
      const round = `li a0, 0\nli a1, ${first}\njalr ra, 0(a1)`;
      machine.execute(`${round}\nmv a2, a0\n${round}\nstop`);
      expect([machine.x('a2'), machine.x('a0')]).toEqual([BigInt(pages), BigInt(pages)]);
      // One word in each page, while most are not decoded and some are.
      machine.execute(`
        li a1, ${first}
        li t0, ${pages}
        li t1, ${add(3)}
        li t2, 0x1000
      patch:
        sw t1, 0(a1)
        add a1, a1, t2
        addi t0, t0, -1
        bnez t0, patch
        fence.i
        ${round}
        stop`);
      expect(machine.x('a0')).toBe(BigInt(pages) * 3n);
    });

    it('a loop over two of them goes on while others come and go', () => {
      everyPage(machine.put('addi a0, a0, 1\nret', first).bytes);
      machine.execute(`
        li a0, 0
        li a1, ${first}
        li a2, ${pages * 2}
        li t2, 0x1000
        li t3, ${first + pages * 0x1000}
      again:
        jalr ra, 0(a1)
        add a1, a1, t2
        bne a1, t3, on
        li a1, ${first}
      on:
        addi a2, a2, -1
        bnez a2, again
        stop`);
      expect(machine.x('a0')).toBe(BigInt(pages) * 2n);
    });
  });

  describe('devices write past the hart', () => {
    it('and report it: what has run is decoded anew', () => {
      machine.put('addi a0, a0, 1\nret', target);
      machine.device.onStore = () => machine.write(target, 4, BigInt(add(7)));
      expect(callTwice('addi a0, a0, 1\nret', `li t1, ${deviceBase}\nsw x0, 0(t1)`)).toEqual([1n, 7n]);
    });

    it('into the page that is running', () => {
      const program = machine.load(`
        li t1, ${deviceBase}
        li a0, 0
        sw x0, 0(t1)
        fence.i
      patched:
        addi a0, a0, 1
        stop`);
      machine.device.onStore = () => machine.write(Number(program.symbol('patched')), 4, BigInt(add(9)));
      machine.runToStop();
      expect(machine.x('a0')).toBe(9n);
    });

    it('over many pages at once, and over ranges that begin and end in a page of code', () => {
      machine.put('addi a0, a0, 1\nret', target);
      machine.put('addi a0, a0, 2\nret', target + 0x1000);
      const both = `li a1, ${target}\nli a2, ${target + 0x1000}\nli a0, 0\njalr ra, 0(a1)\njalr ra, 0(a2)\nstop`;
      machine.execute(both);
      expect(machine.x('a0')).toBe(3n);
      machine.view.setUint32(target - ramBase, add(10), true);
      machine.view.setUint32(target + 0x1000 - ramBase, add(20), true);
      machine.hart.written(target + 3, 0xffe);
      machine.execute(both);
      expect(machine.x('a0')).toBe(30n);
    });

    it('into nothing, or nothing at all, which is no harm', () => {
      machine.hart.written(ramBase + 0x80_0000 - 1, 1);
      machine.hart.written(target, 0);
      machine.execute('li a0, 4\nstop');
      expect(machine.x('a0')).toBe(4n);
    });
  });
});

describe('one page of code under two addresses', () => {
  const machine = new PagedHart();
  beforeEach(() => machine.reset());
  const code = 0x4000_0000n;
  const alias = 0x5000_0000n;
  const place = ramBase + 0x6000;

  it('a store through the one is seen by the other', () => {
    machine.put('addi a0, a0, 1\nret', place);
    machine.tables.map(code, place, readExecute);
    machine.tables.map(alias, place, readWrite);
    const text = `
      li a1, ${code}
      li a2, ${alias}
      li a0, 0
      sd x0, 1024(a2)
      jalr ra, 0(a1)
      mv a3, a0
      li t0, ${add(5)}
      sw t0, 0(a2)
      fence.i
      jalr ra, 0(a1)
      stop`;
    expect(machine.attempt(text)).toBeUndefined();
    expect([machine.x('a3'), machine.x('a0')]).toEqual([1n, 6n]);
  });

  it('each runs at its own address: auipc and jal tell them apart', () => {
    machine.put('auipc a0, 0\njal a1, . + 4\nret', place);
    machine.tables.map(code, place, readExecute);
    machine.tables.map(alias, place, readExecute);
    for (const address of [code, alias, code]) {
      expect(machine.attempt(`li a2, ${address}\njalr ra, 0(a2)\nstop`)).toBeUndefined();
      expect([machine.x('a0'), machine.x('a1')]).toEqual([address, address + 8n]);
    }
  });

  it('a jump from the one into the other finds the same page at its own address', () => {
    machine.put(`li a2, ${alias + 0x800n}\njr a2`, place);
    machine.put('auipc a0, 0\nret', place + 0x800);
    machine.tables.map(code, place, readExecute);
    machine.tables.map(alias, place, readExecute);
    expect(machine.attempt(`li a1, ${code}\njalr ra, 0(a1)\nstop`)).toBeUndefined();
    expect(machine.x('a0')).toBe(alias + 0x800n);
  });

  it('another page at the same address, after a fence, is other code', () => {
    machine.put('li a0, 1\nret', place);
    machine.put('li a0, 2\nret', place + 0x1000);
    machine.tables.map(code, place, readExecute);
    expect(machine.attempt(`li a1, ${code}\njalr ra, 0(a1)\nstop`)).toBeUndefined();
    machine.tables.map(code, place + 0x1000, readExecute);
    expect(machine.attempt(`sfence.vma x0, x0\nli a1, ${code}\njalr ra, 0(a1)\nstop`)).toBeUndefined();
    expect(machine.x('a0')).toBe(2n);
  });
});
