// What the fuzzed device is plugged into: where a hostile driver reads and writes, and how one that means it starts anew.
import { configRegister, pciCommand } from '../../devices/pci/configuration.ts';
import type { VirtioDevice } from '../../devices/virtio/device.ts';
import { mmioRegister } from '../../devices/virtio/mmio.ts';
import { commonRegister, structure } from '../../devices/virtio/pci-layout.ts';
import type { IrqProbe } from '../driver.ts';
import { PciRegisters, plugIntoPci } from '../pci-driver.ts';
import { plugIntoMmio } from '../transports.ts';
import type { Registers, TransportName } from '../transports.ts';
import type { RingStep } from './ring-case.ts';

type Access = RingStep & { readonly do: 'read' | 'write' };

export interface FuzzedTransport {
  /** Accesses anything, as no driver would. */
  access(step: Access): void;
  notify(value: number): void;
  /** Registers for a driver that means it, whatever was before. */
  found(): Registers;
  /** Whether the device may read and write RAM. */
  mayUseMemory(): boolean;
  /** Whether the interrupt line has to be up. */
  interrupts(): boolean;
}

export function fuzzedTransport(transport: TransportName, device: VirtioDevice, irq: IrqProbe): FuzzedTransport {
  return transport === 'mmio' ? fuzzedMmio(device, irq) : fuzzedPci(device, irq);
}

function fuzzedMmio(device: VirtioDevice, irq: IrqProbe): FuzzedTransport {
  const { slot, registers } = plugIntoMmio(device, irq);
  return {
    access: (step) => {
      if (step.config === true) return;
      if (step.do === 'read') slot.read(step.offset, step.size);
      else slot.write(step.offset, step.size, step.value);
    },
    notify: (value) => slot.write(mmioRegister.queueNotify, 4, value),
    found: () => registers,
    mayUseMemory: () => true,
    interrupts: () => slot.state.interruptStatus !== 0,
  };
}

function fuzzedPci(device: VirtioDevice, irq: IrqProbe): FuzzedTransport {
  const { pci, bus, registers } = plugIntoPci(device, irq);
  const { base, device: number } = registers;
  const command = (): number => bus.readConfig(number, configRegister.command, 2);
  return {
    // Offsets are those of the usual place: where the BAR is elsewhere by now, they lead to nothing.
    access: (step) => {
      const { offset, size } = step;
      if (step.config === true) {
        if (step.do === 'read') bus.readConfig(number, offset, size);
        else bus.writeConfig(number, offset, size, step.value);
      } else if (step.do === 'read') bus.read(base + offset, size);
      else bus.write(base + offset, size, step.value);
    },
    notify: (value) => bus.write(base + structure.notify + 4 * (value % 0x400), 2, value % 2 ** 16),
    found: () => new PciRegisters(bus, number, base),
    mayUseMemory: () => (command() & pciCommand.busMaster) !== 0,
    interrupts: () => pci.state.interruptStatus !== 0 && (command() & pciCommand.interruptDisable) === 0,
  };
}

/** Offsets that mean something to the transport. */
export const registerOffsets: Readonly<Record<TransportName, readonly number[]>> = {
  mmio: Object.values(mmioRegister),
  pci: [
    ...Object.values(commonRegister),
    structure.isr,
    structure.device,
    structure.device + 2,
    structure.notify,
    structure.notify + 4,
  ],
};

/** The length of what `registerOffsets` are in. */
export const registerSpace: Readonly<Record<TransportName, number>> = { mmio: 0x1000, pci: 0x4000 };
