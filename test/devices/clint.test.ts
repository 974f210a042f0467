// SiFive FU540-C000 manual v1p4, chapter 9; RISC-V privileged architecture 20211203, §3.2.1.
import { expect, test } from 'vitest';
import { Clint } from '../../devices/clint.ts';
import { StandingClock, Wire } from '../board-parts.ts';

const mtime = 0xbff8;
const msip = (hart: number): number => 4 * hart;
const mtimecmp = (hart: number): number => 0x4000 + 8 * hart;

function makeClint(count = 2) {
  const clock = new StandingClock();
  const harts = Array.from({ length: count }, () => ({ software: new Wire(), timer: new Wire() }));
  return { clock, harts, clint: new Clint({ clock, harts }) };
}

test('§9: after reset no interrupt is pending and none will come', () => {
  const { clint, harts, clock } = makeClint();
  clock.now = 2 ** 50;
  clint.update();
  expect(harts.some(({ software, timer }) => software.level || timer.level)).toBe(false);
  expect(clint.nextEvent()).toBe(Infinity);
});

test('§9.2: msip has one bit per hart, which is that hart’s MSIP', () => {
  const { clint, harts } = makeClint();
  clint.write(msip(1), 4, 0xffff_ffff);
  expect([clint.read(msip(0), 4), clint.read(msip(1), 4)]).toEqual([0, 1]);
  expect(harts.map(({ software }) => software.level)).toEqual([false, true]);
  clint.write(msip(1), 4, 0xffff_fffe);
  expect(harts.map(({ software }) => software.level)).toEqual([false, false]);
});

test('§3.2.1: mtime counts the timebase', () => {
  const { clint, clock } = makeClint();
  clock.now = 0x1_2345_6789;
  expect(clint.read64(mtime)).toBe(0x1_2345_6789n);
  expect([clint.read(mtime, 4), clint.read(mtime + 4, 4)]).toEqual([0x2345_6789, 1]);
  expect(clint.time()).toBe(0x1_2345_6789);
});

test('§3.2.1: MTIP is pending whenever mtime is greater than or equal to mtimecmp', () => {
  const { clint, clock, harts } = makeClint();
  clint.write64(mtimecmp(1), 1000n);
  const levels = [999, 1000, 1001].map((now) => {
    clock.now = now;
    clint.update();
    return harts.map(({ timer }) => timer.level);
  });
  expect(levels).toEqual([
    [false, false],
    [false, true],
    [false, true],
  ]);
});

test('§3.2.1: MTIP stays until mtimecmp is written beyond mtime', () => {
  const { clint, clock, harts } = makeClint();
  clock.now = 50;
  clint.write64(mtimecmp(0), 10n);
  expect(harts[0]!.timer.level).toBe(true);
  clint.write64(mtimecmp(0), 51n);
  expect(harts[0]!.timer.level).toBe(false);
});

test('§3.2.1: mtimecmp written in 32-bit halves, upper half all ones first, raises nothing in between', () => {
  const { clint, clock, harts } = makeClint();
  clock.now = 100;
  clint.write(mtimecmp(0), 4, 0xffff_ffff);
  clint.write(mtimecmp(0) + 4, 4, 1);
  clint.write(mtimecmp(0), 4, 5);
  expect(harts[0]!.timer.rises).toBe(0);
  expect(clint.read64(mtimecmp(0))).toBe(0x1_0000_0005n);
  expect(clint.nextEvent()).toBe(0x1_0000_0005);
});

test('nextEvent is the nearest deadline that is still ahead', () => {
  const { clint, clock } = makeClint(3);
  clint.write64(mtimecmp(0), 300n);
  clint.write64(mtimecmp(1), 200n);
  clint.write64(mtimecmp(2), 100n);
  clock.now = 150;
  expect(clint.nextEvent()).toBe(200);
  clock.now = 200;
  expect(clint.nextEvent()).toBe(300);
  clock.now = 300;
  expect(clint.nextEvent()).toBe(Infinity);
});

test('§3.2.1: mtime can be written, deadlines follow', () => {
  const { clint, clock, harts } = makeClint();
  clock.now = 500;
  clint.write64(mtimecmp(0), 1000n);
  clint.write64(mtime, 900n);
  expect(clint.time()).toBe(900);
  expect(clint.nextEvent()).toBe(600);
  clint.write(mtime, 4, 1000);
  expect(harts[0]!.timer.level).toBe(true);
  clock.now = 510;
  expect(clint.read64(mtime)).toBe(1010n);
});

test('a mtime beyond 2^53 is exact too', () => {
  const { clint, clock } = makeClint();
  clint.write64(mtime, 2n ** 63n + 1n);
  clock.now = 2;
  expect(clint.read64(mtime)).toBe(2n ** 63n + 3n);
});

test('bytes and half-words of a register read and write in place', () => {
  const { clint } = makeClint();
  clint.write64(mtimecmp(0), 0x1122_3344_5566_7788n);
  expect([clint.read(mtimecmp(0) + 1, 1), clint.read(mtimecmp(0) + 6, 2)]).toEqual([0x77, 0x1122]);
  clint.write(mtimecmp(0) + 7, 1, 0xff);
  clint.write(mtimecmp(0) + 2, 2, 0xabcd);
  expect(clint.read64(mtimecmp(0))).toBe(0xff22_3344_abcd_7788n);
});

test('registers of harts that do not exist read 0 and ignore writes', () => {
  const { clint } = makeClint(1);
  for (const offset of [msip(1), mtimecmp(1), 0xbff0]) {
    clint.write(offset, 4, 0xffff_ffff);
    expect(clint.read(offset, 4)).toBe(0);
  }
  clint.write64(mtimecmp(1), 7n);
  expect(clint.read64(mtimecmp(1))).toBe(0n);
  clint.write64(msip(0), 0x1_0000_0001n);
  expect(clint.read64(msip(0))).toBe(1n);
});
