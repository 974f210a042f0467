// The ROM of QEMU's virt board, in which a hart begins: code that jumps to the firmware with a0 the hart id, a1 the device
// tree and a2 what OpenSBI calls fw_dynamic_info (docs/firmware/fw_dynamic.md). Here the hart begins behind that code, as if
// it had run; the ROM is there to be read.
import type { MmioRegion } from '../devices/ports.ts';
import { board } from './board.ts';

export interface ResetVector {
  /** Where the firmware begins, and the device tree lies. */
  readonly firmware: number;
  readonly deviceTree: number;
  /** Where the firmware is to go on in S-mode; 0 without a kernel. */
  readonly next: number;
}

/** auipc t0, 0 · addi a2, t0, 40 · csrr a0, mhartid · ld a1, 32(t0) · ld t0, 24(t0) · jr t0 */
const code = [0x0000_0297, 0x0282_8613, 0xf140_2573, 0x0202_b583, 0x0182_b283, 0x0002_8067];
/** "OSBI", little-endian. */
const dynamicMagic = 0x4942_534f;
const dynamicVersion = 2;
const supervisorMode = 1;
const bootHart = 0;

/** Answers from `board.resetRom.base` on; what is written is lost. */
export class ResetRom implements MmioRegion {
  readonly name = 'reset-rom';
  readonly size = board.resetRom.size;
  /** Of fw_dynamic_info, which a2 holds: behind the code and two addresses, all of 8 bytes. */
  readonly dynamicInfoAddress = board.resetRom.base + code.length * 4 + 2 * 8;
  readonly vector: ResetVector;
  readonly #view: DataView;

  constructor(vector: ResetVector) {
    this.vector = vector;
    const { firmware, deviceTree, next } = vector;
    const options = 0;
    const longs = [firmware, deviceTree, dynamicMagic, dynamicVersion, next, supervisorMode, options, bootHart];
    this.#view = new DataView(new ArrayBuffer(this.size));
    for (const [index, word] of code.entries()) this.#view.setUint32(4 * index, word, true);
    for (const [index, value] of longs.entries()) {
      this.#view.setBigUint64(4 * code.length + 8 * index, BigInt(value), true);
    }
  }

  read(offset: number, size: 1 | 2 | 4): number {
    if (size === 1) return this.#view.getUint8(offset);
    return size === 2 ? this.#view.getUint16(offset, true) : this.#view.getUint32(offset, true);
  }

  write(): void {}
}
