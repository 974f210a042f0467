// PCI Local Bus Specification 3.0, §6: configuration space of one function.
import { expect, test } from 'vitest';
import { configRegister, pciCommand, PciConfiguration, pciStatus } from '../../../devices/pci/configuration.ts';
import type { PciBarLayout, PciCapability } from '../../../devices/pci/configuration.ts';

const identity = {
  vendor: 0x1234,
  device: 0x5678,
  revision: 9,
  classCode: 0xa1_b2c3,
  subsystemVendor: 0x4321,
  subsystem: 0x8765,
  interruptPin: 1,
} as const;
const bar32: PciBarLayout = { index: 0, bits: 32, size: 0x1000 };
const bar64: PciBarLayout = { index: 2, bits: 64, size: 0x4000 };
const { bar0, command } = configRegister;

function make(capabilities: readonly PciCapability[] = []): PciConfiguration {
  return new PciConfiguration(identity, [bar32, bar64], capabilities);
}

test('§6.1 the header says what the function is', () => {
  const configuration = make();
  expect(configuration.read(0x00, 4)).toBe(0x5678_1234);
  expect(configuration.read(0x08, 4)).toBe(0xa1b2_c309);
  expect(configuration.read(0x0e, 1)).toBe(0);
  expect(configuration.read(0x2c, 4)).toBe(0x8765_4321);
  expect(configuration.read(0x3d, 1)).toBe(1);
  // No capabilities: neither the bit nor the pointer.
  expect(configuration.read(0x06, 2)).toBe(0);
  expect(configuration.read(0x34, 1)).toBe(0);
});

test('bytes, halves and words of it are the same bytes', () => {
  const configuration = make();
  expect([0, 1, 2, 3].map((offset) => configuration.read(offset, 1))).toEqual([0x34, 0x12, 0x78, 0x56]);
  expect([0, 2].map((offset) => configuration.read(offset, 2))).toEqual([0x1234, 0x5678]);
  configuration.write(bar0 + 3, 1, 0xab);
  configuration.write(bar0, 2, 0xcdef);
  expect(configuration.read(bar0, 4)).toBe(0xab00_c000);
});

test('§6.2.5.1 the size of a BAR is what stays 0 when ones are written', () => {
  const configuration = make();
  for (let register = bar0; register < bar0 + 24; register += 4) configuration.write(register, 4, 0xffff_ffff);
  const read = Array.from({ length: 6 }, (_, index) => configuration.read(bar0 + 4 * index, 4));
  expect(read).toEqual([0xffff_f000, 0, 0xffff_c004, 0xffff_ffff, 0, 0]);
});

test('a BAR is where its register says, while memory is decoded', () => {
  const configuration = make();
  configuration.write(bar0, 4, 0x4000_1234);
  configuration.write(bar0 + 8, 4, 0x1_2345);
  configuration.write(bar0 + 12, 4, 4);
  expect(configuration.base(bar32)).toBeUndefined();
  configuration.write(command, 2, pciCommand.memorySpace);
  expect(configuration.base(bar32)).toBe(0x4000_1000);
  expect(configuration.base(bar64)).toBe(0x4_0001_0000);
  configuration.write(command, 2, pciCommand.busMaster);
  expect(configuration.base(bar32)).toBeUndefined();
});

test('ones everywhere change only what software may change', () => {
  const body = new Uint8Array([1, 2, 3, 4]);
  const configuration = make([
    { id: 9, body },
    { id: 9, body, writableFrom: 3 },
  ]);
  const before = Array.from({ length: 256 }, (_, offset) => configuration.read(offset, 1));
  for (let offset = 0; offset < 0x1000; offset += 4) configuration.write(offset, 4, 0xffff_ffff);
  const changed = before.flatMap((byte, offset) => (configuration.read(offset, 1) === byte ? [] : [offset]));
  // The command register, two BARs, the interrupt line, and one byte of a capability.
  expect(changed).toEqual([0x04, 0x05, 0x11, 0x12, 0x13, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x3c, 0x4d]);
  expect(configuration.read(command, 2)).toBe(
    pciCommand.memorySpace | pciCommand.busMaster | pciCommand.interruptDisable,
  );
});

test('§6.7 capabilities are a list, each at a multiple of 4', () => {
  const configuration = make([
    { id: 9, body: new Uint8Array([1, 2, 3]) },
    { id: 5, body: new Uint8Array([4]) },
  ]);
  expect(configuration.read(configRegister.status, 2)).toBe(pciStatus.capabilities);
  expect(configuration.capabilities).toEqual([0x40, 0x48]);
  expect(configuration.read(0x34, 1)).toBe(0x40);
  expect([0x40, 0x41, 0x42, 0x43, 0x44].map((offset) => configuration.read(offset, 1))).toEqual([9, 0x48, 1, 2, 3]);
  expect([0x48, 0x49, 0x4a].map((offset) => configuration.read(offset, 1))).toEqual([5, 0, 4]);
});

test.each([1, 2, 4] as const)(
  'behind the end, and across it, %i bytes are ones, and a store changes nothing',
  (size) => {
    const configuration = make();
    const { state } = configuration;
    for (const offset of [256 - size + 1, 256, 0x100, 0xffc, 0x1000]) {
      expect(configuration.read(offset, size)).toBe(2 ** (8 * size) - 1);
      configuration.write(offset, size, 0);
    }
    expect(configuration.state).toEqual(state);
  },
);

test('a reset takes back all that was written, and a record brings back what software wrote, but nothing else', () => {
  const configuration = make();
  const made = configuration.state;
  configuration.write(command, 2, pciCommand.memorySpace);
  configuration.write(bar0, 4, 0x4000_0000);
  const { state } = configuration;
  configuration.reset();
  expect(configuration.state).toEqual(made);
  configuration.state = state;
  expect(configuration.base(bar32)).toBe(0x4000_0000);
  configuration.state = new Uint8Array(256).fill(0xff);
  expect(configuration.read(0, 4)).toBe(0x5678_1234);
});

test('a BAR that no register can say, and too many capabilities, are mistakes of ours', () => {
  for (const size of [8, 0x1001]) {
    expect(() => new PciConfiguration(identity, [{ index: 0, bits: 32, size }], [])).toThrow('power of 2');
  }
  const large = { id: 9, body: new Uint8Array(100) };
  expect(() => make([large, large])).toThrow('do not fit');
});
