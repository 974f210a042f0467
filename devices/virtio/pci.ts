// VIRTIO 1.3, §4.1: virtio over PCI, without the legacy interface and without MSI-X.
import { pciCommand, PciConfiguration, pciStatus } from '../pci/configuration.ts';
import type { PciBarLayout } from '../pci/configuration.ts';
import type { PciBar, PciFunction } from '../pci/function.ts';
import type { IrqLine } from '../ports.ts';
import type { Transport, VirtioDevice } from './device.ts';
import { featureWord, withFeatureWord } from './feature-words.ts';
import {
  barSize,
  capabilitiesOf,
  commonRegister,
  identityOf,
  notifyMultiplier,
  noVector,
  pciAccess,
  pciInterrupt,
  structure,
  structureSize,
} from './pci-layout.ts';
import type { Queue, QueuePart } from './queue.ts';

const queueAddresses = new Map<number, readonly [QueuePart, 'low' | 'high']>([
  [commonRegister.queueDescLow, ['descriptorArea', 'low']],
  [commonRegister.queueDescHigh, ['descriptorArea', 'high']],
  [commonRegister.queueDriverLow, ['driverArea', 'low']],
  [commonRegister.queueDriverHigh, ['driverArea', 'high']],
  [commonRegister.queueDeviceLow, ['deviceArea', 'low']],
  [commonRegister.queueDeviceHigh, ['deviceArea', 'high']],
]);

export interface VirtioPciOptions {
  /** Width of its BAR, for hosts that place it in the low 4 GiB only. Default: 64. */
  readonly barBits?: 32 | 64;
}

/** What the transport itself remembers; plain data. */
export interface VirtioPciState {
  /** Configuration space. */
  configuration: Uint8Array<ArrayBuffer>;
  deviceFeatureSelect: number;
  driverFeatureSelect: number;
  queueSelect: number;
  interruptStatus: number;
}

const selectors = { deviceFeatureSelect: 0, driverFeatureSelect: 0, queueSelect: 0, interruptStatus: 0 } as const;

/**
 * A virtio device as a PCI function: for a `PciHost`, or for any other machine that has PCI.
 *
 *     const pci = new VirtioPci(device, irqLine);         // irqLine: INTA# of the function
 *
 * The machine passes configuration accesses to `readConfig` and `writeConfig`, and accesses to the memory that the guest
 * has placed at `pci.bars[0].base` to `pci.bars[0].read` and `write`. The line is high while the ISR status is not 0,
 * unless the command register disables it. While bus mastering is off the device touches no guest memory.
 */
export class VirtioPci implements PciFunction, Transport {
  readonly name: string;
  readonly device: VirtioDevice;
  readonly bars: readonly [PciBar];
  readonly #irq: IrqLine;
  readonly #configuration: PciConfiguration;
  readonly #layout: PciBarLayout;
  /** Where the capability lies by which configuration space reaches into the BAR. */
  readonly #access: number;
  #base: number | undefined;
  #state: Omit<VirtioPciState, 'configuration'> = { ...selectors };

  constructor(device: VirtioDevice, irq: IrqLine, { barBits = 64 }: VirtioPciOptions = {}) {
    this.name = `${device.name} (pci)`;
    this.device = device;
    this.#irq = irq;
    this.#layout = { index: 0, bits: barBits, size: barSize };
    this.#configuration = new PciConfiguration(
      identityOf(device),
      [this.#layout],
      capabilitiesOf(device, this.#layout),
    );
    this.#access = this.#configuration.capabilities[0] ?? 0;
    const base = (): number | undefined => this.#base;
    this.bars = [
      {
        name: this.name,
        size: barSize,
        get base() {
          return base();
        },
        read: (offset, size) => this.#read(offset, size),
        write: (offset, size, value) => this.#write(offset, size, value),
      },
    ];
    device.attach(this);
    this.#configured();
  }

  get state(): VirtioPciState {
    return { configuration: this.#configuration.state, ...this.#state };
  }

  set state({ configuration, ...state }: VirtioPciState) {
    this.#configuration.state = configuration;
    this.#state = { ...state };
    this.#configured();
  }

  usedBuffers(): void {
    this.#raise(pciInterrupt.queue);
  }

  configurationChanged(): void {
    this.#raise(pciInterrupt.configuration);
  }

  readConfig(offset: number, size: 1 | 2 | 4): number {
    if (this.#reachesData(offset, size)) {
      const window = this.#window();
      // §4.1.4.9.1: what is read there is put into pci_cfg_data.
      if (window !== undefined)
        this.#configuration.write(this.#data, window.size, this.#read(window.offset, window.size));
    }
    return this.#configuration.read(offset, size);
  }

  writeConfig(offset: number, size: 1 | 2 | 4, value: number): void {
    this.#configuration.write(offset, size, value);
    if (this.#reachesData(offset, size)) {
      const window = this.#window();
      if (window !== undefined)
        this.#write(window.offset, window.size, this.#configuration.read(this.#data, window.size));
    }
    this.#configured();
  }

  reset(): void {
    this.device.reset();
    this.#state = { ...selectors };
    this.#configuration.reset();
    this.#configured();
  }

  /** Does what the command register and the BAR say. */
  #configured(): void {
    this.#base = this.#configuration.base(this.#layout);
    this.device.permitMemory(this.#configuration.commanded(pciCommand.busMaster));
    this.#drive();
  }

  get #data(): number {
    return this.#access + pciAccess.data;
  }

  #reachesData(offset: number, size: number): boolean {
    return offset + size > this.#data && offset < this.#data + 4;
  }

  /** Where pci_cfg_data leads; undefined for what no driver may write there, which then leads nowhere. */
  #window(): { readonly offset: number; readonly size: 1 | 2 | 4 } | undefined {
    const bar = this.#configuration.read(this.#access + pciAccess.bar, 1);
    const offset = this.#configuration.read(this.#access + pciAccess.offset, 4);
    const size = this.#configuration.read(this.#access + pciAccess.length, 4);
    if (bar !== this.#layout.index || (size !== 1 && size !== 2 && size !== 4)) return undefined;
    return offset % size === 0 && offset + size <= barSize ? { offset, size } : undefined;
  }

  #read(offset: number, size: 1 | 2 | 4): number {
    const inside = offset % structureSize;
    switch (offset - inside) {
      case structure.common:
        // §4.1.3.1: a driver accesses each field in its own width.
        return size === widthOf(inside) ? this.#readCommon(inside) : 0;
      case structure.isr:
        return inside === 0 && size === 1 ? this.#takeInterrupts() : 0;
      case structure.device:
        return this.device.readConfiguration(inside, size);
      default:
        return 0;
    }
  }

  #write(offset: number, size: 1 | 2 | 4, value: number): void {
    const inside = offset % structureSize;
    switch (offset - inside) {
      case structure.common:
        if (size === widthOf(inside)) this.#writeCommon(inside, value);
        return;
      case structure.notify:
        // §4.1.5.2: the address tells the queue. With NOTIFICATION_DATA (§2.9) 32 bits are written, of which the upper half
        // is the available index; it is read from the ring anyway.
        if (size !== 1 && inside % notifyMultiplier === 0) this.device.notify(inside / notifyMultiplier);
        return;
      default:
      // No device type of ours has a configuration field that a driver may write.
    }
  }

  #readCommon(offset: number): number {
    const { device } = this;
    const queue = this.#selectedQueue;
    switch (offset) {
      case commonRegister.deviceFeatureSelect:
        return this.#state.deviceFeatureSelect;
      case commonRegister.deviceFeature:
        return featureWord(device.offeredFeatures, this.#state.deviceFeatureSelect);
      case commonRegister.driverFeatureSelect:
        return this.#state.driverFeatureSelect;
      case commonRegister.driverFeature:
        return featureWord(device.driverFeatures, this.#state.driverFeatureSelect);
      // §4.1.5.1.2.1: without the MSI-X capability there is no vector to map, and a mapping that fails reads so. A board with
      // a controller for messages would keep vectors here, and `#raise` would send them.
      case commonRegister.configMsixVector:
      case commonRegister.queueMsixVector:
        return noVector;
      case commonRegister.numQueues:
        return device.queues.length;
      case commonRegister.deviceStatus:
        return device.status;
      case commonRegister.configGeneration:
        return device.configurationGeneration & 0xff;
      case commonRegister.queueSelect:
        return this.#state.queueSelect;
      case commonRegister.queueSize:
        return queue?.size ?? 0;
      case commonRegister.queueEnable:
        return queue?.ready === true ? 1 : 0;
      case commonRegister.queueNotifyOff:
        return queue?.index ?? 0;
      case commonRegister.queueReset:
        return queue?.resetting === true ? 1 : 0;
      default: {
        const address = queueAddresses.get(offset);
        return address === undefined ? 0 : (queue?.address(...address) ?? 0);
      }
    }
  }

  #writeCommon(offset: number, value: number): void {
    const { device } = this;
    const queue = this.#selectedQueue;
    switch (offset) {
      case commonRegister.deviceFeatureSelect:
        this.#state.deviceFeatureSelect = value;
        return;
      case commonRegister.driverFeatureSelect:
        this.#state.driverFeatureSelect = value;
        return;
      case commonRegister.driverFeature:
        device.setDriverFeatures(withFeatureWord(device.driverFeatures, this.#state.driverFeatureSelect, value));
        return;
      case commonRegister.deviceStatus:
        this.#setStatus(value);
        return;
      case commonRegister.queueSelect:
        this.#state.queueSelect = value;
        return;
      case commonRegister.queueSize:
        queue?.setSize(value);
        return;
      case commonRegister.queueEnable:
        // §4.1.4.3.2: a driver writes 1 and nothing else; the way back is a reset.
        if (value === 1) this.#enable(queue);
        return;
      case commonRegister.queueReset:
        if (value === 1 && queue !== undefined) device.resetQueue(queue);
        return;
      default: {
        const address = queueAddresses.get(offset);
        if (address !== undefined) queue?.setAddress(...address, value);
      }
    }
  }

  #enable(queue: Queue | undefined): void {
    if (queue !== undefined) this.device.enableQueue(queue);
  }

  #setStatus(value: number): void {
    this.device.setStatus(value);
    if (value !== 0) return;
    this.#state = { ...selectors };
    this.#drive();
  }

  /** §4.1.4.5: reading takes back the interrupt. */
  #takeInterrupts(): number {
    const { interruptStatus } = this.#state;
    this.#state.interruptStatus = 0;
    this.#drive();
    return interruptStatus;
  }

  get #selectedQueue(): Queue | undefined {
    return this.device.queues[this.#state.queueSelect];
  }

  #raise(bit: number): void {
    this.#state.interruptStatus |= bit;
    this.#drive();
  }

  #drive(): void {
    const interrupts = this.#state.interruptStatus !== 0;
    this.#configuration.setStatus(pciStatus.interrupt, interrupts);
    this.#irq.set(interrupts && !this.#configuration.commanded(pciCommand.interruptDisable));
  }
}

/** Bytes of the field at this offset of the common configuration; of an address one half. */
function widthOf(offset: number): 1 | 2 | 4 {
  if (offset === commonRegister.deviceStatus || offset === commonRegister.configGeneration) return 1;
  const isWord = offset < commonRegister.configMsixVector;
  const isAddress = offset >= commonRegister.queueDescLow && offset < commonRegister.queueNotifConfigData;
  return isWord || isAddress ? 4 : 2;
}
