// The board with its PCI Express bridge: the tree that a kernel finds, and a guest that puts BARs where they do not belong.
import { expect, test } from 'vitest';
import { configRegister, pciCommand } from '../../devices/pci/configuration.ts';
import { Plic } from '../../devices/plic.ts';
import type { IrqLine } from '../../devices/ports.ts';
import { TestFinisher } from '../../devices/test-finisher.ts';
import { deviceStatus } from '../../devices/virtio/device.ts';
import { commonRegister, pciInterrupt, structure } from '../../devices/virtio/pci-layout.ts';
import { board } from '../../src/board.ts';
import { Bus } from '../../src/bus.ts';
import { PciSlots } from '../../src/pci-slots.ts';
import { virtDeviceTree } from '../../src/virt-tree.ts';
import { MmioSlots } from '../../src/virtio-slots.ts';
import { runCounted } from '../cpu/counted-machine.ts';
import { assemble } from '../cpu/riscv/assembler.ts';
import { EchoDevice } from '../devices/virtio/echo-device.ts';
import { GuestRam } from '../driver.ts';
import { cellsOf, nodeAt, parseTree, stringsOf } from './flat-tree.ts';
import { makeImage } from './kernel-files.ts';

const noWire = (): IrqLine => ({ set: () => undefined });

test('the tree’s node is what QEMU 7.2 writes', () => {
  const root = parseTree(
    virtDeviceTree({
      memorySize: 1 << 28,
      harts: 1,
      commandLine: '',
      rngSeed: new Uint8Array(32),
      socNodes: new PciSlots(noWire, new MmioSlots(noWire)).socNodes,
    }),
  );
  const node = nodeAt(root, '/soc/pci@30000000');
  expect(stringsOf(node, 'compatible')).toEqual(['pci-host-ecam-generic']);
  expect(stringsOf(node, 'device_type')).toEqual(['pci']);
  expect(node.properties.get('dma-coherent')).toHaveLength(0);
  const cells = (name: string): number[] => cellsOf(node, name);
  expect(cells('reg')).toEqual([0, 0x3000_0000, 0, 0x1000_0000]);
  expect(cells('bus-range')).toEqual([0, 0xff]);
  expect(cells('linux,pci-domain')).toEqual([0]);
  expect(['#address-cells', '#size-cells', '#interrupt-cells'].flatMap((name) => cells(name))).toEqual([3, 2, 1]);
  const ranges = [
    [0x100_0000, 0, 0, 0, 0x300_0000, 0, 0x1_0000],
    [0x200_0000, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0x4000_0000],
    [0x300_0000, 4, 0, 4, 0, 4, 0],
  ];
  expect(cells('ranges')).toEqual(ranges.flat());
  expect(cells('interrupt-map-mask')).toEqual([0x1800, 0, 0, 7]);
  const [plic] = cellsOf(nodeAt(root, '/soc/plic@c000000'), 'phandle');
  const sources = [
    [0x20, 0x21, 0x22, 0x23],
    [0x21, 0x22, 0x23, 0x20],
    [0x22, 0x23, 0x20, 0x21],
    [0x23, 0x20, 0x21, 0x22],
  ];
  expect(cells('interrupt-map')).toEqual(
    sources.flatMap((row, device) => row.flatMap((source, pin) => [device * 0x800, 0, 0, pin + 1, plic, source])),
  );
});

/** The board's bus with PCI, two echo devices and some of what else is there. */
function makeBoard(): {
  readonly bus: Bus;
  readonly devices: readonly EchoDevice[];
  readonly raised: Set<number>;
  readonly finished: unknown[];
} {
  const raised = new Set<number>();
  const finished: unknown[] = [];
  const source = (number: number): IrqLine => ({
    set: (asserted) => void (asserted ? raised.add(number) : raised.delete(number)),
  });
  const slots = new PciSlots(source, new MmioSlots(source));
  const devices = [1, 2].map(
    () => new EchoDevice({ memory: new GuestRam({ length: 1 << 16 }).memory, log: () => undefined }),
  );
  for (const device of devices) slots.plug(device);
  const bus = new Bus();
  bus.attach(board.plic.base, new Plic([{ machine: noWire(), supervisor: noWire() }]));
  bus.attach(board.testFinisher.base, new TestFinisher((finish) => finished.push(finish)));
  for (const { base, region } of slots.regions()) bus.attach(base, region);
  return { bus, devices, raised, finished };
}

const { ecam, window32, window64, ports } = board.pcie;

function place(bus: Bus, device: number, address: number): void {
  const at = ecam.base + (device << 15);
  bus.store(at + configRegister.bar0, 8, address % 2 ** 32, Math.floor(address / 2 ** 32));
  bus.store(at + configRegister.command, 2, pciCommand.memorySpace | pciCommand.busMaster, 0);
}

test('devices are 1, 2 … of the bus, and the virtio-mmio slots are empty', () => {
  const { bus } = makeBoard();
  const ids = [0, 1, 2, 3].map((device) => {
    expect(bus.load(ecam.base + (device << 15), 4)).toBe(true);
    return bus.low >>> 0;
  });
  expect(ids).toEqual([0x0008_1b36, 0x106a_1af4, 0x106a_1af4, 0xffff_ffff]);
  expect(bus.load(board.virtio.base + 8, 4)).toBe(true);
  expect(bus.low).toBe(0);
});

test('the interrupts of devices 1 and 2 are sources 33 and 34', () => {
  const { bus, devices, raised } = makeBoard();
  for (const device of [1, 2]) {
    const at = window64.base + 0x4000 * device;
    place(bus, device, at);
    const store = (register: keyof typeof commonRegister, size: 1 | 4, value: number): void =>
      void bus.store(at + commonRegister[register], size, value, 0);
    const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;
    store('deviceStatus', 1, acknowledge | driver);
    store('driverFeatureSelect', 4, 1);
    store('driverFeature', 4, 1);
    store('deviceStatus', 1, acknowledge | driver | featuresOk);
    store('deviceStatus', 1, acknowledge | driver | featuresOk | driverOk);
    devices[device - 1]?.setConfiguration(0, new Uint8Array([9]));
    expect([...raised]).toEqual([32 + device]);
    bus.load(at + structure.isr, 1);
    expect(bus.low).toBe(pciInterrupt.configuration);
    expect([...raised]).toEqual([]);
  }
});

test.each([
  ['RAM', board.ram.base],
  ['the PLIC', board.plic.base],
  ['the test finisher, which would end the machine', board.testFinisher.base],
  ['the bridge’s own ECAM', ecam.base],
  ['the ports', ports.base],
  ['address 0', 0],
  ['the first bytes behind a window', window32.base + window32.size],
  ['the first bytes behind the other', window64.base + window64.size],
  ['the last bytes of all', 2 ** 64 - 2 ** 14],
])('a BAR that is put on %s is nowhere', (_, address) => {
  const { bus, finished } = makeBoard();
  const look = (): unknown[] =>
    [board.ram.base, board.plic.base + 4, board.testFinisher.base, ports.base, 0, window32.base, window64.base].map(
      (at) => bus.load(at, 4) && bus.low,
    );
  const before = look();
  place(bus, 1, address);
  expect(look()).toEqual(before);
  // RAM is not the bus's: what is not a device there is a fault, as ever.
  if (address < 2 ** 53) bus.store(address + 0x14, 1, 1, 0);
  expect(bus.load(board.ram.base, 4)).toBe(false);
  place(bus, 1, window64.base);
  bus.load(window64.base + 0x14, 1);
  expect(bus.low).toBe(0);
  expect(finished).toEqual([]);
});

test('windows and ECAM of the bus are reached in each width, of 8 bytes by halves, to their last bytes', () => {
  const { bus } = makeBoard();
  for (const { base, size } of [ecam, ports, window32, window64]) {
    for (const width of [1, 2, 4, 8] as const) {
      expect(bus.load(base + size - width, width)).toBe(true);
      const low = width < 4 ? 2 ** (8 * width) - 1 : -1;
      expect([bus.low, bus.high]).toEqual([low, width === 8 ? -1 : 0]);
      expect(bus.store(base + size - width, width, 0, 0)).toBe(true);
    }
  }
  expect(bus.load(window64.base + window64.size, 1)).toBe(false);
  expect(bus.load(window64.base - 8, 8)).toBe(false);
});

/** A kernel of these instructions, which the header's first one jumps to. */
function kernelOf(program: string): Uint8Array {
  const image = makeImage({ length: 0x1000 });
  new DataView(image.buffer).setUint32(0, 0x0400_006f, true);
  image.set(assemble(program, 0n).bytes, 64);
  return image;
}

const verdicts = `
  pass:
    li t0, 0x5555
    j end
  fail:
    li t0, 0x13333
    j end
  again:
    li t0, 0x7777
  end:
    li t1, 0x100000
    sw t0, 0(t1)
    stop`;

test('in a machine: RAM under a BAR stays RAM, for loads, stores and instructions', async () => {
  const program = `
    li s0, 0x30008000     # configuration space of device 1
    li s1, 0x80400000     # RAM
    li t0, 0x8067         # jalr x0, 0(ra)
    sw t0, 0x14(s1)       # where the device status would be
    sw s1, 0x10(s0)
    sw x0, 0x14(s0)
    li t0, 6
    sh t0, 4(s0)
    lw t0, 0x14(s1)
    li t1, 0x8067
    bne t0, t1, fail
    addi t0, s1, 0x14
    jalr ra, 0(t0)
    sw x0, 0x14(s1)
    lw t0, 0x14(s1)
    bnez t0, fail
    # In its window it is the device: a status that RAM would not give back whole.
    li s1, 0x400000000
    sw x0, 0x10(s0)
    li t0, 4
    sw t0, 0x14(s0)
    li t0, 0x43
    sb t0, 0x14(s1)
    lbu t0, 0x14(s1)
    li t1, 0x3
    bne t0, t1, fail
    j pass
  ${verdicts}`;
  const { reason } = await runCounted({ kernel: kernelOf(program), memoryBytes: 16 << 20, transport: 'pci' });
  expect(reason).toBe('power-off');
});

test('in a machine: a guest that restarts finds the bus as it was made', async () => {
  const program = `
    li s0, 0x30008000
    li s1, 0x400000000
    li s2, 0x80c00000
    lw t0, 0x10(s0)
    lw t1, 0x14(s0)
    lhu t2, 4(s0)
    lbu t3, 0x14(s1)
    li t4, 4
    bne t0, t4, fail       # a BAR of 64 bits at address 0
    bnez t1, fail
    bnez t2, fail
    li t4, 0xff
    bne t3, t4, fail
    ld t5, 0(s2)           # RAM of the earlier life
    li t6, 0x1234
    beq t5, t6, pass
    sd t6, 0(s2)
    li t0, 4
    sw t0, 0x14(s0)
    li t0, 6
    sh t0, 4(s0)
    li t0, 3
    sb t0, 0x14(s1)
    lbu t1, 0x14(s1)
    bne t0, t1, fail
    j again
  ${verdicts}`;
  const { reason } = await runCounted({
    kernel: kernelOf(program),
    memoryBytes: 16 << 20,
    transport: 'pci',
    restarts: true,
  });
  expect(reason).toBe('power-off');
});
