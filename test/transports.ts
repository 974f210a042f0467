// What a device is plugged into, from the guest's side: the registers that both transports have, each found in its own way.
// A test says nothing of it; `useTransport` decides for a whole file of tests, as over-pci.test.ts does.
import type { IrqLine } from '../devices/ports.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { mmioRegister, VirtioMmio } from '../devices/virtio/mmio.ts';
import { plugIntoPci } from './pci-driver.ts';

/** Registers of virtio-mmio that virtio-pci has, too, in whatever width. */
export type DriverRegister = Exclude<
  keyof typeof mmioRegister,
  | 'magicValue'
  | 'version'
  | 'vendorId'
  | 'interruptStatus'
  | 'interruptAck'
  | 'queueNotify'
  | 'shmSel'
  | 'shmLenLow'
  | 'shmLenHigh'
  | 'shmBaseLow'
  | 'shmBaseHigh'
  | 'config'
>;

/** A device's registers, as its driver uses them. */
export interface Registers {
  read(register: DriverRegister): number;
  write(register: DriverRegister, value: number): void;
  /** Reads the device configuration space. */
  configuration(offset: number, size: 1 | 2 | 4): number;
  /** `available` is the available index, where NOTIFICATION_DATA is in use (§2.9). */
  notify(queue: number, available?: number): void;
  /** The interrupt's causes: 1 for used buffers, 2 for the configuration. They are taken back. */
  acknowledge(): number;
}

/** A device in its transport. `state` is the transport's record. */
export interface Plugged {
  readonly registers: Registers;
  state: unknown;
}

export type TransportName = 'mmio' | 'pci';

let present: TransportName = 'mmio';

/** From now on devices are plugged into that. */
export function useTransport(transport: TransportName): void {
  present = transport;
}

export function plug(device: VirtioDevice, irq: IrqLine, transport = present): Plugged {
  return transport === 'mmio' ? plugIntoMmio(device, irq) : plugIntoPci(device, irq);
}

/** A device in a slot, and the slot itself. */
export function plugIntoMmio(
  device: VirtioDevice,
  irq: IrqLine,
): { readonly registers: Registers; readonly slot: VirtioMmio; state: unknown } {
  const slot = new VirtioMmio(device, irq);
  const read = (register: keyof typeof mmioRegister): number => slot.read(mmioRegister[register], 4);
  const write = (register: keyof typeof mmioRegister, value: number): void =>
    slot.write(mmioRegister[register], 4, value);
  return {
    slot,
    registers: {
      read,
      write,
      configuration: (offset, size) => slot.read(mmioRegister.config + offset, size),
      notify: (queue, available = 0) => write('queueNotify', ((available << 16) | queue) >>> 0),
      acknowledge: () => {
        const causes = read('interruptStatus');
        write('interruptAck', causes);
        return causes;
      },
    },
    get state() {
      return slot.state;
    },
    set state(state) {
      slot.state = state;
    },
  };
}
