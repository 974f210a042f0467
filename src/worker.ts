// The thread that a VM runs in: makes the machine that the main thread asks for, and carries bytes and messages.
import type { Backend } from '../devices/9p/backend.ts';
import type { Bytes, Log } from '../devices/ports.ts';
import type { ConsolePort } from '../devices/virtio/console-port.ts';
import { BootError } from './boot-error.ts';
import { VmError } from './errors.ts';
import { GuestStream, type GuestPort } from './guest-stream.ts';
import type { Host } from './host.ts';
import type {
  FromWorker,
  MachineEvent,
  MachineSetup,
  MachineStatistics,
  StreamName,
  ToWorker,
  VmExit,
} from './worker-protocol.ts';
import type { ShareSource } from './vm-options.ts';

/** A port of the console device, as the worker uses it. */
export type MachinePort = Pick<ConsolePort, 'listen' | 'write' | 'pause' | 'resume' | 'hostOpen'>;

/** What the worker asks of a machine. src/machine.ts is one. */
export interface WorkerMachine {
  run(): Promise<VmExit>;
  stop(): void;
  /** Tells the guest the size of its console in characters. */
  resizeConsole(columns: number, rows: number): void;
  readonly consolePort: MachinePort;
  readonly agentPort: MachinePort;
  readonly uart: { receive(bytes: Bytes): number };
  statistics(): MachineStatistics;
}

export interface WorkerMachineOptions extends Omit<MachineSetup, 'shares' | 'trace'> {
  readonly host: Host;
  readonly shares: readonly {
    readonly tag: string;
    readonly backend: Backend;
    readonly readOnly: boolean;
    readonly maximumMessageSize: number;
  }[];
  /** While the promise it returned is pending the machine stands still, as before a UART that is not ready. */
  onUartOutput(bytes: Bytes): void | Promise<void>;
  /** The UART has room, after `receive` took less than it was given. */
  onUartInputRoom(): void;
  readonly log: Log;
  readonly onEvent?: (event: MachineEvent) => void;
}

/** What the thread brings along: Node.js and the browser each have one. */
export interface WorkerPlatform {
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: ToWorker) => void): void;
  makeHost(doorbell: Int32Array<ArrayBufferLike>): Host;
  /** Throws VmError 'bad-file' where the share cannot be used. */
  openBackend(source: ShareSource, options: { readonly readOnly: boolean }): Promise<Backend>;
  /** Throws VmError 'bad-option' or 'bad-file' for a setup that no machine can be made of. */
  makeMachine(options: WorkerMachineOptions): WorkerMachine;
}

/** Events that may be under way to the main thread before the machine waits for it. */
const traceWindow = 4096;

/** Serves one VM, from its `start` message to its `exit`. */
export function serveVm(platform: WorkerPlatform): void {
  platform.onMessage((first) => {
    if (first.type !== 'start') throw new Error(`a worker's first message is start, not ${first.type}`);
    const server = new VmServer(platform);
    platform.onMessage((message) => server.receive(message));
    void server.serve(first);
  });
}

class VmServer {
  readonly #platform: WorkerPlatform;
  #machine: WorkerMachine | undefined;
  #streams: Readonly<Record<StreamName, GuestStream>> | undefined;
  #agentOpen = false;
  #agentOpening = 0;
  #kernelSpoke = false;
  #stopAsked = false;

  constructor(platform: WorkerPlatform) {
    this.#platform = platform;
  }

  /** Never rejects: every end is told to the main thread. */
  async serve(start: Extract<ToWorker, { type: 'start' }>): Promise<void> {
    const backends: Backend[] = [];
    try {
      const machine = await this.#make(start, backends);
      this.#machine = machine;
      this.#platform.post({ type: 'started' });
      const exit: VmExit = this.#stopAsked ? { reason: 'stopped' } : await machine.run();
      for (const stream of Object.values(this.#streams ?? {})) stream.flush();
      for (const backend of backends) await backend.close();
      this.#platform.post({ type: 'exit', exit, statistics: machine.statistics() });
    } catch (error) {
      for (const backend of backends) await closeAfterFailure(backend);
      this.#platform.post(failure(error));
    }
  }

  receive(message: ToWorker): void {
    const machine = this.#machine;
    switch (message.type) {
      case 'stop':
        this.#stopAsked = true;
        machine?.stop();
        break;
      case 'bytes': {
        const stream = this.#streams?.[message.stream];
        const late = message.stream === 'agent' && (!this.#agentOpen || message.opening !== this.#agentOpening);
        if (late) stream?.drop(message.bytes);
        else stream?.fromHost(message.bytes);
        break;
      }
      case 'credit':
        this.#streams?.[message.stream].addCredit(message.count);
        break;
      case 'close-agent':
        if (machine !== undefined) machine.agentPort.hostOpen = false;
        break;
      case 'resize':
        machine?.resizeConsole(message.columns, message.rows);
        break;
      case 'statistics':
        if (machine !== undefined) {
          this.#platform.post({ type: 'statistics', id: message.id, statistics: machine.statistics() });
        }
        break;
      case 'start':
        throw new Error('a worker is started once');
    }
  }

  async #make(
    { setup, doorbell, traceAcknowledged }: Extract<ToWorker, { type: 'start' }>,
    backends: Backend[],
  ): Promise<WorkerMachine> {
    const { shares, trace, ...rest } = setup;
    for (const { source, readOnly } of shares) backends.push(await this.#platform.openBackend(source, { readOnly }));
    const uart = new UartPort();
    const machine = this.#platform.makeMachine({
      ...rest,
      host: this.#platform.makeHost(doorbell),
      shares: shares.map(({ tag, readOnly, maximumMessageSize }, index) => {
        const backend = backends[index];
        if (backend === undefined) throw new RangeError(`share ${tag} has no backend`);
        return { tag, backend, readOnly, maximumMessageSize };
      }),
      onUartOutput: (bytes) => {
        this.#sawOutput();
        this.#streams?.uart.fromGuest(bytes);
        return uart.resumed;
      },
      onUartInputRoom: () => this.#streams?.uart.roomForInput(),
      log: (line) => this.#platform.post({ type: 'log', line }),
      ...(trace.length > 0 && { onEvent: this.#tracer(trace, traceAcknowledged) }),
    });
    uart.receive = (bytes) => machine.uart.receive(bytes);
    this.#streams = {
      uart: this.#stream('uart', uart),
      console: this.#stream('console', machine.consolePort),
      agent: this.#stream('agent', machine.agentPort),
    };
    this.#listen('console', machine.consolePort);
    this.#listen('agent', machine.agentPort);
    return machine;
  }

  #stream(stream: StreamName, port: GuestPort): GuestStream {
    return new GuestStream({
      port,
      post: (bytes) => this.#platform.post({ type: 'bytes', stream, bytes }, [bytes.buffer]),
      postCredit: (count) => this.#platform.post({ type: 'credit', stream, count }),
    });
  }

  #listen(stream: 'console' | 'agent', port: MachinePort): void {
    port.listen({
      data: (bytes) => {
        if (stream === 'console') this.#sawOutput();
        this.#streams?.[stream].fromGuest(bytes);
      },
      drain: () => this.#streams?.[stream].roomForInput(),
      open: (open) => {
        if (!open) this.#streams?.[stream].closedByGuest();
        if (stream === 'agent') this.#agentOpen = open;
        if (stream === 'agent' && open) this.#agentOpening += 1;
        this.#platform.post({ type: 'port', stream, open, opening: this.#agentOpening });
      },
    });
  }

  #sawOutput(): void {
    if (this.#kernelSpoke) return;
    this.#kernelSpoke = true;
    this.#platform.post({ type: 'kernel' });
  }

  /** Each event goes out at once: the machine may wait for the guest long before it turns the event loop again. */
  #tracer(
    wanted: readonly MachineEvent['type'][],
    acknowledged: Int32Array<ArrayBufferLike>,
  ): (event: MachineEvent) => void {
    let sent = 0;
    return (event) => {
      if (!wanted.includes(event.type)) return;
      this.#platform.post({ type: 'events', events: [event] });
      sent += 1;
      if (!(acknowledged.buffer instanceof SharedArrayBuffer)) return;
      // A main thread that cannot keep up stops the machine, or the trace would fill the memory between them.
      for (let seen = Atomics.load(acknowledged, 0); ((sent - seen) | 0) > traceWindow;) {
        Atomics.wait(acknowledged, 0, seen);
        seen = Atomics.load(acknowledged, 0);
      }
    };
  }
}

/** The UART as a port: a paused one makes the machine wait. */
class UartPort implements GuestPort {
  receive: (bytes: Bytes) => number = () => 0;
  #resume: (() => void) | undefined;
  #resumed: Promise<void> | undefined;

  /** Undefined unless the port is paused. */
  get resumed(): Promise<void> | undefined {
    return this.#resumed;
  }

  write(bytes: Bytes): number {
    return this.receive(bytes);
  }

  pause(): void {
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume?.();
    this.#resumed = this.#resume = undefined;
  }
}

/** The error that ended the machine is told; that a backend cannot close after it adds nothing. */
async function closeAfterFailure(backend: Backend): Promise<void> {
  await Promise.resolve(backend.close()).catch(() => undefined);
}

function failure(error: unknown): FromWorker {
  if (error instanceof VmError && (error.code === 'bad-option' || error.code === 'bad-file')) {
    return { type: 'refused', code: error.code, message: error.message };
  }
  if (error instanceof BootError) return { type: 'refused', code: 'bad-file', message: error.message };
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { type: 'failed', message, stack };
}
