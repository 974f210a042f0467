// The RISC-V Instruction Set Manual, Volume I (20240411), chapter 7; Volume II (20240411), chapters 2, 3 and 10.
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultFeatures } from '../../../src/cpu/riscv/features.ts';
import { csrNumbers } from './assembler.ts';
import { encode } from './encode.ts';
import { TestHart } from './test-hart.ts';

const machine = new TestHart({ ramBytes: 0x1_0000 });
beforeEach(() => machine.reset());

const ones = 2n ** 64n - 1n;

/** What reads back after a write in M-mode. */
function readBack(csr: string, value: bigint, of = machine): bigint {
  of.execute(`li t0, ${value}\ncsrw ${csr}, t0\ncsrr a0, ${csr}\nstop`);
  return of.x('a0');
}

/** Runs instructions in a mode; true where one of them was illegal, with its bits in mtval. */
function isIllegal(text: string, mode: 'user' | 'supervisor' | 'machine' = 'machine', setup = ''): boolean {
  machine.execute(
    `la t0, handler\ncsrw mtvec, t0\n${setup}\nstop\n.align 4\nhandler:\ncsrr a0, mcause\ncsrr a1, mtval\nstop`,
  );
  // PMP is open to all modes.
  machine.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
  machine.hart.mmu.pmp.setConfiguration(0, 0x1f);
  machine.setX('a0', 99n);
  machine.execute(`${text}\nstop\n.org 0x800\n`, { base: 0x8000_1000, mode });
  if (machine.x('a0') === 99n) return false;
  expect(machine.x('a0')).toBe(2n);
  return true;
}

describe('the six instructions (Volume I, §7.1)', () => {
  it('csrrw swaps, also a register with itself', () => {
    machine.execute(
      'li a0, 7\ncsrw mscratch, a0\nli a1, 9\ncsrrw a2, mscratch, a1\ncsrrw a1, mscratch, a1\ncsrr a3, mscratch\nstop',
    );
    expect(['a1', 'a2', 'a3'].map((name) => machine.x(name))).toEqual([9n, 7n, 9n]);
  });

  it('csrrs and csrrc set and clear the bits of rs1', () => {
    machine.execute(`
      li a0, 0xf0
      csrw mscratch, a0
      li a1, 0x8000000000000018
      csrrs a2, mscratch, a1
      csrrc a3, mscratch, a0
      csrr a4, mscratch
      stop`);
    expect(['a2', 'a3', 'a4'].map((name) => machine.x(name))).toEqual([
      0xf0n,
      0x8000_0000_0000_00f8n,
      0x8000_0000_0000_0008n,
    ]);
  });

  it('the immediate forms take five bits, zero-extended', () => {
    machine.execute(
      'csrwi mscratch, 31\ncsrrsi a0, mscratch, 0\ncsrrci a1, mscratch, 16\ncsrrwi a2, mscratch, 0\ncsrr a3, mscratch\nstop',
    );
    expect(['a0', 'a1', 'a2', 'a3'].map((name) => machine.x(name))).toEqual([31n, 31n, 15n, 0n]);
  });

  it('a read-only register can be read by set and clear with x0 and 0', () => {
    for (const read of [
      'csrrs a1, mvendorid, x0',
      'csrrc a1, mvendorid, x0',
      'csrrsi a1, mvendorid, 0',
      'csrrci a1, mvendorid, 0',
    ]) {
      expect([read, isIllegal(read)]).toEqual([read, false]);
    }
  });

  it('a write to a read-only register is illegal: csrrw with x0, and set with a register that holds 0', () => {
    for (const write of [
      'csrrw a1, mvendorid, x0',
      'csrrwi a1, mvendorid, 0',
      'csrrs a1, mvendorid, t3',
      'csrrci a1, mvendorid, 1',
    ]) {
      expect([write, isIllegal(write)]).toEqual([write, true]);
    }
  });

  it('an illegal access changes no register and gives the instruction in mtval', () => {
    machine.setX('t3', 5n);
    expect(isIllegal('csrrw t3, cycle, t3')).toBe(true);
    expect([machine.x('t3'), machine.x('a1')]).toEqual([5n, BigInt(encode('csrrw', { rd: 28, csr: 0xc00, rs1: 28 }))]);
  });
});

describe('who may access what (Volume II, §2.1)', () => {
  it.each(['user', 'supervisor', 'machine'] as const)(
    '%s: registers of its own and of lower privilege, no others',
    (mode) => {
      const level = { user: 0, supervisor: 1, machine: 3 }[mode];
      for (const name of ['sscratch', 'satp', 'sip', 'mscratch', 'mstatus', 'mhartid', 'pmpaddr0']) {
        const illegal = level < ((csrNumbers[name]! >> 8) & 3);
        expect([name, isIllegal(`csrr a1, ${name}`, mode)]).toEqual([name, illegal]);
      }
    },
  );

  it.each([0x015, 0x180 + 0x80, 0x240, 0x3ff, 0x5a8, 0x7a0, 0x7c0, 0x8ff, 0xcff, 0xdb0, 0xfff])(
    '0x%s does not exist',
    (number) => {
      expect(isIllegal(`csrr a1, ${number}`)).toBe(true);
    },
  );
});

describe('machine registers', () => {
  it.each(['mvendorid', 'marchid', 'mimpid', 'mhartid', 'mconfigptr'])(
    '§3.1.2 to 3.1.5: %s reads as 0 on hart 0',
    (name) => {
      machine.execute(`csrr a0, ${name}\nstop`);
      expect(machine.x('a0')).toBe(0n);
    },
  );

  it('§3.1.1: misa says RV64 with A, B, C, D, F, I, M, S and U, and does not change', () => {
    const letters = ['a', 'b', 'c', 'd', 'f', 'i', 'm', 's', 'u'];
    const misa = letters.reduce((sum, letter) => sum | (1n << BigInt(letter.charCodeAt(0) - 97)), 2n << 62n);
    expect([readBack('misa', 0n), readBack('misa', ones)]).toEqual([misa, misa]);
  });

  it('§3.1.6: mstatus has SIE, MIE, SPIE, MPIE, SPP, MPP, FS, MPRV, SUM, MXR, TVM, TW and TSR; UXL and SXL are 64 bits', () => {
    const xl = (2n << 32n) | (2n << 34n);
    expect(readBack('mstatus', 0n)).toBe(xl);
    const fields = 0b0111_1110_0111_1001_1010_1010n;
    expect(readBack('mstatus', ones)).toBe(xl | fields | (1n << 63n));
  });

  it('§3.1.6.1: MPP does not take 2', () => {
    machine.execute('li t0, 0x1800\ncsrc mstatus, t0\nli t0, 0x1000\ncsrs mstatus, t0\ncsrr a0, mstatus\nstop');
    expect(machine.x('a0') & 0x1800n).toBe(0n);
    machine.execute('li t0, 0x1800\ncsrs mstatus, t0\nli t0, 0x800\ncsrc mstatus, t0\ncsrr a0, mstatus\nstop');
    expect(machine.x('a0') & 0x1800n).toBe(0x1800n);
  });

  it('§3.1.7: mtvec is direct or vectored, its base a multiple of 4', () => {
    expect([readBack('mtvec', ones), readBack('mtvec', 0x8000_0002n)]).toEqual([ones - 2n, 0x8000_0000n]);
  });

  it('§3.1.8: medeleg holds the exceptions that exist but for the call from M-mode; mideleg the supervisor interrupts', () => {
    expect([readBack('medeleg', ones), readBack('mideleg', ones)]).toEqual([0xb3ffn, 0x222n]);
  });

  it('§3.1.9: mie holds the six interrupts', () => {
    expect(readBack('mie', ones)).toBe(0xaaan);
  });

  it('§3.1.9: SSIP, STIP and SEIP of mip are for software to write, the machine bits are not', () => {
    expect([readBack('mip', ones), readBack('mip', 0n)]).toEqual([0x222n, 0n]);
    machine.hart.setLine(7, true);
    expect(readBack('mip', 0n)).toBe(0x80n);
  });

  it('§3.1.9: set and clear of mip take SEIP as software wrote it, not as the line has it', () => {
    machine.hart.setLine(9, true);
    machine.execute('csrrsi a0, mip, 2\ncsrr a1, mip\nstop');
    expect([machine.x('a0'), machine.x('a1')]).toEqual([0x200n, 0x202n]);
    machine.hart.setLine(9, false);
    machine.execute('csrr a0, mip\nli t0, 0x200\ncsrs mip, t0\ncsrr a1, mip\nstop');
    expect([machine.x('a0'), machine.x('a1')]).toEqual([2n, 0x202n]);
    machine.hart.setLine(9, true);
    machine.execute('li t0, 0x200\ncsrrc a0, mip, t0\nstop');
    machine.hart.setLine(9, false);
    machine.execute('csrr a1, mip\nstop');
    expect(machine.x('a1')).toBe(2n);
  });

  it('§3.1.11, §10.1.5: mcounteren and scounteren have CY, TM and IR', () => {
    expect([readBack('mcounteren', ones), readBack('scounteren', ones)]).toEqual([7n, 7n]);
  });

  it('§3.1.14: mepc is a multiple of 2', () => {
    expect([readBack('mepc', ones), readBack('sepc', ones)]).toEqual([ones - 1n, ones - 1n]);
  });

  it.each(['mscratch', 'mcause', 'mtval', 'sscratch', 'scause', 'stval'])('%s holds 64 bits', (name) => {
    expect([readBack(name, 0x8123_4567_89ab_cdefn), readBack(name, 0n)]).toEqual([0x8123_4567_89ab_cdefn, 0n]);
  });

  it('§3.1.18, §12.1.1: menvcfg has FIOM and STCE, senvcfg FIOM', () => {
    expect([readBack('menvcfg', ones), readBack('senvcfg', ones)]).toEqual([2n ** 63n + 1n, 1n]);
  });

  it.each([
    [false, false, 0n, 0n],
    [false, true, 0n, 0n],
    [true, false, 1n, 1n],
    [true, true, 0n, 1n],
  ])(
    '§3.1.18: ADUE with Svadu %s and Svade %s is %d after a reset, and %d when it is set',
    (svadu, svade, first, set) => {
      const own = new TestHart({ ramBytes: 0x1_0000, features: { sv48: true, svadu, svade } });
      own.execute('csrr a0, menvcfg\nstop');
      expect([own.x('a0') >> 61n, (readBack('menvcfg', ones, own) >> 61n) & 1n, readBack('menvcfg', 0n, own)]).toEqual([
        first,
        set,
        0n,
      ]);
    },
  );

  it.each(['mhpmcounter3', 'mhpmevent3', 'mcountinhibit', 'hpmcounter3'])(
    '§3.1.10: %s, which counts nothing, is 0',
    (name) => {
      expect(name.startsWith('hpm') ? readBack('mscratch', 0n) : readBack(name, ones)).toBe(0n);
      machine.execute(`csrr a0, ${name}\nstop`);
      expect(machine.x('a0')).toBe(0n);
    },
  );
});

describe('supervisor registers', () => {
  it('§10.1.1: sstatus is mstatus without what is the machine’s', () => {
    machine.execute('li t0, -1\ncsrw mstatus, t0\ncsrr a0, sstatus\nstop');
    expect(machine.x('a0')).toBe((1n << 63n) | (2n << 32n) | 0b1100_0110_0001_0010_0010n);
    machine.execute('csrw sstatus, x0\ncsrr a0, sstatus\ncsrr a1, mstatus\nstop');
    expect([machine.x('a0'), machine.x('a1')]).toEqual([2n << 32n, (10n << 32n) | 0b0111_0010_0001_1000_1000_1000n]);
  });

  it('§10.1.3: sie and sip show what is delegated, and sip takes SSIP alone', () => {
    machine.execute(`
      li t0, 0x222
      csrw mie, t0
      csrw mip, t0
      csrr a0, sie
      csrr a1, sip
      li t0, 0x22
      csrw mideleg, t0
      csrr a2, sie
      csrr a3, sip
      csrw sip, x0
      csrr a4, mip
      csrw sie, x0
      csrr a5, mie
      stop`);
    const read = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'].map((name) => machine.x(name));
    expect(read).toEqual([0n, 0n, 0x22n, 0x22n, 0x220n, 0x200n]);
  });

  it('§10.1.2: stvec is direct or vectored', () => {
    expect([readBack('stvec', ones), readBack('stvec', 0x8000_0002n)]).toEqual([ones - 2n, 0x8000_0000n]);
  });

  it.each([
    ['Bare, Sv39 and Sv48', true, [0n, 8n, 9n]],
    ['Bare and Sv39', false, [0n, 8n]],
  ])('§10.1.11: satp takes %s, with ASIDs of 16 bits, and stays as it was on any other mode', (_, sv48, known) => {
    const own = new TestHart({ ramBytes: 0x1_0000, features: { ...defaultFeatures, sv48 } });
    const rest = 0x0fff_ffff_ffff_ffffn;
    for (const mode of known) expect(readBack('satp', (mode << 60n) | rest, own)).toBe((mode << 60n) | rest);
    const last = (known.at(-1)! << 60n) | rest;
    for (const mode of [1n, 7n, 9n, 10n, 15n]) {
      if (!known.includes(mode)) expect(readBack('satp', (mode << 60n) | 5n, own)).toBe(last);
    }
    expect(readBack('satp', 0n, own)).toBe(0n);
  });

  it('§3.1.6.5: with TVM, satp and sfence.vma are illegal in S-mode, and in M-mode they are not', () => {
    const tvm = 'li t1, 0x100000\ncsrs mstatus, t1';
    for (const text of ['csrr a1, satp', 'csrw satp, x0', 'sfence.all']) {
      expect([text, isIllegal(text, 'supervisor', tvm)]).toEqual([text, true]);
      expect([text, isIllegal(text, 'machine', tvm)]).toEqual([text, false]);
      expect([text, isIllegal(text, 'supervisor')]).toEqual([text, true]);
      machine.reset();
      expect([text, isIllegal(text, 'supervisor')]).toEqual([text, false]);
    }
  });
});

describe('floating-point state (Volume I, §20.2; Volume II, §3.1.6.6)', () => {
  const fs = (value: number): string => `li t1, 0x6000\ncsrc mstatus, t1\nli t1, ${value << 13}\ncsrs mstatus, t1`;
  const status = (): bigint => {
    machine.execute('csrr a0, mstatus\nstop');
    return machine.x('a0') & ((1n << 63n) | 0x6000n);
  };

  it('fcsr is frm and fflags, and has no other bits', () => {
    machine.execute(
      `${fs(1)}\nli t0, -1\ncsrw fcsr, t0\ncsrr a0, fcsr\ncsrr a1, frm\ncsrr a2, fflags\ncsrwi frm, 2\ncsrwi fflags, 9\ncsrr a3, fcsr\nstop`,
    );
    expect(['a0', 'a1', 'a2', 'a3'].map((name) => machine.x(name))).toEqual([0xffn, 7n, 31n, 0x49n]);
  });

  it.each([
    'csrr a1, fcsr',
    'csrr a1, frm',
    'csrw fflags, x0',
    'fadd.s ft0, ft0, ft0',
    'fld ft0, 0(sp)',
    'fsw ft0, 0(sp)',
    'fmv.x.d a1, ft0',
    'c.fldsp ft0, 0(sp)',
    'feq.d a1, ft0, ft0',
  ])('%s is illegal while FS is off', (text) => {
    expect(isIllegal(text, 'machine', fs(0))).toBe(true);
  });

  it.each([
    'csrw fflags, x0',
    'csrwi frm, 1',
    'csrw fcsr, x0',
    'fmv.d.x ft0, x0',
    'flw ft0, 0(sp)',
    'fadd.d ft0, ft1, ft2',
    'fsgnj.s ft0, ft1, ft2',
    'fdiv.d ft0, ft1, ft2',
  ])('%s makes FS dirty and SD set', (text) => {
    machine.execute(`${fs(1)}\nla sp, here\n.align 8\nhere:\n${text}\nstop`);
    expect(status()).toBe((1n << 63n) | 0x6000n);
  });

  it('an instruction that raises a flag in passing makes FS dirty, too', () => {
    // 0 / 0 in fcvt: NaN to integer raises NV.
    machine.execute(`${fs(3)}\nli t0, -1\nfmv.d.x ft0, t0\n${fs(2)}\nfcvt.w.d a0, ft0, rtz\nstop`);
    expect(status()).toBe((1n << 63n) | 0x6000n);
  });

  it.each(['csrr a1, fcsr', 'fsd ft0, 0(sp)', 'fmv.x.d a1, ft0'])('%s leaves FS clean', (text) => {
    machine.execute(`${fs(2)}\nli sp, 0x80004000\n${text}\nstop`);
    expect(status()).toBe(0x4000n);
  });
});

describe('counters', () => {
  it.each(['supervisor', 'user'] as const)('§3.1.11: from %s mode they need mcounteren', (mode) => {
    for (const [index, name] of ['cycle', 'time', 'instret'].entries()) {
      const given = (bit: number): string => `csrwi mcounteren, ${bit}\ncsrwi scounteren, 7`;
      expect([name, isIllegal(`csrr a1, ${name}`, mode, given(1 << index))]).toEqual([name, false]);
      expect([name, isIllegal(`csrr a1, ${name}`, mode, given(7 & ~(1 << index)))]).toEqual([name, true]);
    }
  });

  it('§10.1.5: from U-mode they need scounteren, too', () => {
    expect(isIllegal('csrr a1, time', 'user', 'csrwi mcounteren, 7\ncsrwi scounteren, 5')).toBe(true);
    expect(isIllegal('csrr a1, time', 'supervisor', 'csrwi mcounteren, 7\ncsrwi scounteren, 0')).toBe(false);
  });

  it('hpmcounter3 is not given away', () => {
    expect(isIllegal('csrr a1, hpmcounter3', 'user', 'csrwi mcounteren, 15\ncsrwi scounteren, 15')).toBe(true);
  });

  it('time is the timebase', () => {
    machine.ticks = 2 ** 40 + 5;
    machine.execute('csrr a0, time\nstop');
    expect(machine.x('a0')).toBe(2n ** 40n + 5n);
  });

  it('instret and cycle count the instructions before this one', () => {
    machine.execute('csrr a0, instret\nnop\ncsrr a1, minstret\ncsrr a2, cycle\nstop');
    expect(['a0', 'a1', 'a2'].map((name) => machine.x(name))).toEqual([0n, 2n, 3n]);
  });

  it('a trap is not retired; the instruction is not counted (§3.3.1)', () => {
    machine.execute(`
      la t0, handler
      csrw mtvec, t0
      csrr a0, instret
      ecall
      stop
      .align 4
    handler:
      csrr a1, instret
      stop`);
    expect(machine.x('a1') - machine.x('a0')).toBe(1n);
  });

  it('Volume I, §7.1: after a write to minstret the next instruction reads what was written', () => {
    machine.execute(
      'li t0, 0x123456789abcdef0\ncsrw minstret, t0\ncsrr a0, minstret\ncsrr a1, instret\ncsrw mcycle, x0\nnop\ncsrr a2, mcycle\nstop',
    );
    expect(['a0', 'a1', 'a2'].map((name) => machine.x(name))).toEqual([
      0x1234_5678_9abc_def0n,
      0x1234_5678_9abc_def1n,
      1n,
    ]);
  });

  it('minstret wraps around', () => {
    machine.execute('li t0, -1\ncsrw minstret, t0\ncsrr a0, minstret\ncsrr a1, minstret\nstop');
    expect([machine.x('a0'), machine.x('a1')]).toEqual([ones, 0n]);
  });
});
