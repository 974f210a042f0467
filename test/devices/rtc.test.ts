// Goldfish RTC as in docs/GOLDFISH-VIRTUAL-HARDWARE.TXT and QEMU's virt board.
import { expect, test } from 'vitest';
import { Rtc } from '../../devices/rtc.ts';
import { StandingClock, Wire } from '../board-parts.ts';

const [TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH] = [0x00, 0x04, 0x08, 0x0c] as const;
const [IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT] = [0x10, 0x14, 0x18, 0x1c] as const;
const wallStart = 1_700_000_000_000_000_000n;

function makeRtc(start = wallStart) {
  const clock = new StandingClock(start);
  const irq = new Wire();
  const rtc = new Rtc({ clock, irq });
  const get = (offset: number): number => rtc.read(offset, 4);
  const put = (offset: number, value: number): void => rtc.write(offset, 4, value);
  /** As Linux's driver reads the time. */
  const time = (): bigint => BigInt(get(TIME_LOW)) | (BigInt(get(TIME_HIGH)) << 32n);
  /** As Linux's driver sets it: high half first. */
  const setPair = (low: number, high: number, value: bigint): void => {
    put(high, Number(value >> 32n));
    put(low, Number(value & 0xffff_ffffn));
  };
  return { clock, irq, rtc, get, put, time, setPair };
}

test('TIME is the wall clock in nanoseconds since 1970', () => {
  const { clock, time } = makeRtc();
  clock.now = 10_000_000;
  expect(time()).toBe(wallStart + 1_000_000_000n);
});

test('reading TIME_LOW holds TIME_HIGH, so that a carry between the two reads does no harm', () => {
  const { clock, get } = makeRtc(0x1_ffff_ffffn);
  expect(get(TIME_LOW)).toBe(0xffff_ffff);
  clock.now = 1;
  expect(get(TIME_HIGH)).toBe(1);
  get(TIME_LOW);
  expect(get(TIME_HIGH)).toBe(2);
});

test('writing TIME_HIGH and TIME_LOW sets the guest’s clock, which then runs on', () => {
  const { clock, setPair, time } = makeRtc();
  setPair(TIME_LOW, TIME_HIGH, 946_684_800_000_000_000n);
  clock.now = 5;
  expect(time()).toBe(946_684_800_000_000_500n);
});

test('writing ALARM_LOW arms the alarm with ALARM_HIGH, ALARM_STATUS tells', () => {
  const { setPair, get, rtc } = makeRtc();
  const alarm = wallStart + 1_000n;
  expect(get(ALARM_STATUS)).toBe(0);
  setPair(ALARM_LOW, ALARM_HIGH, alarm);
  expect(get(ALARM_STATUS)).toBe(1);
  expect(BigInt(get(ALARM_LOW)) | (BigInt(get(ALARM_HIGH)) << 32n)).toBe(alarm);
  expect(rtc.nextEvent()).toBe(10);
});

test('the alarm interrupts at its nanosecond, once, until CLEAR_INTERRUPT', () => {
  const { clock, irq, rtc, setPair, put, get } = makeRtc();
  setPair(ALARM_LOW, ALARM_HIGH, wallStart + 1_050n);
  put(IRQ_ENABLED, 1);
  expect(rtc.nextEvent()).toBe(11);
  clock.now = 10;
  rtc.update();
  expect(irq.level).toBe(false);
  clock.now = 11;
  rtc.update();
  expect(irq.level).toBe(true);
  expect(get(ALARM_STATUS)).toBe(0);
  expect(rtc.nextEvent()).toBe(Infinity);
  put(CLEAR_INTERRUPT, 1);
  expect(irq.level).toBe(false);
  rtc.update();
  expect(irq.level).toBe(false);
});

test('an alarm in the past goes off at once', () => {
  const { irq, put, setPair } = makeRtc();
  put(IRQ_ENABLED, 1);
  setPair(ALARM_LOW, ALARM_HIGH, wallStart - 1n);
  expect(irq.level).toBe(true);
});

test('without IRQ_ENABLED the alarm is silent; enabled later, it is heard', () => {
  const { irq, put, setPair } = makeRtc();
  setPair(ALARM_LOW, ALARM_HIGH, wallStart);
  expect(irq.level).toBe(false);
  put(IRQ_ENABLED, 1);
  expect(irq.level).toBe(true);
  put(IRQ_ENABLED, 0);
  expect(irq.level).toBe(false);
});

test('CLEAR_ALARM disarms', () => {
  const { clock, irq, rtc, put, setPair, get } = makeRtc();
  put(IRQ_ENABLED, 1);
  setPair(ALARM_LOW, ALARM_HIGH, wallStart + 100n);
  put(CLEAR_ALARM, 1);
  clock.now = 100;
  rtc.update();
  expect([irq.level, get(ALARM_STATUS), rtc.nextEvent()]).toEqual([false, 0, Infinity]);
});

test('setting the clock past the alarm sets the alarm off', () => {
  const { irq, put, setPair } = makeRtc();
  put(IRQ_ENABLED, 1);
  setPair(ALARM_LOW, ALARM_HIGH, wallStart + 2n ** 40n);
  setPair(TIME_LOW, TIME_HIGH, wallStart + 2n ** 41n);
  expect(irq.level).toBe(true);
});

test('registers are 32 bits wide, and what is not a register reads 0', () => {
  const { rtc, get, put, time } = makeRtc();
  rtc.write(TIME_HIGH, 2, 7);
  put(0x20, 1);
  expect([rtc.read(TIME_LOW, 1), get(0x20)]).toEqual([0, 0]);
  expect(time()).toBe(wallStart);
});
