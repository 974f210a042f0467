// The board's PCI Express bridge with a bus of virtio devices, as QEMU's virt board has it. Loaded when a machine wants it.
import { PciHost } from '../devices/pci-host.ts';
import type { IrqLine, Stateful } from '../devices/ports.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { VirtioPci } from '../devices/virtio/pci.ts';
import { board } from './board.ts';
import { cells, empty, longs, strings } from './device-tree.ts';
import type { DeviceNode } from './device-tree.ts';
import type { PlacedRegion, VirtioSlots } from './virtio-slots.ts';

const { plic, pcie } = board;
const { ecam, ports, window32, window64, firstIrq } = pcie;

/** Interrupt wires of the bridge, and pins of a device. */
const wires = 4;

export class PciSlots implements VirtioSlots {
  readonly socNodes: readonly DeviceNode[] = [pciNode()];
  readonly #host: PciHost;
  readonly #empty: VirtioSlots;
  #devices = 0;

  /** `empty` are the slots without a device in any of them, which are there as on QEMU's board. */
  constructor(source: (source: number) => IrqLine, empty: VirtioSlots) {
    const wire = (index: number): IrqLine => source(firstIrq + index);
    this.#empty = empty;
    this.#host = new PciHost({
      windows: [window32, window64],
      portSize: ports.size,
      interrupts: [wire(0), wire(1), wire(2), wire(3)],
    });
  }

  plug(device: VirtioDevice): Stateful {
    this.#devices += 1;
    const pciFunction = new VirtioPci(device, this.#host.wire(this.#devices));
    this.#host.plug(this.#devices, pciFunction);
    return pciFunction;
  }

  regions(): PlacedRegion[] {
    const host = this.#host;
    return [
      ...this.#empty.regions(),
      { base: ecam.base, region: host.ecam },
      { base: ports.base, region: host.ports },
      ...host.windows,
    ];
  }

  reset(): void {
    this.#host.reset();
  }
}

/** IEEE 1275 PCI Bus Binding 2.1, and Linux's binding of pci-host-ecam-generic. */
function pciNode(): DeviceNode {
  // The first cell of a PCI address: its space, or the device in bits 15 to 11.
  const space = { ports: 0x100_0000, memory32: 0x200_0000, memory64: 0x300_0000 };
  const device = (number: number): number => number << 11;
  const halves = (value: number): [number, number] => [Math.floor(value / 2 ** 32), value % 2 ** 32];
  /** Addresses of memory are the same on both sides of the bridge; ports begin at 0. */
  const range = (
    kind: number,
    from: number,
    { base, size }: { readonly base: number; readonly size: number },
  ): number[] => [kind, ...halves(from), ...halves(base), ...halves(size)];
  const indexes = Array.from({ length: wires }, (_, index) => index);
  return {
    name: `pci@${ecam.base.toString(16)}`,
    properties: {
      compatible: strings('pci-host-ecam-generic'),
      device_type: strings('pci'),
      reg: longs(ecam.base, ecam.size),
      '#address-cells': cells(3),
      '#size-cells': cells(2),
      '#interrupt-cells': cells(1),
      'bus-range': cells(0, 255),
      'linux,pci-domain': cells(0),
      'dma-coherent': empty,
      ranges: cells(
        ...range(space.ports, 0, ports),
        ...range(space.memory32, window32.base, window32),
        ...range(space.memory64, window64.base, window64),
      ),
      // Devices whose numbers are equal in the low two bits share their wires.
      'interrupt-map-mask': cells(device(wires - 1), 0, 0, 7),
      'interrupt-map': cells(
        ...indexes.flatMap((number) =>
          indexes.flatMap((pin) => [device(number), 0, 0, pin + 1, plic.phandle, firstIrq + ((number + pin) % wires)]),
        ),
      ),
    },
  };
}
