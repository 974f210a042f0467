// The RISC-V Instruction Set Manual, Volume II (20240411), §3.1.6.1, §3.1.9, §3.3.3 and §10.1.3; chapter 12 (Sstc).
import { beforeEach, describe, expect, it } from 'vitest';
import { deviceBase, ramBase, TestHart } from './test-hart.ts';

const machine = new TestHart({ ramBytes: 0x1_0000 });
beforeEach(() => {
  machine.reset();
  machine.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
  machine.hart.mmu.pmp.setConfiguration(0, 0x1f);
  machine.put('csrr a0, mcause\ncsrr a1, mepc\ncsrr a2, mtval\nli a4, 3\nstop', handlers.machine);
  machine.put('csrr a0, scause\ncsrr a1, sepc\ncsrr a2, stval\nli a4, 1\nstop', handlers.supervisor);
});

const handlers = { machine: ramBase + 0x800, supervisor: ramBase + 0xc00 };
const start = ramBase + 0x1000;
const interrupt = 1n << 63n;
const [ssi, msi, sti, mti, sei, mei] = [1, 3, 5, 7, 9, 11] as const;
const all = [ssi, msi, sti, mti, sei, mei];
const registers = (...names: string[]): bigint[] => names.map((name) => machine.x(name));

interface Setup {
  readonly mie?: number;
  readonly mideleg?: number;
  /** Bits of mstatus. */
  readonly mstatus?: number;
  readonly vectored?: boolean;
}
const sieBit = 2;
const mieBit = 8;

function set({ mie = 0xaaa, mideleg = 0, mstatus = 0, vectored = false }: Setup): void {
  machine.execute(`
    li t0, ${handlers.machine + Number(vectored)}
    csrw mtvec, t0
    li t0, ${handlers.supervisor + Number(vectored)}
    csrw stvec, t0
    li t0, ${mideleg}
    csrw mideleg, t0
    li t0, ${mstatus & ~mieBit}
    csrw mstatus, t0
    li t0, ${mie}
    csrw mie, t0
    ${(mstatus & mieBit) === 0 ? '' : 'csrsi mstatus, 8'}
    stop`);
  machine.setX('a4', 0n);
}

describe('which interrupt is taken (§3.1.9)', () => {
  it('of those that wait together: MEI, MSI, MTI, SEI, SSI, STI', () => {
    const order = [mei, msi, mti, sei, ssi, sti];
    for (let subset = 1; subset < 64; subset += 1) {
      machine.reset();
      machine.put('csrr a0, mcause\nstop', handlers.machine);
      const waiting = order.filter((_, index) => ((subset >> index) & 1) === 1);
      for (const code of waiting) machine.hart.setLine(code, true);
      machine.execute(`li t0, ${handlers.machine}\ncsrw mtvec, t0\nli t0, -1\ncsrw mie, t0\ncsrsi mstatus, 8\nstop`);
      expect([waiting, machine.x('a0')]).toEqual([waiting, interrupt | BigInt(waiting[0]!)]);
    }
  });

  it('those for M-mode come before those for S-mode', () => {
    set({ mideleg: 1 << sei });
    machine.hart.setLine(sei, true);
    machine.hart.setLine(sti, true);
    machine.execute('nop\nstop', { base: start, mode: 'user' });
    expect(registers('a0', 'a4')).toEqual([interrupt | BigInt(sti), 3n]);
  });

  it('only what mie has', () => {
    set({ mie: 1 << mti, mstatus: mieBit });
    machine.hart.setLine(mei, true);
    machine.hart.setLine(mti, true);
    machine.execute('nop\nstop', { base: start });
    expect(registers('a0')).toEqual([interrupt | BigInt(mti)]);
  });
});

describe('when an interrupt is taken (§3.1.6.1)', () => {
  const taken = (mode: 'user' | 'supervisor' | 'machine', code: number, setup: Setup): number => {
    set(setup);
    machine.hart.setLine(code, true);
    machine.execute('nop\nnop\nstop', { base: start, mode });
    return Number(machine.x('a4'));
  };

  it.each(all)('%d for M: in M-mode with MIE only, in S and U always', (code) => {
    expect(taken('machine', code, {})).toBe(0);
    machine.hart.setLine(code, false);
    expect(taken('machine', code, { mstatus: mieBit })).toBe(3);
    machine.hart.setLine(code, false);
    expect(taken('supervisor', code, {})).toBe(3);
    machine.hart.setLine(code, false);
    expect(taken('user', code, {})).toBe(3);
  });

  it.each([ssi, sti, sei])('%d delegated: in S-mode with SIE only, in U always, in M never', (code) => {
    const mideleg = 1 << code;
    expect(taken('supervisor', code, { mideleg })).toBe(0);
    machine.hart.setLine(code, false);
    expect(taken('supervisor', code, { mideleg, mstatus: sieBit })).toBe(1);
    machine.hart.setLine(code, false);
    expect(taken('user', code, { mideleg })).toBe(1);
    machine.hart.setLine(code, false);
    expect(taken('machine', code, { mideleg, mstatus: mieBit | sieBit })).toBe(0);
  });

  it('leaves the address of the next instruction and no value', () => {
    expect(taken('user', mei, {})).toBe(3);
    expect(registers('a0', 'a1', 'a2')).toEqual([interrupt | 11n, BigInt(start), 0n]);
  });

  it.each([
    ['machine', {}, handlers.machine],
    ['supervisor', { mideleg: 0x222 }, handlers.supervisor],
  ] as const)('§3.1.7, §10.1.2: vectored, in %s mode, to 4 * cause behind the base', (_, setup, base) => {
    machine.put('li a3, 77\nstop', base + 4 * sei);
    set({ ...setup, vectored: true });
    machine.hart.setLine(sei, true);
    machine.execute('nop\nstop', { base: start, mode: 'user' });
    expect(machine.x('a3')).toBe(77n);
  });

  it('is not taken any more when its line has gone down', () => {
    set({});
    machine.hart.setLine(mei, true);
    machine.hart.setLine(mei, false);
    machine.execute('nop\nstop', { base: start, mode: 'user' });
    expect(machine.x('a4')).toBe(0n);
  });
});

describe('an interrupt is taken right behind what allows it', () => {
  const behind = (text: string, mode: 'machine' | 'supervisor'): void => {
    const program = machine.put(`${text}\nhere:\nli a5, 1\nstop`, start);
    machine.setX('a5', 0n);
    machine.start(program.base, mode);
    machine.runToStop();
    expect(registers('a1', 'a5')).toEqual([program.symbol('here'), 0n]);
  };

  it('csrs mstatus', () => {
    set({});
    machine.hart.setLine(mti, true);
    behind('csrsi mstatus, 8', 'machine');
  });

  it('csrs sstatus', () => {
    set({ mideleg: 0x222 });
    machine.hart.setLine(sei, true);
    behind('csrsi sstatus, 2', 'supervisor');
  });

  it('csrw mie, and rd is written', () => {
    set({ mie: 0, mstatus: mieBit });
    machine.hart.setLine(mti, true);
    behind(`li t0, ${1 << mti}\ncsrrw t0, mie, t0`, 'machine');
    expect(machine.x('t0')).toBe(0n);
  });

  it('csrw mip', () => {
    set({ mstatus: mieBit });
    behind('csrsi mip, 2', 'machine');
    expect(machine.x('a0')).toBe(interrupt | 1n);
  });

  it('csrs sip', () => {
    set({ mideleg: 0x222, mstatus: sieBit });
    behind('csrsi sip, 2', 'supervisor');
    expect(registers('a0', 'a4')).toEqual([interrupt | 1n, 1n]);
  });

  it('csrw mideleg: what was the supervisor’s comes to M-mode', () => {
    set({ mideleg: 0x222, mstatus: mieBit });
    machine.hart.setLine(sei, true);
    behind('csrw mideleg, x0', 'machine');
  });

  it('sret', () => {
    set({ mideleg: 0x222 });
    machine.hart.setLine(sei, true);
    behind('la t0, here\ncsrw sepc, t0\nli t0, 0x120\ncsrs sstatus, t0\nsret', 'supervisor');
  });

  it('mret', () => {
    set({});
    machine.hart.setLine(mei, true);
    behind('la t0, here\ncsrw mepc, t0\nli t0, 0x80\ncsrs mstatus, t0\nmret', 'machine');
  });

  it('a store to a device that raises the line', () => {
    set({ mstatus: mieBit });
    machine.device.onStore = () => machine.hart.setLine(mei, true);
    behind(`li t0, ${deviceBase}\nsw x0, 0(t0)`, 'machine');
  });

  it('a compressed store to a device that raises the line', () => {
    set({ mstatus: mieBit });
    machine.device.onStore = () => machine.hart.setLine(mei, true);
    behind(`li a3, ${deviceBase}\nc.sw a3, 0(a3)`, 'machine');
  });
});

describe('wfi (§3.3.3)', () => {
  it('waits, having been retired', () => {
    set({ mie: 1 << mti });
    const { base } = machine.load('wfi\nli a5, 1\nstop', { base: start });
    const before = machine.hart.retired();
    expect(machine.run(100)).toBe('waiting');
    expect([machine.pc, machine.hart.retired() - before]).toEqual([base + 4n, 1]);
    expect([machine.run(100), machine.pc]).toEqual(['waiting', base + 4n]);
  });

  it('goes on for what mie has, though it may not be taken', () => {
    set({ mie: 1 << mti });
    machine.load('wfi\nli a5, 1\nstop', { base: start });
    machine.run(100);
    machine.hart.setLine(mei, true);
    expect([machine.hart.hasPending(), machine.run(100)]).toEqual([false, 'waiting']);
    machine.hart.setLine(mti, true);
    expect(machine.hart.hasPending()).toBe(true);
    machine.runToStop();
    expect(registers('a5', 'a4')).toEqual([1n, 0n]);
  });

  it('does not care for delegation or for the mode’s own enable', () => {
    set({ mideleg: 1 << sei });
    machine.load('wfi\nli a5, 1\nstop', { base: start, mode: 'supervisor' });
    expect(machine.run(100)).toBe('waiting');
    machine.hart.setLine(sei, true);
    machine.runToStop();
    expect(machine.x('a5')).toBe(1n);
  });

  it('is followed by the interrupt where that is on', () => {
    set({ mstatus: mieBit });
    const { base } = machine.load('wfi\nstop', { base: start });
    expect(machine.run(100)).toBe('waiting');
    machine.hart.setLine(mti, true);
    machine.runToStop();
    expect(registers('a0', 'a1')).toEqual([interrupt | 7n, base + 4n]);
  });

  it('does not wait when something is pending already', () => {
    set({ mie: 1 << mti });
    machine.hart.setLine(mti, true);
    machine.execute('wfi\nli a5, 1\nstop', { base: start });
    expect(machine.x('a5')).toBe(1n);
  });
});

describe('a stopped hart', () => {
  it('executes nothing and takes no interrupt until it is started', () => {
    set({ mstatus: mieBit });
    machine.load('li a5, 1\nstop', { base: start });
    machine.hart.stopped = true;
    machine.hart.setLine(mei, true);
    expect([machine.run(10), machine.x('a5'), machine.x('a4')]).toEqual(['waiting', 0n, 0n]);
    machine.hart.setLine(mei, false);
    machine.hart.stopped = false;
    machine.runToStop();
    expect(machine.x('a5')).toBe(1n);
  });
});

describe('Sstc (chapter 12)', () => {
  const on = 'li t1, 1\nslli t1, t1, 63\ncsrs menvcfg, t1\ncsrsi mcounteren, 2';
  const stip = (): bigint => {
    machine.execute('csrr a3, mip\nstop');
    return (machine.x('a3') >> 5n) & 1n;
  };

  it('STIP is time >= stimecmp, which begins at the end of time', () => {
    machine.ticks = 1000;
    machine.execute(`${on}\nstop`);
    expect([stip(), machine.hart.timerDeadline()]).toEqual([0n, 2 ** 64]);
    machine.execute('li t0, 1001\ncsrw stimecmp, t0\ncsrr a0, stimecmp\nstop');
    expect([machine.x('a0'), stip(), machine.hart.timerDeadline()]).toEqual([1001n, 0n, 1001]);
    machine.ticks = 1001;
    machine.hart.checkTimer();
    expect([stip(), machine.hart.timerDeadline()]).toEqual([1n, Number.POSITIVE_INFINITY]);
    machine.execute('li t0, 1002\ncsrw stimecmp, t0\nstop');
    expect(stip()).toBe(0n);
  });

  it('compares without sign', () => {
    machine.ticks = 5;
    machine.execute(`${on}\nli t0, -1\ncsrw stimecmp, t0\nstop`);
    expect(stip()).toBe(0n);
  });

  it('software can not write STIP while STCE is on, and can while it is off', () => {
    const read = (name: string): string => `csrr ${name}, mip\nandi ${name}, ${name}, 0x20`;
    machine.execute(`
      ${on}
      li t0, 0x20
      csrs mip, t0
      ${read('a0')}
      csrw stimecmp, x0
      csrc mip, t0
      ${read('a1')}
      csrw menvcfg, x0
      csrc mip, t0
      ${read('a2')}
      csrs mip, t0
      ${read('a3')}
      stop`);
    expect(registers('a0', 'a1', 'a2', 'a3')).toEqual([0n, 0x20n, 0n, 0x20n]);
  });

  it('an interrupt that is due is taken right behind the write of stimecmp', () => {
    set({ mideleg: 0x222, mstatus: sieBit });
    machine.ticks = 50;
    machine.execute(`${on}\nstop`);
    const program = machine.load('csrw stimecmp, x0\nhere:\nli a5, 1\nstop', { base: start, mode: 'supervisor' });
    machine.runToStop();
    expect(registers('a0', 'a1', 'a4', 'a5')).toEqual([interrupt | 5n, program.symbol('here'), 1n, 0n]);
  });

  it('turning STCE on compares at once', () => {
    machine.execute('csrw stimecmp, x0\nstop');
    expect(stip()).toBe(0n);
    machine.execute(`${on}\nstop`);
    expect(stip()).toBe(1n);
  });

  it.each([
    ['without STCE', 'csrsi mcounteren, 2', 'supervisor', true],
    ['without mcounteren.TM', 'li t1, 1\nslli t1, t1, 63\ncsrs menvcfg, t1', 'supervisor', true],
    ['with both', on, 'supervisor', false],
    ['with both', on, 'user', true],
    ['without either', '', 'machine', false],
  ] as const)('stimecmp %s in a mode below', (_, setup, mode, illegal) => {
    set({ mie: 0 });
    machine.execute(`${setup}\nstop`);
    machine.execute('csrr a3, stimecmp\nstop', { base: start, mode });
    expect(machine.x('a4')).toBe(illegal ? 3n : 0n);
  });

  it('without STCE it asks for nothing', () => {
    machine.execute('csrw stimecmp, x0\nstop');
    machine.ticks = 10;
    machine.hart.checkTimer();
    expect([stip(), machine.hart.timerDeadline()]).toEqual([0n, Number.POSITIVE_INFINITY]);
  });

  it('ends a wait: wfi looks at the time itself', () => {
    set({ mie: 1 << sti });
    machine.execute(`${on}\nli t0, 10\ncsrw stimecmp, t0\nstop`);
    machine.load('wfi\nli a5, 1\nstop', { base: start, mode: 'supervisor' });
    machine.ticks = 9;
    expect(machine.run(10)).toBe('waiting');
    machine.ticks = 10;
    machine.hart.checkTimer();
    machine.runToStop();
    expect(machine.x('a4')).toBe(3n);
    machine.load('wfi\nli a5, 2\nstop', { base: start });
    machine.runToStop();
    expect(machine.x('a5')).toBe(2n);
  });
});

describe('the supervisor timer without Sstc', () => {
  it('is set and cleared by the firmware', () => {
    set({ mideleg: 0x222, mstatus: sieBit });
    machine.hart.setSoftwarePending(sti, true);
    machine.execute('nop\nstop', { base: start, mode: 'supervisor' });
    expect(registers('a0', 'a4')).toEqual([interrupt | 5n, 1n]);
    machine.hart.setSoftwarePending(sti, false);
    machine.execute('csrr a3, mip\nstop');
    expect(machine.x('a3')).toBe(0n);
  });
});
