// A console and its driver, for tests.
import { expect } from 'vitest';
import type { ConsolePort } from '../../../devices/virtio/console-port.ts';
import { consoleEvent, VirtioConsole } from '../../../devices/virtio/console.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { plug } from '../../transports.ts';

const bufferSize = 64;
export const agentName = 'vm9.agent';

/** A control message: [port, event, value, the bytes after the header]. */
type Message = readonly [port: number, event: number, value: number, payload: readonly number[]];

/** A console with two ports, and the driver's half: what Linux's driver does, by hand. */
export class ConsoleBench {
  readonly ram: GuestRam;
  readonly log: string[] = [];
  readonly irq = new IrqProbe();
  readonly device: VirtioConsole;
  readonly driver: Driver;
  time = 0;
  readonly #buffers = new Map<string, number>();

  constructor(options: { columns?: number; rows?: number } = {}) {
    this.ram = new GuestRam({ length: 8 << 20 });
    this.device = new VirtioConsole({
      memory: this.ram.memory,
      log: (line) => this.log.push(line),
      now: () => this.time,
      ports: [{ console: true }, { name: agentName }],
      ...options,
    });
    this.driver = new Driver(plug(this.device, this.irq).registers, this.ram);
  }

  get console(): ConsolePort {
    return this.device.ports[0]!;
  }

  get agent(): ConsolePort {
    return this.device.ports[1]!;
  }

  queue(index: number): DriverQueue {
    return this.driver.queues[index]!;
  }

  /** Gives the device an empty buffer to fill. */
  provide(index: number, count = 1, length = bufferSize): void {
    for (let done = 0; done < count; done += 1) {
      const address = this.ram.allocate(length, 128);
      const head = this.queue(index).add([{ address, length, writable: true }]);
      this.#buffers.set(`${index} ${head}`, address);
    }
    this.queue(index).kick();
  }

  /** What the device has put into buffers of a queue since the last call. */
  received(index: number): number[][] {
    const all: number[][] = [];
    for (let used = this.queue(index).takeUsed(); used !== undefined; used = this.queue(index).takeUsed()) {
      all.push([...this.ram.view(this.#buffers.get(`${index} ${used.head}`)!, used.length)]);
    }
    return all;
  }

  /** Sends bytes on a queue as one readable buffer; returns whether the device took them at once. */
  send(index: number, bytes: readonly number[]): boolean {
    const queue = this.queue(index);
    queue.add([{ address: this.ram.place(new Uint8Array(bytes)), length: bytes.length }]);
    queue.kick();
    return queue.takeUsed() !== undefined;
  }

  control(port: number, event: number, value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    expect(this.send(3, [...new Uint8Array(view.buffer)])).toBe(true);
  }

  messages(): Message[] {
    return this.received(2).map((bytes) => {
      const view = new DataView(new Uint8Array(bytes).buffer);
      return [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true), bytes.slice(8)];
    });
  }

  /** Up to the point where the console driver has opened its port and a process the agent's. */
  boot(features?: bigint): this {
    this.driver.start(features === undefined ? {} : { features });
    this.provide(2, 32);
    this.control(0, consoleEvent.deviceReady, 1);
    for (const port of [0, 1]) {
      this.control(port, consoleEvent.portReady, 1);
      this.control(port, consoleEvent.portOpen, 1);
    }
    this.messages();
    return this;
  }
}

/** The bytes that a port brings, as they come. */
export function collect(port: ConsolePort): number[] {
  const bytes: number[] = [];
  port.listen({ data: (piece) => bytes.push(...piece) });
  return bytes;
}
