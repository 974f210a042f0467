// An echo device as a PCI function, with its driver, for tests.
import { commonRegister, pciCapability } from '../../../devices/virtio/pci-layout.ts';
import type { VirtioPci, VirtioPciOptions } from '../../../devices/virtio/pci.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plugIntoPci } from '../../pci-driver.ts';
import type { PciBus, Size } from '../../pci-driver.ts';
import { EchoDevice } from './echo-device.ts';
import type { EchoOptions } from './echo-device.ts';

/** An echo device as device 4 of a bus, brought up by its driver. */
export interface PciBench {
  readonly ram: GuestRam;
  readonly device: EchoDevice;
  readonly pci: VirtioPci;
  readonly bus: PciBus;
  readonly irq: IrqProbe;
  readonly driver: Driver;
  readonly log: string[];
  readonly readConfig: (offset: number, size: Size) => number;
  readonly writeConfig: (offset: number, size: Size, value: number) => void;
  /** Of the common configuration, in any width. */
  readonly readCommon: (register: keyof typeof commonRegister, size: Size) => number;
  readonly writeCommon: (register: keyof typeof commonRegister, size: Size, value: number) => void;
  /** Where a structure is in memory. */
  readonly place: (type: number) => number;
}

export function pciBench({ barBits, ...options }: Partial<EchoOptions> & VirtioPciOptions = {}): PciBench {
  const ram = new GuestRam();
  const log: string[] = [];
  const device = new EchoDevice({ memory: ram.memory, log: (line) => log.push(line), ...options });
  const irq = new IrqProbe();
  const { pci, bus, registers } = plugIntoPci(device, irq, barBits === undefined ? {} : { barBits });
  const place = (type: number): number => registers.place(type);
  const common = (register: keyof typeof commonRegister): number =>
    place(pciCapability.common) + commonRegister[register];
  return {
    ram,
    device,
    pci,
    bus,
    irq,
    driver: new Driver(registers, ram),
    log,
    readConfig: (offset, size) => bus.readConfig(registers.device, offset, size),
    writeConfig: (offset, size, value) => bus.writeConfig(registers.device, offset, size, value),
    readCommon: (register, size) => bus.read(common(register), size),
    writeCommon: (register, size, value) => bus.write(common(register), size, value),
    place,
  };
}

/** Makes a buffer of 8 bytes available. */
export function addOne({ ram, driver }: PciBench, queue = driver.queues[0]!): number {
  return queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
}
