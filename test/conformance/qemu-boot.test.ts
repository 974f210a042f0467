// The built-in images in vm9 and under QEMU: what Linux says of the board is the same, but for what vm9 does not have.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QemuImages, startQemu, startVm9 } from '../bench/guests.ts';

/** Every property that says where a device is, what it is and how it interrupts: its path, and its bytes. */
const listProperties =
  'cd /proc/device-tree && find memory* soc cpus/timebase-frequency | ' +
  'grep -E "/(reg|compatible|interrupts|clock-frequency|timebase-frequency)$" | ' +
  `while read path; do echo "$path $(hexdump -ve '1/1 "%02x"' "$path")"; done | sort`;
const listDrivers =
  'cd /sys/bus/platform/drivers && for link in */*:* */*.*; do test -L $link && echo $link; done | ' +
  // QEMU fills the slots from the last one.
  'sed "s/[0-9]*000.virtio_mmio/slot/" | sort';
const listInterrupts = `grep -E 'ttyS0|rtc' /proc/interrupts | sed -E 's/^.*PLIC +([0-9]+) .* /\\1 /'`;

type Board = Readonly<Record<'properties' | 'drivers' | 'interrupts', readonly string[]>>;

const folder = mkdtempSync(join(tmpdir(), 'vm9-board-'));
const images = new QemuImages();
let own: Board;
let qemu: Board;

beforeAll(async () => {
  const boards: Board[] = [];
  for (const start of [startVm9, (share: string) => startQemu(images, share)]) {
    const guest = await start(folder);
    const lines = async (command: string): Promise<string[]> => (await guest.run(command)).trimEnd().split('\n');
    boards.push({
      properties: await lines(listProperties),
      drivers: await lines(listDrivers),
      interrupts: await lines(listInterrupts),
    });
    await guest.dispose();
  }
  [own, qemu] = boards as [Board, Board];
}, 120_000);

afterAll(() => {
  images.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test('the device tree says of every device what QEMU’s says', () => {
  // RAM, the timebase, and at least the eight virtio slots, UART, RTC, PLIC, CLINT and test finisher.
  expect(own.properties.length).toBeGreaterThan(2 + 8 * 3 + 5 * 2);
  expect(own.properties.filter((property) => !qemu.properties.includes(property))).toEqual([]);
});

test('Linux drives the same devices at the same addresses', () => {
  const others = qemu.drivers.filter((driver) => !driver.startsWith('pci-host-generic/'));
  expect(own.drivers).toEqual(others);
  expect(own.drivers).toContain('goldfish_rtc/101000.rtc');
});

test('UART and RTC have the same interrupts', () => {
  expect(own.interrupts).toEqual(qemu.interrupts);
});
