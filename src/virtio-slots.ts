// Where a machine plugs its virtio devices in: slots of registers in memory, or a PCI bus (pci-slots.ts).
import type { IrqLine, MmioRegion, Stateful } from '../devices/ports.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { EmptyMmioSlot, VirtioMmio } from '../devices/virtio/mmio.ts';
import { board, virtioBase, virtioIrq } from './board.ts';
import type { DeviceNode } from './device-tree.ts';

/** A region of the machine's bus and where it begins. */
export interface PlacedRegion {
  readonly base: number;
  readonly region: MmioRegion;
}

export interface VirtioSlots {
  /** Puts a device into the next free slot, and returns what is between it and the guest. */
  plug(device: VirtioDevice): Stateful;
  /** What lies on the bus, once all devices are plugged in. */
  regions(): PlacedRegion[];
  /** What the device tree says of it, beside the virtio-mmio slots. */
  readonly socNodes: readonly DeviceNode[];
  /** Resets the devices and what they are plugged into. */
  reset(): void;
}

/** `source` gives the wire of a source of the interrupt controller. */
export type MakeSlots = (source: (source: number) => IrqLine) => VirtioSlots;

/** The board's virtio-mmio slots. Those without a device are there, too: a guest may look into them without the tree. */
export class MmioSlots implements VirtioSlots {
  readonly socNodes: readonly DeviceNode[] = [];
  readonly #source: (source: number) => IrqLine;
  readonly #slots: VirtioMmio[] = [];

  constructor(source: (source: number) => IrqLine) {
    this.#source = source;
  }

  plug(device: VirtioDevice): Stateful {
    const slot = new VirtioMmio(device, this.#source(virtioIrq(this.#slots.length)));
    this.#slots.push(slot);
    return slot;
  }

  regions(): PlacedRegion[] {
    return Array.from({ length: board.virtio.slots }, (_, slot) => ({
      base: virtioBase(slot),
      region: this.#slots[slot] ?? new EmptyMmioSlot(),
    }));
  }

  reset(): void {
    for (const { device } of this.#slots) device.reset();
  }
}
