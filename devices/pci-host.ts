// PCI Express Base Specification 3.0, §7.2.2: a host bridge whose configuration space lies in memory (ECAM), with one bus.
// As QEMU's virt board has it, down to what the bridge calls itself.
import { PciConfiguration } from './pci/configuration.ts';
import { allOnes } from './pci/function.ts';
import type { PciBar, PciFunction } from './pci/function.ts';
import type { IrqLine, MmioRegion } from './ports.ts';

/** A range of addresses that the bridge passes on to its bus, unchanged: what a BAR puts there is reached. */
export interface PciWindow {
  readonly base: number;
  readonly size: number;
}

export interface PciHostOptions {
  readonly windows: readonly PciWindow[];
  /** Bytes of port space. No function of ours has ports: all ones are read, as from any bus where nobody answers. */
  readonly portSize: number;
  /** The four wires on which interrupts leave the bridge. */
  readonly interrupts: readonly [IrqLine, IrqLine, IrqLine, IrqLine];
}

/** Devices of a bus; the bridge itself is device 0. */
const devices = 32;
const wires = 4;
/** An offset in ECAM: 8 bits of bus, 5 of device, 3 of function, and 12 of register. */
const busShift = 20;
const deviceShift = 15;
const functionMask = 0x7000;
const registerMask = 0xfff;

const bridgeIdentity = {
  vendor: 0x1b36,
  device: 0x0008,
  revision: 0,
  classCode: 0x06_0000,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  interruptPin: 0,
} as const;

/**
 * The bridge and its bus. A machine puts `ecam`, `ports` and `windows` on its own bus, where none of them ever moves: a
 * BAR is looked for at each access, so a guest may move it anywhere, and can cover nothing but the windows with it.
 *
 *     const host = new PciHost({ windows, portSize, interrupts });
 *     host.plug(1, new VirtioPci(device, host.wire(1)));
 */
export class PciHost {
  readonly ecam: MmioRegion;
  readonly ports: MmioRegion;
  readonly windows: readonly { readonly base: number; readonly region: MmioRegion }[];
  readonly #interrupts: PciHostOptions['interrupts'];
  /** How many functions pull at each wire. */
  readonly #pulling = [0, 0, 0, 0];
  /** By device. */
  readonly #functions: (PciFunction | undefined)[] = [bridge()];
  /** Of all functions, those of the first device first: of two at one address it is the first that answers. */
  readonly #bars: PciBar[] = [];

  constructor({ windows, portSize, interrupts }: PciHostOptions) {
    this.#interrupts = interrupts;
    this.ecam = {
      name: 'pci-ecam',
      size: 2 ** (busShift + 8),
      read: (offset, size) => this.#function(offset)?.readConfig(offset & registerMask, size) ?? allOnes(size),
      write: (offset, size, value) => this.#function(offset)?.writeConfig(offset & registerMask, size, value),
    };
    this.ports = { name: 'pci-ports', size: portSize, read: (_offset, size) => allOnes(size), write: () => undefined };
    this.windows = windows.map(({ base, size }) => ({ base, region: this.#window(base, size) }));
  }

  /** Puts a function (it is the device's only one) on the bus: devices 1 to 31, in ascending order. */
  plug(device: number, pciFunction: PciFunction): void {
    if (!Number.isInteger(device) || device < this.#functions.length || device >= devices) {
      throw new RangeError(`${pciFunction.name} as device ${device}: the next is from ${this.#functions.length} to 31`);
    }
    this.#functions[device] = pciFunction;
    this.#bars.push(...pciFunction.bars);
  }

  /** The wire of a device's interrupt pin, 1 to 4 for INTA# to INTD#. Devices that share one pull it together. */
  wire(device: number, pin = 1): IrqLine {
    // As bridges do, so that not every INTA# is the same wire: pin p of device d is wire (p + d) mod 4.
    const wire = (device + pin - 1) % wires;
    let pulls = false;
    return {
      set: (asserted) => {
        if (asserted === pulls) return;
        pulls = asserted;
        const before = this.#pulling[wire] ?? 0;
        const now = asserted ? before + 1 : before - 1;
        this.#pulling[wire] = now;
        this.#interrupts[wire]?.set(now > 0);
      },
    };
  }

  /** Resets all functions. */
  reset(): void {
    for (const pciFunction of this.#functions) pciFunction?.reset();
  }

  #function(offset: number): PciFunction | undefined {
    return (offset & functionMask) === 0 ? this.#functions[offset >>> deviceShift] : undefined;
  }

  #window(start: number, length: number): MmioRegion {
    return {
      name: 'pci-window',
      size: length,
      read: (offset, size) => {
        const bar = this.#bar(start + offset);
        return bar?.base === undefined ? allOnes(size) : bar.read(start + offset - bar.base, size);
      },
      write: (offset, size, value) => {
        const bar = this.#bar(start + offset);
        if (bar?.base !== undefined) bar.write(start + offset - bar.base, size, value);
      },
    };
  }

  /** A BAR begins at a multiple of its size, so an access never crosses its end. */
  #bar(address: number): PciBar | undefined {
    return this.#bars.find(({ base, size }) => base !== undefined && address >= base && address < base + size);
  }
}

function bridge(): PciFunction {
  const configuration = new PciConfiguration(bridgeIdentity, [], []);
  return {
    name: 'pci-host-bridge',
    bars: [],
    readConfig: (offset, size) => configuration.read(offset, size),
    writeConfig: (offset, size, value) => configuration.write(offset, size, value),
    reset: () => configuration.reset(),
  };
}
