// The RISC-V Instruction Set Manual, Volume I (20240411), §2.6 and chapter 14; Volume II (20240411), table 14 and §3.1.16.
import { beforeEach, describe, expect, it } from 'vitest';
import { deviceBase, ramBase, TestHart } from './test-hart.ts';

const ramBytes = 0x1_0000;
const ramEnd = ramBase + ramBytes;
const machine = new TestHart({ ramBytes });
beforeEach(() => machine.reset());

/** Runs one access and its handler: what the trap was, or that there was none. */
function trapOf(access: string, address: number | bigint): { cause: bigint; tval: bigint } | undefined {
  machine.execute(`
    la t0, handler
    csrw mtvec, t0
    li a0, ${address}
    li a1, 0x1122334455667788
    li a2, -1
    ${access}
    stop
    .align 4
  handler:
    csrr a2, mcause
    csrr a3, mtval
    stop`);
  return machine.x('a2') === 2n ** 64n - 1n ? undefined : { cause: machine.x('a2'), tval: machine.x('a3') };
}

describe('misaligned loads and stores (Volume I, §2.6)', () => {
  const base = ramBase + 0x4000;

  it.each([1, 2, 3, 5, 7, 0xff9, 0xffb, 0xffd, 0xfff])('a doubleword at offset %d is what its bytes are', (offset) => {
    for (let index = 0; index < 24; index += 1) machine.write(base + offset - 8 + index, 1, BigInt(0x80 + index));
    machine.execute(`li a0, ${base + offset}\nld a1, 0(a0)\nstop`);
    expect(machine.x('a1')).toBe(0x8f8e_8d8c_8b8a_8988n);
  });

  it.each([
    ['lh', 0xffff_ffff_ffff_8281n],
    ['lhu', 0x8281n],
    ['lw', 0xffff_ffff_8483_8281n],
    ['lwu', 0x8483_8281n],
    ['ld', 0x8887_8685_8483_8281n],
  ])('%s across two pages extends its sign as in one', (name, value) => {
    for (let index = 0; index < 8; index += 1) machine.write(base + 0xfff + index, 1, BigInt(0x81 + index));
    machine.execute(`li a0, ${base + 0xfff}\n${name} a1, 0(a0)\nstop`);
    expect(machine.x('a1')).toBe(value);
  });

  it.each([
    ['sh', 2],
    ['sw', 4],
    ['sd', 8],
  ])('%s across two pages writes its bytes and no others', (name, size) => {
    for (const offset of Array.from({ length: size - 1 }, (_, index) => 0x1000 - 1 - index)) {
      machine.ram.fill(0xee, 0x4000, 0x6000);
      machine.execute(`li a0, ${base + offset}\nli a1, 0x0807060504030201\n${name} a1, 0(a0)\nstop`);
      const bytes = [...machine.ram.subarray(0x4000 + offset - 1, 0x4000 + offset + size + 1)];
      expect(bytes).toEqual([0xee, ...Array.from({ length: size }, (_, index) => index + 1), 0xee]);
    }
  });

  it('flw and fsd across two pages move all of their bytes', () => {
    machine.write(base + 0xffe, 4, 0x4049_0fdbn);
    machine.execute(`
      li t0, 0x6000
      csrs mstatus, t0
      li a0, ${base + 0xffe}
      li a1, ${base + 0x1ffc}
      flw ft0, 0(a0)
      fsd ft0, 0(a1)
      stop`);
    expect(machine.f('ft0')).toBe(0xffff_ffff_4049_0fdbn);
    expect(machine.read(base + 0x1ffc, 8)).toBe(0xffff_ffff_4049_0fdbn);
  });
});

describe('access faults (Volume II, table 14)', () => {
  it.each([
    ['lb a1, 0(a0)', 5n],
    ['ld a1, 0(a0)', 5n],
    ['sb a1, 0(a0)', 7n],
    ['sd a1, 0(a0)', 7n],
    ['lr.w a1, (a0)', 5n],
    ['sc.w a1, a1, (a0)', 7n],
    ['amoadd.d a1, a1, (a0)', 7n],
  ])('%s where nothing is: cause %d', (access, cause) => {
    expect(trapOf(access, 0x4000_0000)).toEqual({ cause, tval: 0x4000_0000n });
  });

  it('the load does not happen: rd keeps its value', () => {
    expect(trapOf('ld a1, 0(a0)', 0x4000_0000)).toBeDefined();
    expect(machine.x('a1')).toBe(0x1122_3344_5566_7788n);
  });

  it('xtval is the part that is at fault: the second page', () => {
    expect(trapOf('ld a1, 0(a0)', ramEnd - 4)).toEqual({ cause: 5n, tval: BigInt(ramEnd) });
    expect(trapOf('sd a1, 0(a0)', ramEnd - 1)).toEqual({ cause: 7n, tval: BigInt(ramEnd) });
  });

  it('xtval is the part that is at fault: the first page, though the second is RAM', () => {
    expect(trapOf('ld a1, 0(a0)', ramBase - 4)).toEqual({ cause: 5n, tval: BigInt(ramBase - 4) });
    expect(trapOf('sh a1, 0(a0)', ramBase - 1)).toEqual({ cause: 7n, tval: BigInt(ramBase - 1) });
  });

  it('a store that faults in its second page has stored nothing in the first', () => {
    machine.write(ramEnd - 8, 8, 0x5555_5555_5555_5555n);
    expect(trapOf('sd a1, 0(a0)', ramEnd - 4)).toBeDefined();
    expect(machine.read(ramEnd - 8, 8)).toBe(0x5555_5555_5555_5555n);
  });

  it('addresses have 56 bits where nothing is translated', () => {
    const address = BigInt(ramBase) + 2n ** 56n;
    expect(trapOf('ld a1, 0(a0)', address)).toEqual({ cause: 5n, tval: address });
  });

  it('the address space ends where it begins: the last bytes of it and the first are no RAM', () => {
    expect(trapOf('ld a1, 0(a0)', -4n)).toEqual({ cause: 5n, tval: 2n ** 64n - 4n });
  });
});

describe('devices', () => {
  it('get loads and stores of every size, with the value', () => {
    machine.execute(`
      li a0, ${deviceBase}
      li a1, 0x1122334455667788
      sb a1, 1(a0)
      sh a1, 2(a0)
      sw a1, 4(a0)
      sd a1, 8(a0)
      lb a2, 3(a0)
      lhu a3, 6(a0)
      lw a4, 12(a0)
      ld a5, 16(a0)
      stop`);
    const stores = ['store 1 1 88', 'store 2 2 7788', 'store 4 4 55667788', 'store 8 8 1122334455667788'];
    expect(machine.device.seen).toEqual([...stores, 'load 3 1', 'load 6 2', 'load c 4', 'load 10 8']);
    expect(['a2', 'a3', 'a4', 'a5'].map((name) => machine.x(name))).toEqual([
      0xffff_ffff_ffff_ff88n,
      0x7788n,
      0x5566_7788n,
      0x1122_3344_5566_7788n,
    ]);
  });

  it('take no misaligned access: an access fault, and they do not see it', () => {
    expect(trapOf('lw a1, 0(a0)', deviceBase + 2)).toEqual({ cause: 5n, tval: BigInt(deviceBase + 2) });
    expect(trapOf('sd a1, 0(a0)', deviceBase + 4)).toEqual({ cause: 7n, tval: BigInt(deviceBase + 4) });
    expect(machine.device.seen).toEqual([]);
  });

  it('take no atomic access and give no instructions', () => {
    expect(trapOf('amoswap.w a1, a1, (a0)', deviceBase)).toEqual({ cause: 7n, tval: BigInt(deviceBase) });
    expect(trapOf('lr.d a1, (a0)', deviceBase)).toEqual({ cause: 5n, tval: BigInt(deviceBase) });
    expect(trapOf('jalr x0, 0(a0)', deviceBase)).toEqual({ cause: 1n, tval: BigInt(deviceBase) });
    expect(machine.device.seen).toEqual([]);
  });

  it('are asked at each load: nothing of them is cached', () => {
    machine.execute(`li a0, ${deviceBase}\nlw a1, 0(a0)\nlw a1, 0(a0)\nstop`);
    expect(machine.device.seen).toEqual(['load 0 4', 'load 0 4']);
  });
});

describe('atomic operations (Volume I, chapter 14)', () => {
  const address = ramBase + 0x4000;

  it.each([
    ['amoswap', -5n],
    ['amoadd', 2n],
    ['amoxor', -4n],
    ['amoand', 3n],
    ['amoor', -1n],
    ['amomin', -5n],
    ['amomax', 7n],
    ['amominu', 7n],
    ['amomaxu', -5n],
  ])('%s of 7 and -5 leaves %d, in a doubleword and in a word', (name, result) => {
    machine.write(address, 8, 7n);
    machine.execute(`li a0, ${address}\nli a1, -5\n${name}.d a2, a1, (a0)\nstop`);
    expect([machine.x('a2'), machine.read(address, 8)]).toEqual([7n, BigInt.asUintN(64, result)]);
    machine.write(address, 8, 0x5555_5555_0000_0007n);
    machine.execute(`li a0, ${address}\nli a1, 0x11111111fffffffb\n${name}.w a2, a1, (a0)\nstop`);
    const word = BigInt.asUintN(32, result);
    expect([machine.x('a2'), machine.read(address, 8)]).toEqual([7n, 0x5555_5555_0000_0000n | word]);
  });

  it('an AMO of a word gives the old value sign-extended', () => {
    machine.write(address, 4, 0x8000_0000n);
    machine.execute(`li a0, ${address}\namoor.w.aqrl a2, x0, (a0)\nstop`);
    expect(machine.x('a2')).toBe(0xffff_ffff_8000_0000n);
  });

  it.each([
    ['lr.w a1, (a0)', 2, 4n],
    ['lr.d a1, (a0)', 4, 4n],
    ['sc.w a1, a1, (a0)', 1, 6n],
    ['sc.d a1, a1, (a0)', 4, 6n],
    ['amoadd.w a1, a1, (a0)', 2, 6n],
    ['amoadd.d a1, a1, (a0)', 4, 6n],
  ])('%s at offset %d is misaligned: cause %d (§14.2, §14.4; Volume II, table 14)', (access, offset, cause) => {
    // Also where the page is known already.
    machine.write(address, 8, 0n);
    const at = address + offset;
    expect(trapOf(`amoswap.w x0, x0, (a0)`, address)).toBeUndefined();
    expect(trapOf(access, at)).toEqual({ cause, tval: BigInt(at) });
  });

  it('a misaligned AMO at the end of a page is misaligned, whatever the next page is', () => {
    expect(trapOf('amoadd.d a1, a1, (a0)', ramEnd - 4)).toEqual({ cause: 6n, tval: BigInt(ramEnd - 4) });
  });

  it('SC succeeds after LR of the same address, and once only (§14.2)', () => {
    machine.execute(`
      li a0, ${address}
      li a1, 5
      lr.d t0, (a0)
      sc.d a2, a1, (a0)
      sc.d a3, a0, (a0)
      stop`);
    expect([machine.x('a2'), machine.x('a3'), machine.read(address, 8)]).toEqual([0n, 1n, 5n]);
  });

  it('SC fails without LR, to another address, and after a store in between', () => {
    machine.execute(`
      li a0, ${address}
      li a1, 5
      sc.w a2, a1, (a0)
      addi t1, a0, 8
      lr.w t0, (t1)
      sc.w a3, a1, (a0)
      lr.w t0, (a0)
      sw a1, 0(a0)
      sc.w a4, a0, (a0)
      stop`);
    expect(['a2', 'a3', 'a4'].map((name) => machine.x(name))).toEqual([1n, 1n, 1n]);
    expect(machine.read(address, 4)).toBe(5n);
  });

  it('SC fails after a device has written the word in between', () => {
    machine.device.onStore = () => machine.write(address, 4, 99n);
    machine.execute(`
      li a0, ${address}
      li a1, ${deviceBase}
      lr.w t0, (a0)
      sw x0, 0(a1)
      sc.w a2, a0, (a0)
      stop`);
    expect([machine.x('a2'), machine.read(address, 4)]).toEqual([1n, 99n]);
  });

  it('a SC that fails has given up the reservation, whatever its address', () => {
    machine.execute(`
      li a0, ${address}
      addi t1, a0, 8
      lr.w t0, (a0)
      sc.w a2, a0, (t1)
      sc.w a3, a0, (a0)
      stop`);
    expect([machine.x('a2'), machine.x('a3')]).toEqual([1n, 1n]);
  });
});
