import type { MmioRegion } from '../devices/ports.ts';

interface Mapping {
  readonly base: number;
  /** The first address behind the region. */
  readonly end: number;
  region: MmioRegion;
}

const nothing: Mapping = {
  base: 0,
  end: 0,
  region: { name: 'nothing', size: 0, read: () => 0, write: () => undefined },
};

/** Where the devices lie in physical memory: what the CPU asks when an address is not RAM. */
export class Bus {
  /** Bits 31..0 of the last value that `load` has read, as a signed number. */
  low = 0;
  /** Bits 63..32 of it, 0 when fewer than 8 bytes were read. */
  high = 0;
  readonly #mappings: Mapping[] = [];
  #last = nothing;

  /** Lets `region` answer from physical address `base` on. Throws if another region is there. */
  attach(base: number, region: MmioRegion): void {
    const end = base + region.size;
    const other = this.#mappings.find((mapping) => base < mapping.end && mapping.base < end);
    if (other !== undefined) {
      throw new Error(`${region.name} at 0x${base.toString(16)} would overlap ${other.region.name}`);
    }
    this.#mappings.push({ base, end, region });
  }

  /** Lets another region answer from `base` on: something was plugged in where a region begins. Throws where none does. */
  replace(base: number, region: MmioRegion): void {
    const mapping = this.#mappings.find((one) => one.base === base);
    if (mapping === undefined || mapping.region.size !== region.size) {
      throw new Error(`${region.name} does not fit at 0x${base.toString(16)}`);
    }
    mapping.region = region;
  }

  /**
   * Reads 1, 2, 4 or 8 bytes into `low` and `high`, zero-extended. False, and nothing happens, if no device is there or
   * the address is not a multiple of the size: an access fault.
   */
  load(address: number, size: 1 | 2 | 4 | 8): boolean {
    const mapping = this.#find(address, size);
    if (mapping === undefined) return false;
    const { region } = mapping;
    const offset = address - mapping.base;
    if (size !== 8) {
      this.low = region.read(offset, size) | 0;
      this.high = 0;
    } else if (region.read64 !== undefined) {
      const value = region.read64(offset);
      this.low = Number(BigInt.asIntN(32, value));
      this.high = Number(BigInt.asIntN(32, value >> 32n));
    } else {
      this.low = region.read(offset, 4) | 0;
      this.high = region.read(offset + 4, 4) | 0;
    }
    return true;
  }

  /**
   * Writes the lowest `size` bytes of the value whose halves are `low` and `high`, signed or unsigned. False, and nothing
   * happens, if no device is there or the address is not a multiple of the size: an access fault.
   */
  store(address: number, size: 1 | 2 | 4 | 8, low: number, high: number): boolean {
    const mapping = this.#find(address, size);
    if (mapping === undefined) return false;
    const { region } = mapping;
    const offset = address - mapping.base;
    if (size === 4) {
      region.write(offset, 4, low >>> 0);
    } else if (size !== 8) {
      region.write(offset, size, size === 1 ? low & 0xff : low & 0xffff);
    } else if (region.write64 !== undefined) {
      region.write64(offset, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    } else {
      region.write(offset, 4, low >>> 0);
      region.write(offset + 4, 4, high >>> 0);
    }
    return true;
  }

  #find(address: number, size: number): Mapping | undefined {
    // Remainder and not a mask: a physical address has up to 56 bits.
    if (address % size !== 0) return undefined;
    const last = this.#last;
    if (address >= last.base && address + size <= last.end) return last;
    const mapping = this.#mappings.find(({ base, end }) => address >= base && address + size <= end);
    if (mapping !== undefined) this.#last = mapping;
    return mapping;
  }
}
