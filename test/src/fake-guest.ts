// A machine for tests of what is around machines: its guest is a few lines of TypeScript. The worker's side is the real
// one, in this thread; every message is cloned as between threads.
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Backend } from '../../devices/9p/backend.ts';
import type { PortListener } from '../../devices/virtio/console-port.ts';
import { guestFrame, hostFrameReader, HELLO_MAGIC, type GuestFrame, type HostFrame } from '../../src/agent/frames.ts';
import type { Host } from '../../src/host.ts';
import type { Platform, WorkerHandle } from '../../src/platform.ts';
import { openPort } from '../../src/node/open-port.ts';
import type { PortEnd, TransferablePort } from '../../src/port.ts';
import type { FromShare } from '../../src/share-protocol.ts';
import { Vm } from '../../src/vm.ts';
import type { VmOptions } from '../../src/vm-options.ts';
import { serveVm } from '../../src/worker.ts';
import type { MachinePort, TraceListener, WorkerMachine, WorkerMachineOptions } from '../../src/worker-machine.ts';
import type {
  FromWorker,
  MachineEvent,
  MachineStatistics,
  ShareTraffic,
  ToWorker,
  VmExit,
} from '../../src/worker-protocol.ts';

/** The guest's end of a port. */
export class FakePort implements MachinePort {
  guestOpen = false;
  readonly #received: Uint8Array[] = [];
  hostOpen = true;
  paused = false;
  /** How many bytes the guest takes before it says that it has room again. */
  room = Infinity;
  #listener: PortListener | undefined;

  listen(listener: PortListener): void {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    this.#received.push(bytes.slice(0, taken));
    this.room -= taken;
    this.onReceive(bytes.subarray(0, taken));
    return taken;
  }

  onReceive: (bytes: Uint8Array) => void = () => undefined;

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  // What the guest does:
  open(open = true): void {
    this.#listener?.open?.(open);
  }

  send(bytes: Uint8Array | string): void {
    this.#listener?.data(Uint8Array.from(Buffer.from(bytes)));
  }

  drain(room: number): void {
    this.room = room;
    this.#listener?.drain?.();
  }

  get received(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#received));
  }

  text(): string {
    return Buffer.from(this.received).toString();
  }
}

export class FakeMachine implements WorkerMachine {
  readonly options: WorkerMachineOptions;
  readonly consolePort = new FakePort();
  readonly agentPort = new FakePort();
  readonly uartPort = new FakePort();
  readonly uart = { receive: (bytes: Uint8Array): number => this.uartPort.write(bytes) };
  readonly sizes: [number, number][] = [];
  busySeconds = 0;
  onEvent: TraceListener | undefined;
  traced: readonly MachineEvent['type'][] = [];
  resets = 0;
  /** How often the shares were plugged in. */
  plugs = 0;
  /** How often the statistics were asked for. */
  questions = 0;
  p9: ShareTraffic = { requests: 3, bytesIn: 40, bytesOut: 50 };
  #end: (exit: VmExit | Error) => void = () => undefined;

  constructor(options: WorkerMachineOptions) {
    this.options = options;
  }

  run(): Promise<VmExit> {
    return new Promise((resolve, reject) => {
      this.#end = (exit) => (exit instanceof Error ? reject(exit) : resolve(exit));
    });
  }

  stop(): void {
    this.end({ reason: 'stopped' });
  }

  reset(): Promise<void> {
    this.resets++;
    this.agentPort.open(false);
    return Promise.resolve();
  }

  plugShares(): void {
    this.plugs++;
  }

  trace(types: readonly MachineEvent['type'][], listener: TraceListener): void {
    this.traced = types;
    this.onEvent = listener;
  }

  /** Ends the run: an Error is a defect. */
  end(exit: VmExit | Error): void {
    this.#end(exit);
  }

  atRest(): never {
    throw new Error('a machine without hart and RAM has no snapshot');
  }

  resizeConsole(columns: number, rows: number): void {
    this.sizes.push([columns, rows]);
  }

  statistics(): MachineStatistics {
    this.questions++;
    const { p9 } = this;
    const { busySeconds } = this;
    return { instructions: 1e6, busySeconds, idleSeconds: 0, mips: 1, tlbMisses: 0, p9, shares: { host: p9 } };
  }
}

/** The agent of a guest: answers as `answer` says. */
export class FakeAgent {
  readonly requests: HostFrame[] = [];
  readonly #port: FakePort;

  constructor(port: FakePort, answer: (frame: HostFrame) => readonly GuestFrame[]) {
    this.#port = port;
    const reader = hostFrameReader(1 << 20);
    port.onReceive = (bytes) => {
      reader.push(bytes, (frame) => {
        this.requests.push(frame);
        for (const reply of answer(frame)) this.send(reply);
      });
    };
    port.open();
    const software = Buffer.from('fake');
    const body = { magic: HELLO_MAGIC, oldest: 2, newest: 2, maxPayload: 262_144, inputWindow: 65_536, software };
    this.send({ name: 'Hello', id: 0, body });
  }

  send(frame: GuestFrame): void {
    this.#port.send(guestFrame(frame));
  }
}

/** An agent's yes to everything that is not a program. */
export function agree(frame: HostFrame): readonly GuestFrame[] {
  const isRequest = ['Mount', 'Power', 'SetClock', 'Reseed'].includes(frame.name);
  return isRequest ? [{ name: 'Reply', id: frame.id, body: { errno: 0, text: new Uint8Array() } }] : [];
}

export interface FakePlatformOptions {
  /** Brings the machine to life once it runs. */
  readonly boot?: (machine: FakeMachine) => void;
  readonly openBackend?: () => Promise<Backend>;
  /** How many times faster than ours the platform's time goes by. */
  readonly haste?: number;
  /** Default: true. */
  readonly sharedMemory?: boolean;
}

/** Runs workers in this thread. `machines` are those that were made, `workers` counts those that are not terminated. */
export class FakePlatform implements Platform {
  randomFill(bytes: Uint8Array<ArrayBuffer>): void {
    bytes.fill(4);
  }

  readonly machines: FakeMachine[] = [];
  readonly sharedMemory: boolean;
  workers = 0;
  /** Whether somebody waits for the worker. */
  awaited = false;
  kill: (error: Error) => void = () => undefined;
  readonly #options: FakePlatformOptions;

  constructor(options: FakePlatformOptions = {}) {
    this.#options = options;
    this.sharedMemory = options.sharedMemory ?? true;
  }

  startWorker(): WorkerHandle {
    this.workers += 1;
    let toMain: (message: FromWorker) => void = () => undefined;
    let toWorker: (message: ToWorker) => void = () => undefined;
    let terminated = false;
    serveVm({
      post: (message, transfer = []) => {
        const copy = structuredClone(message, { transfer: [...transfer] });
        setImmediate(() => toMain(copy));
      },
      onMessage: (listener) => (toWorker = listener),
      openPort,
      makeHost: () => ({}) as Host,
      openDrive: () => Promise.reject(new Error('no drives here')),
      openBackend: this.#options.openBackend ?? (() => Promise.resolve({ close: () => undefined } as Backend)),
      makeMachine: (options) => {
        const machine = new FakeMachine(options);
        this.machines.push(machine);
        setImmediate(() => this.#options.boot?.(machine));
        return machine;
      },
    });
    return {
      post: (message, transfer = []) => {
        const copy = structuredClone(message, { transfer: transfer as MessagePort[] });
        setImmediate(() => {
          if (!terminated) toWorker(copy);
        });
      },
      setAwaited: (awaited) => (this.awaited = awaited),
      onMessage: (listener) => (toMain = listener),
      onFailure: (listener) => (this.kill = listener),
      terminate: () => {
        terminated = true;
        this.workers -= 1;
        return Promise.resolve();
      },
    };
  }

  makeChannel(onMessage: (message: FromShare) => void): { end: PortEnd; port: TransferablePort } {
    const { port1, port2 } = new MessageChannel();
    return { end: openPort(port1, onMessage), port: port2 };
  }

  startWasiWorker(): never {
    throw new Error('no WASI program is run here');
  }

  makePorts(): { port: TransferablePort; peer: TransferablePort } {
    const { port1, port2 } = new MessageChannel();
    return { port: port1, peer: port2 };
  }

  loadGuestImage(): Promise<{ kernel: Uint8Array; initrd: Uint8Array }> {
    return Promise.resolve({ kernel: Uint8Array.of(1), initrd: Uint8Array.of(2) });
  }

  now(): number {
    return performance.now() * (this.#options.haste ?? 1);
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = setTimeout(callback, milliseconds / (this.#options.haste ?? 1));
    return () => clearTimeout(timer);
  }

  get machine(): FakeMachine {
    const machine = this.machines.at(-1);
    if (machine === undefined) throw new Error('no machine was made');
    return machine;
  }
}

/** A guest with an agent that agrees to everything. */
export const agentBoots: FakePlatformOptions = { boot: (machine) => void new FakeAgent(machine.agentPort, agree) };

/** A VM, and the platform that it runs on. */
export function makeVm(
  options: VmOptions = {},
  platformOptions: FakePlatformOptions = agentBoots,
): { readonly platform: FakePlatform; readonly vm: Vm } {
  const platform = new FakePlatform(platformOptions);
  return { platform, vm: new Vm(platform, options) };
}

/** Lets everything that is under way arrive. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}
