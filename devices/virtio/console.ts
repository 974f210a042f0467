// VIRTIO 1.3, §5.3: the console device with several ports.
import { GuestFault } from '../guest-fault.ts';
import { ConsolePort } from './console-port.ts';
import type { PortOptions, PortState } from './console-port.ts';
import { VirtioDevice } from './device.ts';
import type { DeviceState, VirtioDeviceOptions } from './device.ts';
import type { Queue } from './queue.ts';

/** §5.3.3 */
export const consoleFeature = { size: 1n << 0n, multiport: 1n << 1n } as const;

/** §5.3.6.2: values of `event`. */
export const consoleEvent = {
  deviceReady: 0,
  deviceAdd: 1,
  deviceRemove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;

type ConsoleEvent = (typeof consoleEvent)[keyof typeof consoleEvent];

export interface VirtioConsoleOptions extends VirtioDeviceOptions {
  /** The ports by their numbers, at least one. Port 0 is also the console of a driver that knows no other ports. */
  readonly ports: readonly PortOptions[];
  /** Size of the terminal in characters; 0 while it is unknown. */
  readonly columns?: number;
  readonly rows?: number;
}

/** A message for the driver that waits for a buffer in the control receive queue. */
interface ControlMessage {
  readonly port: number;
  readonly event: ConsoleEvent;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface ConsoleState extends DeviceState {
  driverReady: boolean;
  columns: number;
  rows: number;
  control: ControlMessage[];
  ports: PortState[];
}

const deviceId = 3;
const queueSize = 128;
// §5.3.2: the queues of port 0, the control queues, the queues of port 1 …
const controlReceive = 2;
const controlTransmit = 3;
/** §5.3.6.2: le32 id, le16 event, le16 value. */
const controlHeader = 8;

/** Index of the queue that carries bytes to the guest; the one after it carries those from the guest. */
function receiveQueue(port: number): number {
  return port === 0 ? 0 : 2 * port + 2;
}

/** The console device. `ports` are what the host talks to. */
export class VirtioConsole extends VirtioDevice {
  readonly ports: readonly ConsolePort[];
  #columns: number;
  #rows: number;
  /** The driver has sent DEVICE_READY. */
  #driverReady = false;
  #control: ControlMessage[] = [];
  #finishing = false;

  constructor(options: VirtioConsoleOptions) {
    const { ports, columns = 0, rows = 0 } = options;
    if (ports.length === 0) throw new RangeError('a console device has at least one port');
    super(options, {
      name: 'virtio-console',
      id: deviceId,
      features: consoleFeature.size | consoleFeature.multiport,
      queueSizes: Array.from({ length: 2 * ports.length + 2 }, () => queueSize),
      configuration: encodeConfiguration(columns, rows, ports.length),
    });
    this.#columns = columns;
    this.#rows = rows;
    this.ports = ports.map(
      (port, id) =>
        new ConsolePort(id, port, {
          runReceive: () => this.#runQueue(receiveQueue(id)),
          runTransmit: () => this.#runQueue(receiveQueue(id) + 1),
          hostOpenChanged: () => this.#sendHostOpen(id),
        }),
    );
  }

  /** The terminal has a new size: tells every console of the guest. */
  resize(columns: number, rows: number): void {
    if (columns === this.#columns && rows === this.#rows) return;
    this.changeConfiguration(0, encodeSize(columns, rows));
    this.#columns = columns;
    this.#rows = rows;
    for (const port of this.ports) if (port.ready) this.#sendSize(port);
    this.#runQueue(controlReceive);
  }

  /**
   * The guest has come to its end by itself. What it has sent before is handed on now, whether a slice of time was over
   * or a port paused: one that says something and switches off has said it.
   */
  finish(): void {
    this.#finishing = true;
    for (const { id } of this.ports) this.#runQueue(receiveQueue(id) + 1);
    this.#finishing = false;
  }

  override get state(): ConsoleState {
    return {
      ...super.state,
      driverReady: this.#driverReady,
      columns: this.#columns,
      rows: this.#rows,
      control: this.#control.map((message) => ({ ...message, bytes: message.bytes.slice() })),
      ports: this.ports.map((port) => port.state),
    };
  }

  override set state(state: ConsoleState) {
    super.state = state;
    this.#driverReady = state.driverReady;
    this.#columns = state.columns;
    this.#rows = state.rows;
    this.#control = state.control.map((message) => ({ ...message, bytes: message.bytes.slice() }));
    for (const [id, port] of this.ports.entries()) {
      const saved = state.ports[id];
      if (saved !== undefined) port.state = saved;
    }
  }

  protected override serve(queue: Queue): void {
    const { index } = queue;
    if (index === controlReceive) this.#sendControl(queue);
    else if (index === controlTransmit) this.#receiveControl(queue);
    else this.#servePort(queue);
  }

  protected override onStop(): void {
    this.#driverReady = false;
    this.#control = [];
    for (const port of this.ports) {
      port.setReady(false);
      port.setGuestOpen(false);
    }
  }

  protected override onDriverOk(): void {
    // A driver without multiport never says that it has opened anything: port 0 is all there is.
    if (!this.negotiated(consoleFeature.multiport)) this.ports[0]?.setGuestOpen(true);
  }

  #servePort(queue: Queue): void {
    const port = this.ports[queue.index < 2 ? 0 : (queue.index >> 1) - 1];
    const timeIsUp = (): boolean => !this.#finishing && this.timeIsUp(queue);
    if (queue.index % 2 === 0) port?.feed(queue, timeIsUp);
    else port?.deliver(queue, timeIsUp, this.#finishing);
  }

  /** Moves waiting messages into the driver's control buffers. */
  #sendControl(queue: Queue): void {
    for (let message = this.#control[0]; message !== undefined; message = this.#control[0]) {
      const chain = queue.pop();
      if (chain === undefined) return;
      const { head } = chain;
      // §5.3.6.1
      if (chain.readableLength > 0) throw new GuestFault('readable buffer in the control receive queue', { head });
      if (chain.writableLength < message.bytes.length) {
        throw new GuestFault('control buffer too small', { head, length: chain.writableLength });
      }
      this.#control.shift();
      queue.push(chain, chain.write(message.bytes));
    }
  }

  #receiveControl(queue: Queue): void {
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const { head } = chain;
      // §5.3.6.1
      if (chain.writableLength > 0) throw new GuestFault('writable buffer in the control transmit queue', { head });
      if (chain.readableLength < controlHeader) {
        throw new GuestFault('control message of less than 8 bytes', { head, length: chain.readableLength });
      }
      const message = new DataView(chain.read(controlHeader).buffer);
      queue.push(chain, 0);
      this.#heed(message.getUint32(0, true), message.getUint16(4, true), message.getUint16(6, true));
      if (this.timeIsUp(queue)) break;
    }
    this.#runQueue(controlReceive);
  }

  /** §5.3.6.2: what a driver may say. Other events, and ports that do not exist, have no meaning and are passed over. */
  #heed(id: number, event: number, value: number): void {
    const port = this.ports[id];
    if (event === consoleEvent.deviceReady) this.#addPorts(value === 1);
    else if (event === consoleEvent.portReady && port !== undefined) this.#introduce(port, value === 1);
    else if (event === consoleEvent.portOpen) port?.setGuestOpen(value === 1);
  }

  #addPorts(success: boolean): void {
    // A port must not be added that exists already.
    if (!success || this.#driverReady) return;
    this.#driverReady = true;
    for (const port of this.ports) this.#send(port.id, consoleEvent.deviceAdd, 0);
  }

  /** The driver has set up a port, or could not: tells it once what the port is. */
  #introduce(port: ConsolePort, success: boolean): void {
    const known = port.ready;
    port.setReady(success);
    if (!success) port.setGuestOpen(false);
    if (!success || known) return;
    if (port.isConsole) this.#send(port.id, consoleEvent.consolePort, 1);
    this.#sendSize(port);
    if (port.name !== undefined) {
      this.#send(port.id, consoleEvent.portName, 1, new TextEncoder().encode(port.name));
    }
    if (port.hostOpen) this.#send(port.id, consoleEvent.portOpen, 1);
  }

  #sendSize(port: ConsolePort): void {
    if (!port.isConsole || (this.#columns === 0 && this.#rows === 0)) return;
    this.#send(port.id, consoleEvent.resize, 0, encodeSize(this.#columns, this.#rows));
  }

  #sendHostOpen(id: number): void {
    const port = this.ports[id];
    if (port?.ready !== true) return;
    this.#send(id, consoleEvent.portOpen, port.hostOpen ? 1 : 0);
    this.#runQueue(controlReceive);
  }

  #send(port: number, event: ConsoleEvent, value: number, payload: Uint8Array = new Uint8Array(0)): void {
    const bytes = new Uint8Array(controlHeader + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    bytes.set(payload, controlHeader);
    // Only the latest of a kind is worth telling, and so a driver that takes no messages does not make them pile up.
    this.#control = this.#control.filter((message) => message.port !== port || message.event !== event);
    this.#control.push({ port, event, bytes });
  }

  #runQueue(index: number): void {
    const queue = this.queues[index];
    if (queue !== undefined) this.run(queue);
  }
}

/** struct virtio_console_config: le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr (which is not offered). */
function encodeConfiguration(columns: number, rows: number, ports: number): Uint8Array<ArrayBuffer> {
  const configuration = new Uint8Array(12);
  configuration.set(encodeSize(columns, rows));
  new DataView(configuration.buffer).setUint32(4, ports, true);
  return configuration;
}

/** le16 columns, le16 rows. */
function encodeSize(columns: number, rows: number): Uint8Array<ArrayBuffer> {
  for (const count of [columns, rows]) {
    if (Number.isInteger(count) && count >= 0 && count <= 0xffff) continue;
    throw new RangeError(`terminal size ${columns} x ${rows} has to be two numbers from 0 to 65535`);
  }
  const size = new DataView(new ArrayBuffer(4));
  size.setUint16(0, columns, true);
  size.setUint16(2, rows, true);
  return new Uint8Array(size.buffer);
}
