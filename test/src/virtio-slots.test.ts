// The board's virtio-mmio slots.
import { expect, test } from 'vitest';
import { deviceStatus } from '../../devices/virtio/device.ts';
import { mmioRegister } from '../../devices/virtio/mmio.ts';
import { MmioSlots } from '../../src/virtio-slots.ts';
import { EchoDevice, echoDeviceId } from '../devices/virtio/echo-device.ts';
import { GuestRam } from '../driver.ts';

test('devices take the first slots, the others are there and empty; a reset reaches every device', () => {
  const sources: number[] = [];
  const slots = new MmioSlots((source) => {
    sources.push(source);
    return { set: () => undefined };
  });
  const devices = [1, 2].map(() => new EchoDevice({ memory: new GuestRam().memory, log: () => undefined }));
  for (const device of devices) slots.plug(device);
  const regions = slots.regions();
  expect(regions.map(({ base }) => base)).toEqual(Array.from({ length: 8 }, (_, slot) => 0x1000_1000 + 0x1000 * slot));
  expect(regions.map(({ region }) => region.read(mmioRegister.deviceId, 4))).toEqual([
    echoDeviceId,
    echoDeviceId,
    ...Array.from({ length: 6 }, () => 0),
  ]);
  expect(sources).toEqual([1, 2]);
  for (const { region } of regions) region.write(mmioRegister.status, 4, deviceStatus.acknowledge);
  expect(devices.map(({ status }) => status)).toEqual([1, 1]);
  slots.reset();
  expect(devices.map(({ status }) => status)).toEqual([0, 0]);
});
