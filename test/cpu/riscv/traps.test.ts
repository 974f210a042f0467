// The RISC-V Instruction Set Manual, Volume II (20240411), §3.1.6 to §3.1.16, §3.3 and §10.1: exceptions and returns.
import { beforeEach, describe, expect, it } from 'vitest';
import { encode } from './encode.ts';
import { ramBase, TestHart } from './test-hart.ts';

const machine = new TestHart({ ramBytes: 0x1_0000 });
beforeEach(() => machine.reset());

const handlers = { machine: ramBase + 0x800, supervisor: ramBase + 0xc00 };
const start = ramBase + 0x1000;
const registers = (...names: string[]): bigint[] => names.map((name) => machine.x(name));

/** Bits of mstatus. */
const status = { sie: 2n, mie: 8n, spie: 0x20n, mpie: 0x80n, spp: 0x100n, mpp: 0x1800n, mprv: 1n << 17n };

interface Setup {
  readonly mode?: 'user' | 'supervisor' | 'machine';
  readonly medeleg?: number;
  readonly mstatus?: bigint;
  /** mtvec and stvec. */
  readonly vectored?: boolean;
}

/** Runs a program in a mode until a handler is reached: a0 to a3 are xcause, xepc, xtval, mstatus; a4 names the handler. */
function trap(text: string, { mode = 'machine', medeleg = 0, mstatus = 0n, vectored = false }: Setup = {}): void {
  machine.put('csrr a0, mcause\ncsrr a1, mepc\ncsrr a2, mtval\ncsrr a3, mstatus\nli a4, 3\nstop', handlers.machine);
  machine.put('csrr a0, scause\ncsrr a1, sepc\ncsrr a2, stval\ncsrr a3, sstatus\nli a4, 1\nstop', handlers.supervisor);
  machine.execute(`
    li t0, ${handlers.machine + Number(vectored)}
    csrw mtvec, t0
    li t0, ${handlers.supervisor + Number(vectored)}
    csrw stvec, t0
    li t0, ${medeleg}
    csrw medeleg, t0
    li t0, ${mstatus}
    csrw mstatus, t0
    stop`);
  // All of memory is open to S and U.
  machine.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
  machine.hart.mmu.pmp.setConfiguration(0, 0x1f);
  machine.execute(text, { base: start, mode });
}

describe('what a trap leaves (§3.1.14 to §3.1.16)', () => {
  const nothing = 0x4000_0000n;
  it.each([
    ['an illegal word', '.word 0xffffffff', 2n, 0xffff_ffffn],
    ['an illegal parcel: its 16 bits', '.half 0x9c41', 2n, 0x9c41n],
    ['16 zeros', '.half 0', 2n, 0n],
    ['a parcel whose instruction is switched off: the parcel, not what it stands for', 'c.fld fa0, 0(a0)', 2n, 0x2108n],
    ['a register that is not there', 'csrr a0, 0x7c0', 2n, BigInt(encode('csrrs', { rd: 10, csr: 0x7c0 }))],
    ['ebreak: its address', 'ebreak', 3n, BigInt(start)],
    ['c.ebreak: its address', 'c.ebreak', 3n, BigInt(start)],
    ['ecall: 0', 'ecall', 11n, 0n],
  ])('%s', (_, text, cause, tval) => {
    trap(text);
    expect(registers('a0', 'a1', 'a2', 'a4')).toEqual([cause, BigInt(start), tval, 3n]);
  });

  it('a jump to nothing faults there, and rd of the jump is written', () => {
    trap(`li t0, ${nothing}\njalr t1, 0(t0)`);
    expect(registers('a0', 'a1', 'a2')).toEqual([1n, nothing, nothing]);
    expect(machine.x('t1')).toBeGreaterThan(BigInt(start));
  });

  it('a load that faults gives its address', () => {
    trap(`li t0, ${nothing}\nlw t0, 8(t0)`);
    expect(registers('a0', 'a2', 't0')).toEqual([5n, nothing + 8n, nothing]);
  });

  it('an illegal instruction across two pages is given whole', () => {
    machine.put('.word 0xdeadbeff\nstop', start + 0xffe);
    trap(`li t0, ${start + 0xffe}\njr t0`);
    expect(registers('a0', 'a1', 'a2')).toEqual([2n, BigInt(start + 0xffe), 0xdead_beffn]);
  });

  it('§3.3.1: calls are told apart by their mode', () => {
    trap('ecall', { mode: 'user' });
    expect(registers('a0', 'a4')).toEqual([8n, 3n]);
    trap('ecall', { mode: 'supervisor' });
    expect(registers('a0', 'a4')).toEqual([9n, 3n]);
  });
});

describe('entering M-mode (§3.1.6.1)', () => {
  it.each([
    ['user', 0n],
    ['supervisor', 1n],
    ['machine', 3n],
  ] as const)('from %s mode: MPP says so, MIE goes to MPIE', (mode, mpp) => {
    trap('ecall', { mode, mstatus: status.mie });
    expect(machine.mode).toBe(3);
    expect(machine.x('a3') & (status.mpp | status.mpie | status.mie)).toBe((mpp << 11n) | status.mpie);
    trap('ecall', { mode, mstatus: status.mpie });
    expect(machine.x('a3') & (status.mpie | status.mie)).toBe(0n);
  });

  it('leaves the supervisor’s fields alone', () => {
    const kept = status.sie | status.spie | status.spp;
    trap('ecall', { mode: 'user', mstatus: kept });
    expect(machine.x('a3') & kept).toBe(kept);
  });

  it('§3.1.7: exceptions go to the base, vectored or not', () => {
    trap('ecall', { vectored: true });
    expect(registers('a0', 'a4')).toEqual([11n, 3n]);
  });
});

describe('delegation (§3.1.8)', () => {
  it.each([
    ['user', 0n],
    ['supervisor', status.spp],
  ] as const)('from %s mode to S: SPP says so, SIE goes to SPIE, M’s registers stay', (mode, spp) => {
    trap('ebreak', { mode, medeleg: 1 << 3, mstatus: status.sie | status.mie });
    expect(registers('a0', 'a1', 'a2', 'a4')).toEqual([3n, BigInt(start), BigInt(start), 1n]);
    expect(machine.mode).toBe(1);
    expect(machine.x('a3') & (status.spp | status.spie | status.sie)).toBe(spp | status.spie);
    machine.execute('csrr a0, mcause\ncsrr a1, mepc\ncsrr a2, mstatus\nstop');
    expect([machine.x('a0'), machine.x('a1'), machine.x('a2') & status.mie]).toEqual([0n, 0n, status.mie]);
  });

  it('never from M-mode', () => {
    trap('ebreak', { medeleg: 0xffff });
    expect(registers('a0', 'a4')).toEqual([3n, 3n]);
  });

  it('by cause: what is not delegated goes to M', () => {
    trap('ecall', { mode: 'user', medeleg: 0xffff & ~(1 << 8) });
    expect(registers('a0', 'a4')).toEqual([8n, 3n]);
  });

  it('§10.1.2: exceptions go to stvec’s base, vectored or not', () => {
    trap('ecall', { mode: 'user', medeleg: 1 << 8, vectored: true });
    expect(registers('a0', 'a4')).toEqual([8n, 1n]);
  });
});

describe('mret (§3.1.6.1, §3.3.2)', () => {
  const back = (mstatus: bigint): string =>
    `la t0, there\ncsrw mepc, t0\nli t0, ${mstatus}\ncsrw mstatus, t0\nmret\nthere:\nstop`;
  const mstatusNow = (): bigint => {
    machine.execute('csrr a0, mstatus\nstop');
    return machine.x('a0');
  };
  beforeEach(() => {
    machine.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    machine.hart.mmu.pmp.setConfiguration(0, 0x1f);
  });

  it.each([0, 1, 3])('goes to the mode in MPP: %d', (mode) => {
    machine.execute(back(BigInt(mode) << 11n));
    expect(machine.mode).toBe(mode);
  });

  it('takes MIE from MPIE, sets MPIE, and leaves MPP = U', () => {
    machine.execute(back(status.mpp | status.mpie));
    expect(mstatusNow() & (status.mie | status.mpie | status.mpp)).toBe(status.mie | status.mpie);
    machine.execute(back(status.mpp | status.mie));
    expect(mstatusNow() & (status.mie | status.mpie | status.mpp)).toBe(status.mpie);
  });

  it('clears MPRV on the way to a lower mode, and keeps it on the way to M', () => {
    machine.execute(back(status.mprv | (1n << 11n)));
    expect(mstatusNow() & status.mprv).toBe(0n);
    machine.execute(back(status.mprv | status.mpp));
    // MPP is U now, and MPRV counts for data alone: the program goes on.
    expect(mstatusNow() & status.mprv).toBe(status.mprv);
  });

  it.each(['user', 'supervisor'] as const)('is illegal in %s mode', (mode) => {
    trap('mret', { mode });
    expect(registers('a0', 'a2')).toEqual([2n, BigInt(encode('mret'))]);
  });
});

describe('sret (§10.1.1, §3.1.6.5)', () => {
  const back = (mstatus: bigint): string =>
    `la t0, there\ncsrw sepc, t0\nli t0, ${mstatus}\ncsrs sstatus, t0\nsret\nthere:\nstop`;

  it.each([
    ['supervisor', status.spp, 1],
    ['supervisor', 0n, 0],
    ['machine', status.spp, 1],
    ['machine', 0n, 0],
  ] as const)('from %s mode with SPP %d goes to mode %d', (mode, spp, to) => {
    trap(back(spp), { mode });
    expect(machine.mode).toBe(to);
  });

  it('takes SIE from SPIE, sets SPIE, leaves SPP = U and the machine’s fields', () => {
    trap(back(status.spp | status.spie), { mode: 'supervisor', mstatus: status.mpie | status.mpp });
    machine.execute('csrr a0, mstatus\nstop');
    const fields = status.sie | status.spie | status.spp | status.mpie | status.mpp;
    expect(machine.x('a0') & fields).toBe(status.sie | status.spie | status.mpie | status.mpp);
  });

  it('§3.1.6.3: from M-mode it clears MPRV', () => {
    trap(back(status.spp), { mode: 'machine', mstatus: status.mprv | status.mpp });
    machine.execute('csrr a0, mstatus\nstop');
    expect(machine.x('a0') & status.mprv).toBe(0n);
  });

  it('is illegal in U-mode, and in S-mode with TSR', () => {
    trap('sret', { mode: 'user' });
    expect(registers('a0', 'a2')).toEqual([2n, BigInt(encode('sret'))]);
    trap('sret', { mode: 'supervisor', mstatus: 1n << 22n });
    expect(registers('a0', 'a4')).toEqual([2n, 3n]);
  });
});

describe('sfence.vma and wfi by mode (§3.1.6.5, §3.3.3)', () => {
  it.each(['sfence.vma x0, x0', 'wfi'])('%s is illegal in U-mode', (text) => {
    trap(text, { mode: 'user' });
    expect(registers('a0')).toEqual([2n]);
  });

  it('wfi is illegal in S-mode with TW', () => {
    trap('wfi', { mode: 'supervisor', mstatus: 1n << 21n });
    expect(registers('a0', 'a2')).toEqual([2n, BigInt(encode('wfi'))]);
  });
});

describe('a machine that is the SBI itself', () => {
  it('takes calls from S-mode in place of a handler, and goes on behind them', () => {
    const calls: bigint[] = [];
    const firmware = new TestHart({
      ramBytes: 0x1_0000,
      onSupervisorCall: () => {
        calls.push(firmware.x('a7'));
        firmware.setX('a0', 5n);
      },
    });
    firmware.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    firmware.hart.mmu.pmp.setConfiguration(0, 0x1f);
    firmware.execute('li a7, 16\necall\nmv a1, a0\nli a7, 17\necall\nstop', { mode: 'supervisor' });
    expect([calls, firmware.x('a1'), firmware.mode]).toEqual([[16n, 17n], 5n, 1]);
  });

  it('leaves calls from U-mode to the guest', () => {
    const firmware = new TestHart({ ramBytes: 0x1_0000, onSupervisorCall: () => expect.fail('called') });
    firmware.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    firmware.hart.mmu.pmp.setConfiguration(0, 0x1f);
    firmware.put('csrr a0, scause\nstop', handlers.supervisor);
    firmware.execute(`li t0, ${handlers.supervisor}\ncsrw stvec, t0\nli t0, 0x100\ncsrw medeleg, t0\nstop`);
    firmware.execute('ecall', { base: start, mode: 'user' });
    expect(firmware.x('a0')).toBe(8n);
  });
});

describe('a hart that gets nowhere', () => {
  it('is stuck when its handler cannot be fetched', () => {
    const hart = new TestHart({ ramBytes: 0x1_0000 });
    hart.load('li t0, 0x40000000\ncsrw mtvec, t0\necall');
    expect(hart.run(1000)).toBe('stuck');
    expect(hart.hart.retired()).toBe(2);
  });

  it('is stuck when its handler begins with an illegal instruction', () => {
    const hart = new TestHart({ ramBytes: 0x1_0000 });
    hart.load(`li t0, ${ramBase + 0x800}\ncsrw mtvec, t0\necall`);
    expect(hart.run(1000)).toBe('stuck');
  });

  it('is stuck when its handler traps in itself, some instructions later, without end', () => {
    const hart = new TestHart({ ramBytes: 0x1_0000 });
    hart.put('addi a0, a0, 1\necall', ramBase + 0x800);
    hart.load(`li t0, ${ramBase + 0x800}\ncsrw mtvec, t0\necall`);
    expect(hart.run(10_000_000)).toBe('stuck');
    expect(hart.x('a0')).toBe(99_999n);
  });

  it('is not when it returns from each trap, however many there are', () => {
    const hart = new TestHart({ ramBytes: 0x1_0000 });
    hart.put('csrr t1, mepc\naddi t1, t1, 4\ncsrw mepc, t1\nmret', ramBase + 0x800);
    hart.load(`
      li t0, ${ramBase + 0x800}
      csrw mtvec, t0
      li t0, 0x1800
      li a0, 120000
    again:
      csrs mstatus, t0
      ecall
      addi a0, a0, -1
      bnez a0, again
      stop`);
    hart.runToStop(2_000_000);
    expect(hart.x('a0')).toBe(0n);
  });

  it('is not when S-mode returns from each', () => {
    const hart = new TestHart({ ramBytes: 0x1_0000 });
    hart.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    hart.hart.mmu.pmp.setConfiguration(0, 0x1f);
    hart.put('csrr t1, sepc\naddi t1, t1, 4\ncsrw sepc, t1\nsret', ramBase + 0x800);
    hart.load(`
      li t0, ${ramBase + 0x800}
      csrw stvec, t0
      li t0, 8
      csrw medeleg, t0
      la t0, again
      csrw mepc, t0
      li a0, 120000
      mret
    again:
      ebreak
      addi a0, a0, -1
      bnez a0, again
      stop`);
    hart.runToStop(2_000_000);
    expect(hart.x('a0')).toBe(0n);
  });
});
