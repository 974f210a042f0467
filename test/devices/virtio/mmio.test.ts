// VIRTIO 1.3 §4.2: the register block of virtio over MMIO, version 2.
import { expect, test } from 'vitest';
import { feature } from '../../../devices/virtio/device.ts';
import { EmptyMmioSlot, mmioInterrupt, mmioRegister } from '../../../devices/virtio/mmio.ts';
import type { VirtioMmio } from '../../../devices/virtio/mmio.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plugIntoMmio } from '../../transports.ts';
import { EchoDevice, echoDeviceId } from './echo-device.ts';

/** An echo device in a slot; `read` and `write` access any register of it. */
function mmioBench(): {
  readonly ram: GuestRam;
  readonly device: EchoDevice;
  readonly slot: VirtioMmio;
  readonly irq: IrqProbe;
  readonly driver: Driver;
  readonly read: (register: keyof typeof mmioRegister) => number;
  readonly write: (register: keyof typeof mmioRegister, value: number) => void;
} {
  const ram = new GuestRam();
  const device = new EchoDevice({ memory: ram.memory, log: () => undefined });
  const irq = new IrqProbe();
  const { slot, registers } = plugIntoMmio(device, irq);
  return {
    ram,
    device,
    slot,
    irq,
    driver: new Driver(registers, ram),
    read: (register) => slot.read(mmioRegister[register], 4),
    write: (register, value) => slot.write(mmioRegister[register], 4, value),
  };
}

test('§4.2.2.1 magic value, version 2, device ID', () => {
  const { slot, read } = mmioBench();
  expect(read('magicValue')).toBe(0x74726976);
  expect(read('version')).toBe(2);
  expect(read('deviceId')).toBe(echoDeviceId);
  expect(read('vendorId')).not.toBe(0);
  expect(slot.size).toBe(0x1000);
});

test('§4.2.2.1 QueueReady 0 stops access to the queue', () => {
  const { driver, device, ram } = mmioBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  driver.write('queueSel', 0);
  driver.write('queueReady', 0);
  expect(driver.read('queueReady')).toBe(0);
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  const before = ram.u8.slice();
  queue.kick();
  device.answer(device.held[0]!);
  expect(Buffer.compare(ram.u8, before)).toBe(0);
  expect(device.held).toHaveLength(1);
});

test('§4.2.2.1 an interrupt stays until each of its causes is acknowledged', () => {
  const { driver, device, irq, ram, read, write } = mmioBench();
  const queue = driver.start()[0]!;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  device.setConfiguration(0, new Uint8Array([9]));
  expect(read('interruptStatus')).toBe(mmioInterrupt.usedBuffer | mmioInterrupt.configurationChange);
  write('interruptAck', mmioInterrupt.usedBuffer);
  expect(irq.asserted).toBe(true);
  expect(read('interruptStatus')).toBe(mmioInterrupt.configurationChange);
  write('interruptAck', mmioInterrupt.configurationChange);
  expect(irq.asserted).toBe(false);
});

test('§4.2.2 shared memory regions do not exist: length and base are -1', () => {
  const { read, write } = mmioBench();
  write('shmSel', 0);
  for (const register of ['shmLenLow', 'shmLenHigh', 'shmBaseLow', 'shmBaseHigh'] as const) {
    expect(read(register)).toBe(0xffffffff);
  }
});

test('§4.2.2.2 control registers answer 32-bit accesses only', () => {
  const { driver, slot } = mmioBench();
  expect(slot.read(mmioRegister.magicValue, 1)).toBe(0);
  expect(slot.read(mmioRegister.magicValue, 2)).toBe(0);
  slot.write(mmioRegister.status, 1, 1);
  slot.write(mmioRegister.status, 2, 1);
  expect(driver.status).toBe(0);
});

test('registers that are written only read as 0, and registers that are read only stay', () => {
  const { slot, read } = mmioBench();
  for (let offset = 0; offset < 0x100; offset += 4) {
    if (offset !== mmioRegister.status) slot.write(offset, 4, 0xffff_ffff);
  }
  expect(read('magicValue')).toBe(0x74726976);
  expect(read('deviceId')).toBe(echoDeviceId);
  expect(read('interruptStatus')).toBe(0);
  expect(read('queueNotify')).toBe(0);
  expect(read('queueDescLow')).toBe(0);
  slot.write(mmioRegister.config, 1, 0xff);
  expect(slot.read(mmioRegister.config, 1)).toBe(1);
});

test('§2.9 with notification data the low half names the queue, without it the whole word does', () => {
  const { driver, ram, write } = mmioBench();
  const dataQueue = driver.start()[0]!;
  dataQueue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  write('queueNotify', (1 << 16) | 0);
  expect(dataQueue.usedIndex).toBe(1);

  const plainQueue = driver.start({ features: feature.version1 })[0]!;
  plainQueue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  write('queueNotify', (1 << 16) | 0);
  expect(plainQueue.usedIndex).toBe(0);
});

test('§4.2.2.2 an empty slot has DeviceID 0 and nothing that can be written', () => {
  const slot = new EmptyMmioSlot();
  expect(slot.size).toBe(0x1000);
  expect(slot.read(mmioRegister.magicValue, 4)).toBe(0x74726976);
  expect(slot.read(mmioRegister.version, 4)).toBe(2);
  expect(slot.read(mmioRegister.deviceId, 4)).toBe(0);
  slot.write();
  expect(slot.read(mmioRegister.status, 4)).toBe(0);
  expect(slot.read(mmioRegister.magicValue, 1)).toBe(0);
});
