// Runs a case of rings, and holds the device to what it promises: it throws nothing; it writes its used ring and the
// buffers that a chain calls writable, reports every byte of it, and nothing once the driver has reset it; it answers every
// request that it took or says that it needs a reset; and it works again after one, whatever was before.
import type { Backend } from '../../devices/9p/backend.ts';
import { encodeMessage } from '../../devices/9p/client-message.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { messages } from '../../devices/9p/messages.ts';
import { gather, totalLength } from '../../devices/9p/scatter.ts';
import { Server } from '../../devices/9p/server.ts';
import { GuestMemory } from '../../devices/guest-memory.ts';
import type { GuestMemoryLayout } from '../../devices/guest-memory.ts';
import { Virtio9p } from '../../devices/virtio/9p.ts';
import type { NinePExchange } from '../../devices/virtio/9p.ts';
import { deviceStatus, feature } from '../../devices/virtio/device.ts';
import type { VirtioEvent } from '../../devices/virtio/events.ts';
import { Gate, Ledger } from '../devices/9p/backends.ts';
import { IrqProbe, ramBase } from '../driver.ts';
import type { DriverRegister, TransportName } from '../transports.ts';
import { place, queueSize, ramLength } from './ring-case.ts';
import type { RingCase, RingStep } from './ring-case.ts';
import { fuzzedTransport } from './ring-transport.ts';
import type { FuzzedTransport } from './ring-transport.ts';
import { Violation } from './violation.ts';
import { filledMemory } from './worlds.ts';

/** Milliseconds that a look at the clock takes: a turn of the device ends after three requests. */
const look = 0.3;
const version = new TextEncoder().encode('9P2000.L');

/** Guest RAM that another hart may write: whatever the device has read is something else when it looks again. */
class RacedMemory extends GuestMemory {
  isRaced = false;
  readonly #bytes: Uint8Array;
  readonly #stored: (offset: number, length: number) => void;

  constructor(layout: GuestMemoryLayout, stored: (offset: number, length: number) => void) {
    super(layout);
    this.#bytes = new Uint8Array(layout.buffer, layout.byteOffset, layout.length);
    this.#stored = stored;
  }

  override readU16(address: number): number {
    return this.#race(address, 2, super.readU16(address));
  }

  override readU32(address: number): number {
    return this.#race(address, 4, super.readU32(address));
  }

  override readU64(address: number): number {
    return this.#race(address, 8, super.readU64(address));
  }

  #race(address: number, length: number, value: number): number {
    if (!this.isRaced) return value;
    const at = address - this.base;
    for (let i = at; i < at + length; i++) this.#bytes[i] = ~(this.#bytes[i] as number);
    this.#stored(at, length);
    return value;
  }
}

/** Writable bytes of RAM that the device was told of: first, and behind the last. */
type Range = readonly [start: number, end: number];

export class RingRunner {
  /** Rings that were set up and notified. */
  rings = 0;
  /** Called with a number for what happened: event, kind of fault, state of the device. */
  onOutcome: (outcome: string) => void = () => undefined;
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(ramLength));
  readonly #data = new DataView(this.#bytes.buffer);
  /** RAM as it is by all that was written by the driver, or reported. */
  readonly #expected = new Uint8Array(ramLength);
  readonly #memory: RacedMemory;
  readonly #store = filledMemory();
  readonly #ledger = new Ledger();
  readonly #gate = new Gate();
  readonly #server: Server;
  readonly #device: Virtio9p;
  readonly #transport: FuzzedTransport;
  readonly #irq = new IrqProbe();
  readonly #waits: boolean;
  /** Requests that only another request makes possible: a lock that somebody has. */
  #postponed = 0;
  #ranges: Range[] = [];
  #nextAvailable = 0;
  #isNewRing = false;
  #fatal: unknown;
  #time = 0;
  #faults = 0;
  #lines = 0;

  constructor(waits: boolean, transport: TransportName = 'mmio') {
    this.#waits = waits;
    this.#memory = new RacedMemory(
      { buffer: this.#bytes.buffer, byteOffset: 0, length: ramLength, base: ramBase },
      (at, length) => this.#driverWrote(at, length),
    );
    this.#memory.onWritten((address, length) => this.#reported(address - ramBase, length));
    let backend: Backend = this.#store;
    if (waits) {
      backend = this.#gate.over(this.#ledger.over(backend));
      this.#gate.holdAll();
    }
    this.#server = new Server({ backend });
    this.#device = new Virtio9p({
      memory: this.#memory,
      log: () => void this.#lines++,
      now: () => (this.#time += look),
      tag: 'fuzz',
      server: {
        answer: (exchange) => this.#answer(exchange),
        reset: () => this.#server.reset(),
      },
      onFatal: (error) => (this.#fatal ??= error),
      onEvent: (event) => this.#heard(event),
    });
    this.#transport = fuzzedTransport(transport, this.#device, this.#irq);
  }

  async step(step: RingStep): Promise<void> {
    switch (step.do) {
      case 'write':
      case 'read':
        this.#transport.access(step);
        break;
      case 'start':
        this.#start(step.features);
        break;
      case 'describe':
        this.#describe(step);
        break;
      case 'offer':
        this.#data.setUint16(place.available + 4 + 2 * (this.#nextAvailable % queueSize), step.head, true);
        this.#driverWrote(place.available + 4, 2 * queueSize);
        this.#moveAvailable(1);
        break;
      case 'jump':
        this.#moveAvailable(step.by);
        break;
      case 'store':
        this.#storeBytes(step.at, Buffer.from(step.bytes, 'hex'));
        break;
      case 'notify':
        this.#notify(step.value);
        break;
      case 'poll':
        this.#device.poll();
        break;
      case 'race':
        this.#memory.isRaced = step.on;
        break;
      case 'settle':
        await this.#settle(step);
        break;
    }
    // A turn of the event loop, in which replies of Tversion and Tflush arrive, and whatever was waited for.
    if (this.#device.outstanding > 0 && step.do !== 'store' && step.do !== 'describe') await turn();
    this.#check(step.do);
  }

  async end(): Promise<void> {
    this.#memory.isRaced = false;
    await this.#settleAll();
    if (this.#device.outstanding > this.#postponed) throw new Violation('a request was never answered');
    this.#check('all has ended');
    this.#transport.found().write('status', 0);
    await this.#settleAll();
    this.#check('a reset');
    if (this.#server.fidCount !== 0) throw new Violation('fids are left after a reset');
    const handles = this.#store.handleCount;
    if (handles + this.#ledger.held !== 0)
      throw new Violation('something is left behind', `${handles} nodes and files`);
    await this.#worksAgain();
  }

  /** The next driver negotiates a version. */
  async #worksAgain(): Promise<void> {
    this.#gate.open();
    this.#bytes.fill(0);
    this.#expected.fill(0);
    this.#start([0, 1]);
    const message = encodeMessage('Tversion', 0xffff, { msize: 8192, version });
    this.#storeBytes(place.messages, message);
    const address = (at: number): readonly [number, number] => [ramBase + at, 0];
    const rest = { do: 'describe', table: 0 } as const;
    this.#describe({ ...rest, index: 0, address: address(place.messages), length: message.length, flags: 1, next: 1 });
    this.#describe({ ...rest, index: 1, address: address(place.replies), length: 100, flags: 2, next: 0 });
    await this.step({ do: 'offer', head: 0 });
    await this.step({ do: 'notify', value: 0 });
    await turn();
    this.#check('a new driver');
    const isAnswered = this.#data.getUint16(place.used + 2, true) === 1 && this.#bytes[place.replies + 4] === 101;
    if (!isAnswered) throw new Violation('a new driver gets no answer');
  }

  #answer(exchange: NinePExchange): number | Promise<number> {
    const type = new Uint8Array(5);
    gather(exchange.readable, 0, Math.min(5, totalLength(exchange.readable)), type, 0);
    const answer = this.#server.answer(exchange);
    if (typeof answer === 'number' || type[4] !== messages.Tlock.type) return answer;
    this.#postponed++;
    return answer.finally(() => void this.#postponed--);
  }

  #check(after: string): void {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (this.#lines !== this.#faults) throw new Violation('a fault without its line', after);
    // What waits writes its buffers before it reports them.
    const isSettled = !this.#waits || this.#device.outstanding === 0;
    if (isSettled && Buffer.compare(this.#bytes, this.#expected) !== 0) {
      const at = this.#bytes.findIndex((byte, index) => byte !== this.#expected[index]);
      throw new Violation('RAM was written and not reported', `offset 0x${at.toString(16)} after ${after}`);
    }
    if (this.#irq.asserted !== this.#transport.interrupts())
      throw new Violation('the interrupt line is not what its causes are');
    if (this.#device.outstanding === 0) this.#ranges = [];
  }

  #heard(event: VirtioEvent): void {
    if (event.type === 'fault') {
      this.#faults++;
      this.onOutcome(event.message.replaceAll(/\(.*\)/g, ''));
    } else if (event.type === 'pop') {
      for (const { kind, address, length } of event.descriptors)
        if (kind === 'writable') this.#ranges.push([address - ramBase, address - ramBase + length]);
      this.onOutcome(`pop ${event.descriptors.map(({ kind }) => kind[0]).join('')}`);
    } else if (event.type === 'push') {
      if (!this.#transport.mayUseMemory()) throw new Violation('a chain was used without bus mastering');
      this.onOutcome(`push ${Math.min(event.length, 64)}`);
    }
  }

  /** The device reports that it has written. */
  #reported(at: number, length: number): void {
    const isWithin = ([start, end]: Range): boolean => at >= start && at + length <= end;
    // Buffers that touch are reported as one.
    const isAllowed = this.#ranges.some(isWithin) || isWithin(this.#usedRing()) || this.#covered(at, at + length);
    if (!isAllowed)
      throw new Violation('RAM was written that nobody offered', `${length} bytes at 0x${at.toString(16)}`);
    this.#expected.set(this.#bytes.subarray(at, at + length), at);
  }

  /** Where the driver has put it, which may be anywhere. */
  #usedRing(): Range {
    const { ready, size, deviceArea } = this.#device.queues[0]!.state;
    const start = deviceArea.high * 2 ** 32 + deviceArea.low - ramBase;
    return ready ? [start, start + 6 + 8 * size] : [0, 0];
  }

  #covered(start: number, end: number): boolean {
    let at = start;
    for (let next = at; at < end; at = next) {
      for (const [from, to] of this.#ranges) if (from <= at && to > next) next = to;
      if (next === at) return false;
    }
    return true;
  }

  #driverWrote(at: number, length: number): void {
    this.#expected.set(this.#bytes.subarray(at, at + length), at);
  }

  #storeBytes(at: number, bytes: Uint8Array): void {
    const fitting = bytes.subarray(0, Math.max(0, ramLength - at));
    this.#bytes.set(fitting, at);
    this.#driverWrote(at, fitting.length);
  }

  #describe({ table, index, address: [low, high], length, flags, next }: RingStep & { readonly do: 'describe' }): void {
    const at = (table === 0 ? place.table : (place.indirect[table - 1] ?? place.table)) + 16 * index;
    this.#data.setUint32(at, low, true);
    this.#data.setUint32(at + 4, high, true);
    this.#data.setUint32(at + 8, length, true);
    this.#data.setUint16(at + 12, flags, true);
    this.#data.setUint16(at + 14, next, true);
    this.#driverWrote(at, 16);
  }

  #moveAvailable(by: number): void {
    this.#nextAvailable = (this.#nextAvailable + by) & 0xffff;
    this.#data.setUint16(place.available + 2, this.#nextAvailable, true);
    this.#driverWrote(place.available, 4);
  }

  #notify(value: number): void {
    if (this.#isNewRing) this.rings++;
    this.#isNewRing = false;
    this.#transport.notify(value);
  }

  #start([low, high]: readonly [number, number]): void {
    const registers = this.#transport.found();
    const write = (register: DriverRegister, value: number): void => registers.write(register, value);
    write('status', 0);
    this.#nextAvailable = 0;
    this.#bytes.fill(0, place.available, place.indirect[0]);
    this.#driverWrote(place.available, place.indirect[0] - place.available);
    const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;
    write('status', acknowledge | driver);
    for (const [word, value] of [low, high].entries()) {
      write('driverFeaturesSel', word);
      write('driverFeatures', value);
    }
    write('status', acknowledge | driver | featuresOk);
    write('queueSel', 0);
    write('queueSize', queueSize);
    for (const [register, at] of [
      ['queueDesc', place.table],
      ['queueDriver', place.available],
      ['queueDevice', place.used],
    ] as const) {
      write(`${register}Low`, ramBase + at);
      write(`${register}High`, 0);
    }
    write('queueReady', 1);
    write('status', acknowledge | driver | featuresOk | driverOk);
    this.#isNewRing = true;
  }

  async #settle({ which, error }: RingStep & { readonly do: 'settle' }): Promise<void> {
    const { held } = this.#gate;
    const operation = held[which % held.length];
    if (operation === undefined) return;
    if (error === undefined || operation.method === 'release') await operation.release();
    else await operation.fail(new Errno(error));
  }

  /** Until nothing waits: neither operations nor replies nor the rest of a turn. */
  async #settleAll(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      await this.#gate.releaseAll();
      await turn();
      if (!this.#device.pending && this.#gate.held.length === 0) return;
      if (rounds > 10_000) throw new Violation('the device never comes to rest');
      this.#device.poll();
    }
  }
}

/** VERSION_1 and what a driver may use beside it, as words. */
export const usualFeatures: readonly (readonly [number, number])[] = [
  [0, 1],
  [Number(feature.indirectDesc), 1],
  [Number(feature.indirectDesc | feature.eventIdx), 1],
  [Number(feature.eventIdx), 1 | Number(feature.ringReset >> 32n) | Number(feature.notificationData >> 32n)],
  [Number(feature.indirectDesc) | 1, 1 | Number(feature.ringReset >> 32n)],
];

async function turn(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
}

/** Runs a case as it is written. Throws what it broke. */
export async function runRings({ waits, transport, steps }: RingCase): Promise<void> {
  const runner = new RingRunner(waits, transport);
  for (const step of steps) await runner.step(step);
  await runner.end();
}
