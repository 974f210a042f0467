// QEMU's virt board: where each device lies and on which PLIC source it interrupts.

/** The timebase in Hz: what mtime and the time CSR count. */
export const timebaseFrequency = 10_000_000;

export const board = {
  /** Where a hart begins that runs a firmware. */
  resetRom: { base: 0x1000, size: 0xf000 },
  testFinisher: { base: 0x10_0000, size: 0x1000 },
  rtc: { base: 0x10_1000, size: 0x1000, irq: 11 },
  clint: { base: 0x200_0000, size: 0x1_0000 },
  /** `phandle` is what nodes of the device tree call it that interrupt through it. */
  plic: { base: 0xc00_0000, size: 0x60_0000, phandle: 1 },
  uart: { base: 0x1000_0000, size: 0x100, irq: 10, clockFrequency: 3_686_400 },
  /** Slot n lies n * `stride` behind `base` and interrupts on `firstIrq` + n. */
  virtio: { base: 0x1000_1000, stride: 0x1000, slots: 8, firstIrq: 1 },
  ram: { base: 0x8000_0000 },
  /** Present where devices are plugged into it. INTA# to INTD# leave the bridge on `firstIrq` and the three after it. */
  pcie: {
    ecam: { base: 0x3000_0000, size: 0x1000_0000 },
    ports: { base: 0x300_0000, size: 0x1_0000 },
    window32: { base: 0x4000_0000, size: 0x4000_0000 },
    window64: { base: 0x4_0000_0000, size: 0x4_0000_0000 },
    firstIrq: 32,
  },
} as const;

/** Physical address of virtio-mmio slot `slot`, counted from 0. */
export function virtioBase(slot: number): number {
  return board.virtio.base + slot * board.virtio.stride;
}

/** PLIC source of virtio-mmio slot `slot`, counted from 0. */
export function virtioIrq(slot: number): number {
  return board.virtio.firstIrq + slot;
}
