// VIRTIO 1.3, §4.2: virtio over MMIO, version 2.
import type { IrqLine, MmioRegion } from '../ports.ts';
import { feature } from './device.ts';
import type { Transport, VirtioDevice } from './device.ts';
import { featureWord, withFeatureWord } from './feature-words.ts';
import type { Queue, QueuePart } from './queue.ts';

/** §4.2.2: register offsets. */
export const mmioRegister = {
  magicValue: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSel: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  queueSel: 0x030,
  queueSizeMax: 0x034,
  queueSize: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  queueDescLow: 0x080,
  queueDescHigh: 0x084,
  queueDriverLow: 0x090,
  queueDriverHigh: 0x094,
  queueDeviceLow: 0x0a0,
  queueDeviceHigh: 0x0a4,
  shmSel: 0x0ac,
  shmLenLow: 0x0b0,
  shmLenHigh: 0x0b4,
  shmBaseLow: 0x0b8,
  shmBaseHigh: 0x0bc,
  queueReset: 0x0c0,
  configGeneration: 0x0fc,
  config: 0x100,
} as const;

/** §4.2.2: bits of InterruptStatus. */
export const mmioInterrupt = { usedBuffer: 1, configurationChange: 2 } as const;

const magicValue = 0x74726976;
const versionNumber = 2;
/** "vm9 " in little-endian order. */
const vendorId = 0x20396d76;
const regionSize = 0x1000;
const allOnes = 0xffffffff;

const queueAddresses = new Map<number, readonly [QueuePart, 'low' | 'high']>([
  [mmioRegister.queueDescLow, ['descriptorArea', 'low']],
  [mmioRegister.queueDescHigh, ['descriptorArea', 'high']],
  [mmioRegister.queueDriverLow, ['driverArea', 'low']],
  [mmioRegister.queueDriverHigh, ['driverArea', 'high']],
  [mmioRegister.queueDeviceLow, ['deviceArea', 'low']],
  [mmioRegister.queueDeviceHigh, ['deviceArea', 'high']],
]);

/** What the transport itself remembers; plain data. */
export interface MmioState {
  deviceFeaturesSel: number;
  driverFeaturesSel: number;
  queueSel: number;
  interruptStatus: number;
}

/** A slot with a device in it. The interrupt line is high while InterruptStatus is not 0. */
export class VirtioMmio implements MmioRegion, Transport {
  readonly name = 'virtio-mmio';
  readonly size = regionSize;
  readonly device: VirtioDevice;
  readonly #irq: IrqLine;
  #state: MmioState = { deviceFeaturesSel: 0, driverFeaturesSel: 0, queueSel: 0, interruptStatus: 0 };

  constructor(device: VirtioDevice, irq: IrqLine) {
    this.device = device;
    this.#irq = irq;
    device.attach(this);
  }

  get state(): MmioState {
    return { ...this.#state };
  }

  set state(state: MmioState) {
    this.#state = { ...state };
    this.#drive();
  }

  usedBuffers(): void {
    this.#raise(mmioInterrupt.usedBuffer);
  }

  configurationChanged(): void {
    this.#raise(mmioInterrupt.configurationChange);
  }

  read(offset: number, size: 1 | 2 | 4): number {
    if (offset >= mmioRegister.config) return this.device.readConfiguration(offset - mmioRegister.config, size);
    // §4.2.2.2: control registers are accessed as 32 aligned bits only.
    return size === 4 ? this.#readRegister(offset) : 0;
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    // No device type of ours has a configuration field that a driver may write.
    if (size === 4 && offset < mmioRegister.config) this.#writeRegister(offset, value);
  }

  #readRegister(offset: number): number {
    const { device } = this;
    const queue = this.#selectedQueue;
    switch (offset) {
      case mmioRegister.magicValue:
        return magicValue;
      case mmioRegister.version:
        return versionNumber;
      case mmioRegister.deviceId:
        return device.id;
      case mmioRegister.vendorId:
        return vendorId;
      case mmioRegister.deviceFeatures:
        return featureWord(device.offeredFeatures, this.#state.deviceFeaturesSel);
      case mmioRegister.queueSizeMax:
        return queue?.maximumSize ?? 0;
      case mmioRegister.queueReady:
        return queue?.ready === true ? 1 : 0;
      case mmioRegister.interruptStatus:
        return this.#state.interruptStatus;
      case mmioRegister.status:
        return device.status;
      // No shared memory regions: both length and base of a region that does not exist are -1.
      case mmioRegister.shmLenLow:
      case mmioRegister.shmLenHigh:
      case mmioRegister.shmBaseLow:
      case mmioRegister.shmBaseHigh:
        return allOnes;
      case mmioRegister.queueReset:
        return queue?.resetting === true ? 1 : 0;
      case mmioRegister.configGeneration:
        return device.configurationGeneration;
      default:
        return 0;
    }
  }

  #writeRegister(offset: number, value: number): void {
    const { device } = this;
    const queue = this.#selectedQueue;
    switch (offset) {
      case mmioRegister.deviceFeaturesSel:
        this.#state.deviceFeaturesSel = value;
        return;
      case mmioRegister.driverFeatures:
        device.setDriverFeatures(withFeatureWord(device.driverFeatures, this.#state.driverFeaturesSel, value));
        return;
      case mmioRegister.driverFeaturesSel:
        this.#state.driverFeaturesSel = value;
        return;
      case mmioRegister.queueSel:
        this.#state.queueSel = value;
        return;
      case mmioRegister.queueSize:
        queue?.setSize(value);
        return;
      case mmioRegister.queueReady:
        this.#setQueueReady(queue, value);
        return;
      case mmioRegister.queueNotify:
        // §2.9: with notification data the upper half is the available index, which is read from the ring anyway.
        device.notify(device.negotiated(feature.notificationData) ? value & 0xffff : value);
        return;
      case mmioRegister.interruptAck:
        this.#state.interruptStatus &= ~value;
        this.#drive();
        return;
      case mmioRegister.status:
        this.#setStatus(value);
        return;
      case mmioRegister.queueReset:
        if (value === 1 && queue !== undefined) device.resetQueue(queue);
        return;
      default:
        this.#setQueueAddress(offset, value);
    }
  }

  #setQueueReady(queue: Queue | undefined, value: number): void {
    if (queue === undefined) return;
    if (value === 0) queue.disable();
    else this.device.enableQueue(queue);
  }

  #setQueueAddress(offset: number, value: number): void {
    const target = queueAddresses.get(offset);
    if (target !== undefined) this.#selectedQueue?.setAddress(...target, value);
  }

  #setStatus(value: number): void {
    this.device.setStatus(value & 0xff);
    if (value !== 0) return;
    // §4.2.2.1: a reset clears InterruptStatus; the device has cleared every QueueReady.
    this.#state = { deviceFeaturesSel: 0, driverFeaturesSel: 0, queueSel: 0, interruptStatus: 0 };
    this.#drive();
  }

  get #selectedQueue(): Queue | undefined {
    return this.device.queues[this.#state.queueSel];
  }

  #raise(bit: number): void {
    this.#state.interruptStatus |= bit;
    this.#drive();
  }

  #drive(): void {
    this.#irq.set(this.#state.interruptStatus !== 0);
  }
}

/** A slot without a device. §4.2.2.2: a driver passes it by in silence, as its DeviceID is 0. */
export class EmptyMmioSlot implements MmioRegion {
  readonly name = 'virtio-mmio (empty)';
  readonly size = regionSize;

  read(offset: number, size: 1 | 2 | 4): number {
    if (size !== 4) return 0;
    if (offset === mmioRegister.magicValue) return magicValue;
    return offset === mmioRegister.version ? versionNumber : 0;
  }

  write(): void {
    // §4.2.3.1.1: a driver writes nothing to a slot whose DeviceID is 0; who does all the same changes nothing.
  }
}
