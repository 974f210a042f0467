// PCI Local Bus Specification 3.0, §6.1, §6.2 and §6.7: configuration space of a function with a header of type 0.
import { allOnes } from './function.ts';

/** Offsets in the header. */
export const configRegister = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  bar0: 0x10,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

/** §6.2.2: bits of the command register that a function of ours has. */
export const pciCommand = { memorySpace: 2, busMaster: 4, interruptDisable: 0x400 } as const;

/** §6.2.3: bits of the status register. */
export const pciStatus = { interrupt: 8, capabilities: 0x10 } as const;

/** §6.2.5.1: bits 2 and 1 of a BAR that is 64 bits wide; one of 32 bits has zeros. Neither may be prefetched. */
const bar64 = 4;
const configurationSize = 256;
const firstCapability = 0x40;

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, sub-class and interface, as in 0x060000. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
  /** 1 to 4 for INTA# to INTD#, 0 for none. */
  readonly interruptPin: 0 | 1 | 2 | 3 | 4;
}

/** A BAR for memory. One of 64 bits takes the register behind it, too. */
export interface PciBarLayout {
  /** Its register, 0 to 5. */
  readonly index: number;
  readonly bits: 32 | 64;
  /** Bytes, a power of 2 from 16 to 2^31. */
  readonly size: number;
}

/** §6.7: an entry of the list of capabilities. */
export interface PciCapability {
  readonly id: number;
  /** What follows id and next. */
  readonly body: Uint8Array;
  /** Of `body`, the bytes from this one on can be written; default: none. */
  readonly writableFrom?: number;
}

export class PciConfiguration {
  /** Where each capability lies, in the order in which they were given. */
  readonly capabilities: readonly number[];
  readonly #bars: readonly PciBarLayout[];
  readonly #initial = new Uint8Array(configurationSize);
  /** The bits that can be written. */
  readonly #writable = new Uint8Array(configurationSize);
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(identity: PciIdentity, bars: readonly PciBarLayout[], capabilities: readonly PciCapability[]) {
    this.#bars = bars;
    this.#identify(identity);
    for (const bar of bars) this.#makeBar(bar);
    this.capabilities = this.#list(capabilities);
    this.#bytes = this.#initial.slice();
  }

  /** All ones behind the end of the 256 bytes, as where there is no function. */
  read(offset: number, size: 1 | 2 | 4): number {
    if (offset + size > configurationSize) return allOnes(size);
    let value = 0;
    for (let byte = size - 1; byte >= 0; byte -= 1) value = value * 256 + (this.#bytes[offset + byte] ?? 0);
    return value;
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    for (let byte = 0; byte < size; byte += 1) {
      const writable = this.#writable[offset + byte] ?? 0;
      const before = this.#bytes[offset + byte] ?? 0;
      // Beyond the end the store is without effect.
      this.#bytes[offset + byte] = (before & ~writable) | ((value >>> (8 * byte)) & writable);
    }
  }

  /** Whether a bit of the command register is set. */
  commanded(bit: number): boolean {
    return (this.read(configRegister.command, 2) & bit) !== 0;
  }

  /** Sets or clears bits of the status register. */
  setStatus(bits: number, value: boolean): void {
    const low = this.#bytes[configRegister.status] ?? 0;
    this.#bytes[configRegister.status] = value ? low | bits : low & ~bits;
  }

  /** Where a BAR puts its memory; undefined while memory is not decoded. Above 2^53 it is rounded. */
  base(bar: PciBarLayout): number | undefined {
    if (!this.commanded(pciCommand.memorySpace)) return undefined;
    const register = barRegister(bar);
    const low = this.read(register, 4);
    return low - (low % 16) + (bar.bits === 64 ? this.read(register + 4, 4) * 2 ** 32 : 0);
  }

  reset(): void {
    this.#bytes.set(this.#initial);
  }

  /** The record for a snapshot. */
  get state(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice();
  }

  set state(state: Uint8Array<ArrayBuffer>) {
    this.reset();
    for (const [offset, byte] of state.entries()) this.write(offset, 1, byte);
  }

  #identify({ vendor, device, revision, classCode, subsystemVendor, subsystem, interruptPin }: PciIdentity): void {
    const header = new DataView(this.#initial.buffer);
    header.setUint16(configRegister.vendorId, vendor, true);
    header.setUint16(configRegister.deviceId, device, true);
    header.setUint32(configRegister.revision, (classCode << 8) | revision, true);
    header.setUint16(configRegister.subsystemVendorId, subsystemVendor, true);
    header.setUint16(configRegister.subsystemId, subsystem, true);
    header.setUint8(configRegister.interruptPin, interruptPin);
    const writable = new DataView(this.#writable.buffer);
    // Software keeps in it to which input the pin leads.
    writable.setUint8(configRegister.interruptLine, 0xff);
    const memory = this.#bars.length === 0 ? 0 : pciCommand.memorySpace | pciCommand.busMaster;
    writable.setUint16(configRegister.command, memory | (interruptPin === 0 ? 0 : pciCommand.interruptDisable), true);
  }

  #makeBar(bar: PciBarLayout): void {
    const { bits, size } = bar;
    const register = barRegister(bar);
    if (size < 16 || size > 2 ** 31 || Math.log2(size) % 1 !== 0) {
      throw new RangeError(`a BAR of ${size} bytes: it has a power of 2 of them, from 16 to 2^31`);
    }
    // §6.2.5.1: the size is told by the bits that stay 0 when ones are written.
    new DataView(this.#writable.buffer).setUint32(register, -size >>> 0, true);
    if (bits === 32) return;
    this.#initial[register] = bar64;
    new DataView(this.#writable.buffer).setUint32(register + 4, 0xffff_ffff, true);
  }

  #list(capabilities: readonly PciCapability[]): number[] {
    if (capabilities.length > 0) this.#initial[configRegister.status] = pciStatus.capabilities;
    let link: number = configRegister.capabilities;
    let at = firstCapability;
    return capabilities.map(({ id, body, writableFrom = body.length }) => {
      const offset = at;
      // §6.7: each begins at a multiple of 4.
      at = Math.ceil((offset + 2 + body.length) / 4) * 4;
      if (at > configurationSize) throw new RangeError('the capabilities do not fit into configuration space');
      this.#initial[link] = offset;
      this.#initial[offset] = id;
      this.#initial.set(body, offset + 2);
      this.#writable.fill(0xff, offset + 2 + writableFrom, offset + 2 + body.length);
      link = offset + 1;
      return offset;
    });
  }
}

function barRegister({ index }: PciBarLayout): number {
  return configRegister.bar0 + 4 * index;
}
