// What the board's devices remember goes from one into another, which behaves as the first would have.
import { expect, test } from 'vitest';
import { Clint } from '../../devices/clint.ts';
import { Plic } from '../../devices/plic.ts';
import { Rtc } from '../../devices/rtc.ts';
import { Uart } from '../../devices/uart.ts';
import { Wire } from '../board-parts.ts';

const clock = { now: 1000, ticks: () => clock.now, wallNanoseconds: () => BigInt(clock.now) * 100n };

test('a UART with characters in its FIFO and others that wait behind it', () => {
  const make = (): { uart: Uart; irq: Wire } => {
    const irq = new Wire();
    return { irq, uart: new Uart({ irq, onOutput: () => undefined }) };
  };
  const first = make();
  first.uart.write(2, 1, 0x81);
  first.uart.write(1, 1, 1);
  first.uart.write(7, 1, 0x5a);
  first.uart.receive(Uint8Array.from({ length: 40 }, (_, index) => index));
  first.uart.read(0);
  const saved = structuredClone(first.uart.state);
  expect(saved.fifo).toHaveLength(16);
  expect(saved.waiting).toHaveLength(23);

  const second = make();
  second.uart.state = saved;
  expect(second.uart.state).toEqual(saved);
  expect(second.irq.level).toBe(true);
  expect(second.uart.read(7)).toBe(0x5a);
  expect(Array.from({ length: 39 }, () => second.uart.read(0))).toEqual(
    Array.from({ length: 39 }, (_, index) => index + 1),
  );
  expect(second.irq.level).toBe(false);
});

test('a CLINT whose timer has still to go off, and whose software interrupt is up', () => {
  const make = (): { clint: Clint; software: Wire; timer: Wire } => {
    const software = new Wire();
    const timer = new Wire();
    return { software, timer, clint: new Clint({ clock, harts: [{ software, timer }] }) };
  };
  const first = make();
  first.clint.write64(0xbff8, 5000n);
  first.clint.write64(0x4000, 6000n);
  first.clint.write(0, 4, 1);
  const saved = structuredClone(first.clint.state);

  const second = make();
  second.clint.state = saved;
  expect(second.clint.state).toEqual(saved);
  expect(second.clint.time()).toBe(5000);
  expect(second.clint.nextEvent()).toBe(2000);
  expect([second.software.level, second.timer.level]).toEqual([true, false]);
  clock.now = 2000;
  second.clint.update();
  expect(second.timer.level).toBe(true);
  clock.now = 1000;
});

test('a PLIC with a claimed source, another that is pending, and wires that are up', () => {
  const make = (): { plic: Plic; supervisor: Wire } => {
    const supervisor = new Wire();
    return { supervisor, plic: new Plic([{ machine: new Wire(), supervisor }]) };
  };
  const first = make();
  for (const source of [3, 10]) first.plic.write(4 * source, 4, 1);
  first.plic.write(0x2080, 4, (1 << 3) | (1 << 10));
  first.plic.source(3).set(true);
  expect(first.plic.read(0x20_1004, 4)).toBe(3);
  first.plic.source(10).set(true);
  const saved = structuredClone(first.plic.state);

  const second = make();
  // The devices are there before: their wires must not count a second time.
  second.plic.source(3).set(true);
  second.plic.state = saved;
  expect(second.plic.state).toEqual(saved);
  expect(second.supervisor.level).toBe(true);
  expect(second.plic.read(0x20_1004, 4)).toBe(10);
  second.plic.write(0x20_1004, 4, 3);
  expect(second.plic.read(0x20_1004, 4)).toBe(3);
});

test('an RTC that was set and has an alarm', () => {
  const make = (): { rtc: Rtc; irq: Wire } => {
    const irq = new Wire();
    return { irq, rtc: new Rtc({ clock, irq }) };
  };
  const first = make();
  first.rtc.write(4, 4, 7);
  first.rtc.write(0x10, 4, 1);
  first.rtc.write(0x0c, 4, 7);
  first.rtc.write(8, 4, 200_000);
  const saved = structuredClone(first.rtc.state);

  const second = make();
  second.rtc.state = saved;
  expect(second.rtc.state).toEqual(saved);
  expect(second.rtc.nextEvent()).toBe(first.rtc.nextEvent());
  expect(second.irq.level).toBe(false);
  clock.now = second.rtc.nextEvent();
  second.rtc.update();
  expect(second.irq.level).toBe(true);
  clock.now = 1000;
});
