// VIRTIO 1.3: what every virtio device is (§2.1 to §2.6), whatever transport it is plugged into.
import { GuestFault } from '../guest-fault.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Bytes, Log } from '../ports.ts';
import type { Chain } from './chain.ts';
import type { VirtioListener } from './events.ts';
import { Queue } from './queue.ts';
import type { SavedQueue } from './queue.ts';

/** §2.1: bits of the device status field. */
export const deviceStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;

/** §6: feature bits that belong to no device type. */
export const feature = {
  indirectDesc: 1n << 28n,
  eventIdx: 1n << 29n,
  version1: 1n << 32n,
  notificationData: 1n << 38n,
  ringReset: 1n << 40n,
} as const;

const commonFeatures =
  feature.indirectDesc | feature.eventIdx | feature.version1 | feature.notificationData | feature.ringReset;

/** How long one notification may keep the guest waiting, in milliseconds; what is left is done by `poll`. */
const sliceMilliseconds = 1;

/** How a device reaches its driver: §2.3's notifications, as the transport delivers them. */
export interface Transport {
  /** §2.3: a used buffer notification for the queue. */
  usedBuffers(queue: number): void;
  /** §2.3: a configuration change notification. */
  configurationChanged(): void;
}

/** What the machine gives to each virtio device. */
export interface VirtioDeviceOptions {
  readonly memory: GuestMemory;
  /** Receives a line whenever the guest breaks a rule so that the device needs a reset. */
  readonly log: Log;
  /**
   * Milliseconds from any origin, as performance.now. One notification handles requests for a millisecond of it at most:
   * a clock that stands still lifts the limit, which a deterministic machine needs.
   */
  readonly now: () => number;
  readonly onEvent?: VirtioListener | undefined;
}

/** What one type of device is. */
export interface DeviceType {
  /** For logs and events. */
  readonly name: string;
  /** §5: Device ID. */
  readonly id: number;
  /** Feature bits of the type (§2.2: 0 to 23 and above 49). */
  readonly features: bigint;
  /** The most entries of each virtqueue: powers of 2. */
  readonly queueSizes: readonly number[];
  /** The device configuration space at the start. */
  readonly configuration: Uint8Array<ArrayBuffer>;
}

/** What every device remembers; plain data. A device type adds its own members. */
export interface DeviceState {
  status: number;
  driverFeatures: bigint;
  configuration: Uint8Array<ArrayBuffer>;
  configurationGeneration: number;
  queues: SavedQueue[];
  /** Indexes of queues whose turn ended with a slice. */
  unfinished: number[];
}

/**
 * The transport-free part of a virtio device. A machine wires one so:
 *
 *     const device = new Virtio9p({ memory, log, now, server, tag: 'host', onFatal });
 *     const slot = new VirtioMmio(device, irqLine);       // an MmioRegion of 0x1000 bytes for the bus
 *
 * or, where it is to be a PCI function,
 *
 *     const pci = new VirtioPci(device, irqLine);         // for a PciHost, or any other PCI bus
 *
 * and its run loop, at the end of every slice, calls `device.poll()` while `device.pending`, and turns its event loop
 * while `device.outstanding` is not 0. A call into a device throws only for a mistake of ours, never for the guest's.
 *
 * A device type overrides `serve` and, where it has something to let go of, `onStop`.
 */
export abstract class VirtioDevice {
  readonly name: string;
  readonly id: number;
  readonly offeredFeatures: bigint;
  readonly queues: readonly Queue[];
  protected readonly memory: GuestMemory;
  protected emit: VirtioListener | undefined;
  readonly #log: Log;
  readonly #now: () => number;
  #transport: Transport | undefined;

  #status = 0;
  #driverFeatures = 0n;
  #configuration: Uint8Array<ArrayBuffer>;
  #configurationGeneration = 0;
  /** Of the transport, not of the device: no part of the record, nor changed by a reset. */
  #memoryPermitted = true;
  #sliceEnd = 0;
  /** Queues whose turn ended with the slice. */
  readonly #unfinished = new Set<Queue>();

  constructor({ memory, log, now, onEvent }: VirtioDeviceOptions, type: DeviceType) {
    this.name = type.name;
    this.id = type.id;
    this.offeredFeatures = commonFeatures | type.features;
    this.memory = memory;
    this.emit = onEvent;
    this.#log = log;
    this.#now = now;
    this.#configuration = type.configuration.slice();
    this.queues = type.queueSizes.map(
      (maximumSize, index) => new Queue({ index, maximumSize, memory, device: type.name, onEvent }),
    );
  }

  /** Plugs the device into a transport; done once, by the transport. */
  attach(transport: Transport): void {
    if (this.#transport !== undefined) throw new Error(`${this.name} is plugged into a transport already`);
    this.#transport = transport;
  }

  /**
   * Whether the device may read and write guest memory at all: a PCI function may not while its bus mastering is off. Until
   * it may again nothing is served; then what waits in the queues is. A request that is under way when the permission goes
   * can neither be answered nor be given back, so the device needs a reset.
   */
  permitMemory(permitted: boolean): void {
    if (permitted === this.#memoryPermitted) return;
    this.#memoryPermitted = permitted;
    this.#unfinished.clear();
    const { outstanding } = this;
    if (permitted && this.#live) for (const queue of this.queues) this.#unfinished.add(queue);
    if (permitted || outstanding === 0) return;
    this.fail(new GuestFault('bus mastering was switched off with requests under way', { outstanding }));
  }

  /** Gives the events from now on to `listener`; undefined for no longer. */
  listen(listener: VirtioListener | undefined): void {
    this.emit = listener;
    for (const queue of this.queues) queue.onEvent = listener;
  }

  /** §2.1: the device status field, as the driver reads it. */
  get status(): number {
    return this.#status;
  }

  /** The feature bits that the driver has accepted. */
  get driverFeatures(): bigint {
    return this.#driverFeatures;
  }

  /** Whether the feature is in use: accepted by the driver, and FEATURES_OK. */
  negotiated(bit: bigint): boolean {
    return this.#has(deviceStatus.featuresOk) && (this.#driverFeatures & bit) !== 0n;
  }

  /** §2.2: the driver accepts features; without effect once they are negotiated. */
  setDriverFeatures(features: bigint): void {
    if (!this.#has(deviceStatus.featuresOk)) this.#driverFeatures = features;
  }

  /** The driver writes the status field; 0 resets the device. */
  setStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    const wasLive = this.#live;
    // §2.1.1: a driver does not clear bits, and DEVICE_NEEDS_RESET is not its to set.
    let status = this.#status | (value & ~deviceStatus.needsReset);
    if (!this.#has(deviceStatus.featuresOk) && !this.#acceptable()) status &= ~deviceStatus.featuresOk;
    // §3.1.1: DRIVER_OK comes after FEATURES_OK was read back.
    if ((status & deviceStatus.featuresOk) === 0) status &= ~deviceStatus.driverOk;
    this.#status = status;
    this.#adoptFeatures();
    this.emit?.({ type: 'status', device: this.name, status });
    // Notifications that came too early were not heeded (§2.1.2); their buffers are there all the same.
    if (!wasLive && this.#live) {
      this.onDriverOk();
      for (const queue of this.queues) this.run(queue);
    }
  }

  /** §2.4: back to the start. Nothing of what the old driver set up is touched any more. */
  reset(): void {
    this.#stop();
    this.#status = 0;
    this.#driverFeatures = 0n;
    for (const queue of this.queues) queue.clear();
    this.emit?.({ type: 'status', device: this.name, status: 0 });
  }

  /** The driver sets a queue ready with what it configured. */
  enableQueue(queue: Queue): void {
    this.#guard(() => queue.enable());
  }

  /** §2.6.1: resets one queue. Without the feature it has no effect. */
  resetQueue(queue: Queue): void {
    if (this.negotiated(feature.ringReset)) queue.reset();
  }

  /** The driver's available buffer notification. One for a queue that does not exist or is not ready is spurious. */
  notify(index: number): void {
    const queue = this.queues[index];
    if (queue === undefined) return;
    this.emit?.({ type: 'notify', device: this.name, queue: index });
    this.run(queue);
  }

  /** Whether requests are waiting whose turn ended with the last slice. */
  get pending(): boolean {
    return this.#unfinished.size > 0;
  }

  /** Goes on with waiting requests for another slice. */
  poll(): void {
    for (const queue of this.queues) if (this.#unfinished.has(queue)) this.run(queue);
  }

  /** Requests that were taken from the guest and are not answered yet. */
  get outstanding(): number {
    return this.queues.reduce((sum, queue) => sum + queue.outstanding, 0);
  }

  /** Reads the configuration space as an unsigned little-endian number; 0 beyond its end. */
  readConfiguration(offset: number, size: 1 | 2 | 4): number {
    let value = 0;
    for (let byte = size - 1; byte >= 0; byte -= 1) value = value * 256 + (this.#configuration[offset + byte] ?? 0);
    return value;
  }

  /** Bytes of the configuration space. */
  get configurationLength(): number {
    return this.#configuration.length;
  }

  /** §2.5: changes whenever two reads of the configuration space may not belong together. */
  get configurationGeneration(): number {
    return this.#configurationGeneration;
  }

  /** Of those, how many no record can hold, as they can not begin anew: a snapshot waits until there are none. */
  get unrepeatable(): number {
    return this.outstanding;
  }

  /** The record for a snapshot, copied; taken while `unrepeatable` is 0. */
  get state(): DeviceState {
    return {
      status: this.#status,
      driverFeatures: this.#driverFeatures,
      configuration: this.#configuration.slice(),
      configurationGeneration: this.#configurationGeneration,
      queues: this.queues.map((queue) => queue.state),
      unfinished: [...this.#unfinished].map(({ index }) => index),
    };
  }

  /** Throws GuestFault for a record that no driver could have made. */
  set state(state: DeviceState) {
    this.#stop();
    this.#status = state.status;
    this.#driverFeatures = state.driverFeatures;
    this.#configuration = state.configuration.slice();
    this.#configurationGeneration = state.configurationGeneration;
    for (const [index, queue] of this.queues.entries()) {
      const saved = state.queues[index];
      if (saved === undefined) continue;
      queue.state = saved;
      // Nobody else would come for what is to be taken again.
      if (state.unfinished.includes(index) || saved.again.length > 0) this.#unfinished.add(queue);
    }
    this.#adoptFeatures();
  }

  /** Takes and answers what is available in `queue`, until there is nothing more or `timeIsUp`. */
  protected abstract serve(queue: Queue): void;

  /** The device is being reset or has failed: let go of every chain and of the driver's state. */
  protected abstract onStop(): void;

  /** The driver has set DRIVER_OK: the queues are live. */
  protected onDriverOk(): void {
    // Most devices wait for a notification.
  }

  /** Whether this turn is over; if so the queue gets another one by `poll`. Asked between two requests. */
  protected timeIsUp(queue: Queue): boolean {
    if (this.#now() < this.#sliceEnd) return false;
    this.#unfinished.add(queue);
    return true;
  }

  /** Serves a queue if the driver is ready for it, and notifies the driver of what was used. */
  protected run(queue: Queue): void {
    this.#unfinished.delete(queue);
    if (!this.#live || !this.#memoryPermitted || !queue.ready) return;
    this.#sliceEnd = this.#now() + sliceMilliseconds;
    this.#guard(() => this.serve(queue));
    this.#signal(queue);
  }

  /** Gives back a chain outside `serve`: later, when its answer has come. A chain from before a reset is dropped. */
  protected complete(queue: Queue, chain: Chain, length: number, touched = length): void {
    queue.push(chain, length, touched);
    this.#signal(queue);
  }

  /** Replaces bytes of the configuration space and tells the driver. */
  protected changeConfiguration(offset: number, bytes: Bytes): void {
    this.#configuration.set(bytes, offset);
    this.#configurationGeneration = (this.#configurationGeneration + 1) >>> 0;
    if (this.#has(deviceStatus.driverOk)) this.#notifyOfConfiguration();
  }

  /** The guest's fault: the device stops until it is reset, says so in the log and tells the driver. */
  protected fail(fault: GuestFault): void {
    if (this.#has(deviceStatus.needsReset)) return;
    this.#stop();
    this.#status |= deviceStatus.needsReset;
    this.emit?.({ type: 'fault', device: this.name, message: fault.message });
    this.#log(`${this.name}: ${fault.message}; the device needs a reset`);
    // §2.1.2: the driver is told only once it has set DRIVER_OK.
    if (this.#has(deviceStatus.driverOk)) this.#notifyOfConfiguration();
  }

  get #live(): boolean {
    return this.#has(deviceStatus.driverOk) && !this.#has(deviceStatus.needsReset);
  }

  #has(bit: number): boolean {
    return (this.#status & bit) !== 0;
  }

  // §2.2.2, §6.2: only what was offered, and never without VERSION_1.
  #acceptable(): boolean {
    return (this.#driverFeatures & ~this.offeredFeatures) === 0n && (this.#driverFeatures & feature.version1) !== 0n;
  }

  #adoptFeatures(): void {
    const indirectDescriptors = this.negotiated(feature.indirectDesc);
    const eventIndex = this.negotiated(feature.eventIdx);
    for (const queue of this.queues) queue.negotiate({ indirectDescriptors, eventIndex });
  }

  #stop(): void {
    // First the device's own work, so that nothing writes a buffer after it was reported.
    this.onStop();
    for (const queue of this.queues) queue.abandon();
    this.#unfinished.clear();
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.fail(error);
    }
  }

  #signal(queue: Queue): void {
    if (!queue.wantsInterrupt()) return;
    this.#transport?.usedBuffers(queue.index);
    this.emit?.({ type: 'interrupt', device: this.name, queue: queue.index });
  }

  #notifyOfConfiguration(): void {
    this.#transport?.configurationChanged();
    this.emit?.({ type: 'configuration', device: this.name });
  }
}
