// The guest's half of virtio over PCI (VIRTIO 1.3, §4.1): looks through configuration space as any PCI driver does, places
// the BAR, and finds the registers by the capabilities.
import { PciHost } from '../devices/pci-host.ts';
import { configRegister, pciCommand } from '../devices/pci/configuration.ts';
import type { IrqLine } from '../devices/ports.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { commonRegister, pciCapability } from '../devices/virtio/pci-layout.ts';
import { VirtioPci } from '../devices/virtio/pci.ts';
import type { VirtioPciOptions } from '../devices/virtio/pci.ts';
import type { DriverRegister, Plugged, Registers } from './transports.ts';

export type Size = 1 | 2 | 4;

/** Where the board of QEMU has the windows. */
export const windows = [
  { base: 0x4000_0000, size: 0x4000_0000 },
  { base: 0x4_0000_0000, size: 0x4_0000_0000 },
] as const;

const noWire: IrqLine = { set: () => undefined };

/** A bridge whose wires lead to `irqs`. */
export function makeHost(...irqs: IrqLine[]): PciHost {
  const [a = noWire, b = noWire, c = noWire, d = noWire] = irqs;
  return new PciHost({ windows, portSize: 0x1_0000, interrupts: [a, b, c, d] });
}

/** Accesses as the guest's processor makes them: into ECAM, and into the windows. */
export class PciBus {
  readonly host: PciHost;

  constructor(host: PciHost) {
    this.host = host;
  }

  readConfig(device: number, offset: number, size: Size): number {
    return this.host.ecam.read((device << 15) + offset, size);
  }

  writeConfig(device: number, offset: number, size: Size, value: number): void {
    this.host.ecam.write((device << 15) + offset, size, value);
  }

  read(address: number, size: Size): number {
    const { base, region } = this.#window(address);
    return region.read(address - base, size);
  }

  write(address: number, size: Size, value: number): void {
    const { base, region } = this.#window(address);
    region.write(address - base, size, value);
  }

  #window(address: number): (typeof this.host.windows)[number] {
    const window = this.host.windows.find(({ base, region }) => address >= base && address < base + region.size);
    if (window === undefined) throw new Error(`0x${address.toString(16)} is in no window of the bridge`);
    return window;
  }
}

export interface PciStructure {
  readonly at: number;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** §4.1.4: the capabilities of a function by their type. */
export function virtioCapabilities(bus: PciBus, device: number): Map<number, PciStructure> {
  const found = new Map<number, PciStructure>();
  let at = bus.readConfig(device, configRegister.capabilities, 1);
  for (; at !== 0; at = bus.readConfig(device, at + 1, 1)) {
    if (bus.readConfig(device, at, 1) !== 9) continue;
    const [type, bar] = [bus.readConfig(device, at + 3, 1), bus.readConfig(device, at + 4, 1)];
    const [offset, length] = [bus.readConfig(device, at + 8, 4), bus.readConfig(device, at + 12, 4)];
    found.set(type, { at, bar, offset, length });
  }
  return found;
}

/** The common configuration's fields by the names of virtio-mmio's registers. */
const fields: Readonly<Record<Exclude<DriverRegister, 'deviceId'>, readonly [offset: number, size: Size]>> = {
  deviceFeaturesSel: [commonRegister.deviceFeatureSelect, 4],
  deviceFeatures: [commonRegister.deviceFeature, 4],
  driverFeaturesSel: [commonRegister.driverFeatureSelect, 4],
  driverFeatures: [commonRegister.driverFeature, 4],
  queueSel: [commonRegister.queueSelect, 2],
  queueSizeMax: [commonRegister.queueSize, 2],
  queueSize: [commonRegister.queueSize, 2],
  queueReady: [commonRegister.queueEnable, 2],
  status: [commonRegister.deviceStatus, 1],
  queueDescLow: [commonRegister.queueDescLow, 4],
  queueDescHigh: [commonRegister.queueDescHigh, 4],
  queueDriverLow: [commonRegister.queueDriverLow, 4],
  queueDriverHigh: [commonRegister.queueDriverHigh, 4],
  queueDeviceLow: [commonRegister.queueDeviceLow, 4],
  queueDeviceHigh: [commonRegister.queueDeviceHigh, 4],
  queueReset: [commonRegister.queueReset, 2],
  configGeneration: [commonRegister.configGeneration, 1],
};

/** Brings a function up: its BAR at `base`, memory and bus mastering on. */
export class PciRegisters implements Registers {
  readonly bus: PciBus;
  readonly device: number;
  readonly base: number;
  readonly #structures: ReadonlyMap<number, PciStructure>;

  constructor(bus: PciBus, device: number, base: number) {
    this.bus = bus;
    this.device = device;
    this.base = base;
    bus.writeConfig(device, configRegister.bar0, 4, base % 2 ** 32);
    if (base >= 2 ** 32) bus.writeConfig(device, configRegister.bar0 + 4, 4, Math.floor(base / 2 ** 32));
    bus.writeConfig(device, configRegister.command, 2, pciCommand.memorySpace | pciCommand.busMaster);
    this.#structures = virtioCapabilities(bus, device);
  }

  read(register: DriverRegister): number {
    if (register === 'deviceId') return this.bus.readConfig(this.device, configRegister.deviceId, 2) - 0x1040;
    const [offset, size] = fields[register];
    return this.bus.read(this.place(pciCapability.common) + offset, size);
  }

  write(register: DriverRegister, value: number): void {
    if (register === 'deviceId') throw new Error('a driver does not write the device ID');
    const [offset, size] = fields[register];
    // Wider than the field it is cut, as a processor's store does.
    this.bus.write(this.place(pciCapability.common) + offset, size, value % 2 ** (8 * size));
  }

  configuration(offset: number, size: Size): number {
    return this.bus.read(this.place(pciCapability.device) + offset, size);
  }

  /** §4.1.5.2 */
  notify(queue: number, available?: number): void {
    const selected = this.bus.read(this.place(pciCapability.common) + commonRegister.queueSelect, 2);
    this.write('queueSel', queue);
    const index = this.bus.read(this.place(pciCapability.common) + commonRegister.queueNotifyOff, 2);
    this.write('queueSel', selected);
    const multiplier = this.bus.readConfig(this.device, this.structure(pciCapability.notify).at + 16, 4);
    const address = this.place(pciCapability.notify) + index * multiplier;
    if (available === undefined) this.bus.write(address, 2, queue % 2 ** 16);
    else this.bus.write(address, 4, ((available << 16) | queue) >>> 0);
  }

  acknowledge(): number {
    return this.bus.read(this.place(pciCapability.isr), 1);
  }

  structure(type: number): PciStructure {
    const found = this.#structures.get(type);
    if (found === undefined) throw new Error(`the function has no capability of type ${type}`);
    return found;
  }

  /** Where a structure is in memory. */
  place(type: number): number {
    return this.base + this.structure(type).offset;
  }
}

/** A device behind a bridge, as the bus's device 4, whose INTA# is the bridge's first wire. */
export function plugIntoPci(
  device: VirtioDevice,
  irq: IrqLine,
  options: VirtioPciOptions = {},
): Plugged & { readonly pci: VirtioPci; readonly bus: PciBus; readonly registers: PciRegisters } {
  const host = makeHost(irq);
  const pci = new VirtioPci(device, host.wire(4), options);
  host.plug(4, pci);
  const bus = new PciBus(host);
  const base = options.barBits === 32 ? windows[0].base : windows[1].base;
  return {
    pci,
    bus,
    registers: new PciRegisters(bus, 4, base + 0x10_0000),
    get state() {
      return pci.state;
    },
    set state(state) {
      pci.state = state;
    },
  };
}
