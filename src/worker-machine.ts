// A machine in its worker: from what the main thread asks for to the machine's end, with its streams and messages.
import type { Awaitable, Backend } from '../devices/9p/backend.ts';
import type { P9Event, Statistics } from '../devices/9p/trace.ts';
import type { Bytes, Log } from '../devices/ports.ts';
import type { NinePServer } from '../devices/virtio/9p.ts';
import type { ConsolePort } from '../devices/virtio/console-port.ts';
import type { VirtioDevice, VirtioDeviceOptions } from '../devices/virtio/device.ts';
import { Deferred } from './agent/deferred.ts';
import type { Identity } from './disk/identity.ts';
import { VmError } from './errors.ts';
import { GuestStream, type GuestPort } from './guest-stream.ts';
import type { Host } from './host.ts';
import type { MachineParts } from './snapshot/machine-snapshot.ts';
import type { SavedSection } from './snapshot/container.ts';
import type { OpenSnapshot } from './snapshot/worker-side.ts';
import type { TraceSender } from './trace-window.ts';
import { MmioSlots } from './virtio-slots.ts';
import type { MakeSlots } from './virtio-slots.ts';
import type {
  BootImage,
  FromWorker,
  MachineEvent,
  MachineSetup,
  MachineStatistics,
  StreamName,
  ToWorker,
  VirtioTransport,
  VmExit,
} from './worker-protocol.ts';

/** A port of the console device, as the worker uses it. */
export type MachinePort = Pick<ConsolePort, 'listen' | 'write' | 'pause' | 'resume' | 'hostOpen' | 'guestOpen'>;

/** While the promise it returned is pending the machine stands still; what is under way until then still comes. */
export type TraceListener = (event: MachineEvent) => void | Promise<void>;

/** What the worker asks of a machine. src/machine.ts is one. */
export interface WorkerMachine {
  run(): Promise<VmExit>;
  stop(): void;
  /** Restarts the guest, as by the button. Resolves when its new life begins, or when the machine has stopped. */
  reset(): Promise<void>;
  /**
   * Does `work` between two instructions; the hart stands still until it is done. Rejects as it does, and with VmError 'stopped'
   * where the machine ends before. Who asks waits for the end of it before he asks again.
   */
  atRest<Result>(work: (parts: MachineParts) => Promise<Result>): Promise<Result>;
  /** Plugs in the shares, where they were to come later. The guest finds them when it looks. Not within a run of the hart. */
  plugShares(): void;
  /** Gives what happens from now on, of these types, to `listener`. */
  trace(types: readonly MachineEvent['type'][], listener: TraceListener): void;
  /** Tells the guest the size of its console in characters. */
  resizeConsole(columns: number, rows: number): void;
  readonly consolePort: MachinePort;
  readonly agentPort: MachinePort;
  readonly uart: { receive(bytes: Bytes): number };
  statistics(): MachineStatistics;
}

/** A 9P server, as a machine puts it behind a device. */
export interface MachineServer extends NinePServer {
  readonly statistics: Statistics;
  /** Gets an event for every message that arrives from now on, once it is answered. */
  onEvent: ((event: P9Event) => void) | undefined;
}

export interface MachineShare {
  readonly tag: string;
  readonly readOnly: boolean;
  /** As the server's. */
  readonly writeBack?: boolean;
  readonly maximumMessageSize: number;
  /** Where the files are: in a backend of this worker, or behind the server of another. */
  readonly files: Backend | { readonly relay: MachineServer };
}

/** An open disk, which brings its device along. */
export interface MachineDrive {
  /** For messages. */
  readonly name: string;
  /** `onFatal` receives a mistake of ours, from a request that was being answered asynchronously. */
  makeDevice(options: VirtioDeviceOptions & { readonly onFatal: (error: unknown) => void }): VirtioDevice;
  /** What tells its present contents from others, once they are flushed. */
  identify(): Promise<Identity>;
  /** Flushes, and lets go of the disk. */
  close(): Awaitable<void>;
}

export interface WorkerMachineOptions extends Omit<
  MachineSetup,
  'trace' | 'image' | 'transport' | 'resume' | 'resumeIsWhole' | 'interpreter'
> {
  readonly host: Host;
  /** What is booted, asked for before each life of the guest and not kept. Throws VmError 'bad-file'. */
  readonly bootImage: () => Promise<BootImage>;
  readonly shares: readonly MachineShare[];
  readonly drives?: readonly MachineDrive[];
  readonly makeSlots: MakeSlots;
  /** While the promise it returned is pending the machine stands still, as before a UART that is not ready. */
  onUartOutput(bytes: Bytes): void | Promise<void>;
  /** The UART has room, after `receive` took less than it was given. */
  onUartInputRoom(): void;
  /** As in HartOptions. */
  readonly interpreter?: Uint8Array<ArrayBuffer> | undefined;
  /** Brings the machine to where it begins, instead of a boot; of a guest that restarts only the first life. */
  readonly resume?: ((parts: MachineParts) => Promise<void>) | undefined;
  readonly log: Log;
  /** Whether clients of the shares other than the guest wait for something that comes through the event loop. */
  readonly clientsWait?: () => boolean;
}

export interface MachineRunOptions {
  readonly setup: Omit<MachineSetup, 'image' | 'resume'>;
  /** That of the first life; undefined where that is resumed. */
  readonly image: BootImage | undefined;
  /** What that goes on from. */
  readonly resume: readonly SavedSection[] | undefined;
  readonly host: Host;
  readonly trace: TraceSender;
  /** Throws VmError 'bad-file' for a share that cannot be opened. */
  readonly openShares: () => Promise<WorkerMachineOptions['shares']>;
  /** Throws VmError 'bad-file' for a drive that cannot be opened. */
  readonly openDrives: () => Promise<readonly MachineDrive[]>;
  readonly clientsWait: () => boolean;
  readonly makeMachine: (options: WorkerMachineOptions) => WorkerMachine;
  readonly post: (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void;
}

/** What is meant for a machine, among the messages to its worker. */
export type ToMachine = Exclude<
  ToWorker,
  { type: 'open' | 'start' | 'attach' | 'detach' | 'connect' | 'unreachable' | 'disconnect' | 'traced' | 'close' }
>;

export class MachineRun {
  readonly #options: Omit<MachineRunOptions, 'image' | 'resume'>;
  #image: BootImage | undefined;
  /** Until the machine has come back to it, and no longer: it is as large as what the guest uses. */
  #resume: readonly SavedSection[] | undefined;
  #snapshot: OpenSnapshot | undefined;
  readonly #filled = new Deferred<Int32Array | undefined>();
  #wantedImage: Deferred<BootImage> | undefined;
  #machine: WorkerMachine | undefined;
  #streams: Readonly<Record<StreamName, GuestStream>> | undefined;
  #agentOpen = false;
  #agentOpening = 0;
  #kernelSpoke = false;
  #stopAsked = false;
  #endedBySave = false;
  #traced: readonly MachineEvent['type'][];

  constructor({ image, resume, ...options }: MachineRunOptions) {
    this.#options = options;
    this.#image = image;
    this.#resume = resume;
    this.#traced = options.setup.trace;
    // A machine that is stopped before does not ask.
    this.#filled.promise.catch(() => undefined);
  }

  /** Runs the machine to its end. Throws VmError or BootError for a setup that cannot be used, else only for defects. */
  async run(): Promise<VmExit> {
    const machine = await this.#make();
    this.#machine = machine;
    this.#trace();
    this.#options.post({ type: 'started' });
    const exit: VmExit = this.#stopAsked ? { reason: 'stopped' } : await machine.run();
    // What is in a snapshot comes out of that.
    if (!this.#endedBySave) for (const stream of Object.values(this.#streams ?? {})) stream.flush();
    return exit;
  }

  /** Of the machine that has run. */
  statistics(): MachineStatistics {
    if (this.#machine === undefined) throw new Error('a machine that was never made has no statistics');
    return this.#machine.statistics();
  }

  stop(): void {
    this.#stopAsked = true;
    this.#machine?.stop();
  }

  receive(message: ToMachine): void {
    const machine = this.#machine;
    switch (message.type) {
      case 'stop':
        this.stop();
        break;
      case 'reset':
        void machine?.reset().then(() => this.#options.post({ type: 'reset' }));
        break;
      case 'save':
        if (machine !== undefined) void this.#save(machine, message);
        break;
      case 'filled':
        if ('error' in message) this.#filled.reject(new VmError(message.error.code, message.error.message));
        else this.#filled.resolve(message.decoded);
        break;
      case 'plug':
        machine?.plugShares();
        this.#trace();
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
      case 'image':
        if (message.image !== undefined) this.#wantedImage?.resolve(message.image);
        else this.#wantedImage?.reject(new VmError('bad-file', 'the guest image cannot be loaded again'));
        break;
      case 'resize':
        machine?.resizeConsole(message.columns, message.rows);
        break;
      case 'trace':
        this.#traced = message.types;
        this.#trace();
        break;
      case 'statistics':
        if (machine !== undefined) {
          this.#options.post({ type: 'statistics', id: message.id, statistics: machine.statistics() });
        }
    }
  }

  async #make(): Promise<WorkerMachine> {
    const { setup, host, clientsWait, post } = this.#options;
    const { trace: _, transport, resumeIsWhole = false, ...rest } = setup;
    this.#snapshot = await this.#openSnapshot(resumeIsWhole);
    const makeSlots = await slotsOf(transport);
    const shares = await this.#options.openShares();
    const drives = await this.#options.openDrives();
    const uart = new UartPort();
    const machine = this.#options.makeMachine({
      ...rest,
      bootImage: () => this.#nextImage(),
      host,
      shares,
      drives,
      makeSlots,
      clientsWait,
      onUartOutput: (bytes) => {
        this.#sawOutput();
        this.#streams?.uart.fromGuest(bytes);
        return uart.resumed;
      },
      onUartInputRoom: () => this.#streams?.uart.roomForInput(),
      interpreter: this.#snapshot?.warm?.interpreter ?? setup.interpreter,
      resume: this.#snapshot && ((parts) => this.#bringBack(parts)),
      log: (line) => post({ type: 'log', line }),
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

  #nextImage(): Promise<BootImage> {
    const first = this.#image;
    this.#image = undefined;
    if (first !== undefined) return Promise.resolve(first);
    const wanted = new Deferred<BootImage>();
    this.#wantedImage = wanted;
    this.#options.post({ type: 'image' });
    return wanted.promise;
  }

  #stream(stream: StreamName, port: GuestPort): GuestStream {
    return new GuestStream({
      port,
      post: (bytes) => this.#options.post({ type: 'bytes', stream, bytes }, [bytes.buffer]),
      postCredit: (count) => this.#options.post({ type: 'credit', stream, count }),
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
        this.#opened(stream, open);
      },
    });
  }

  #opened(stream: 'console' | 'agent', open: boolean): void {
    if (stream === 'agent') this.#agentOpen = open;
    if (stream === 'agent' && open) this.#agentOpening += 1;
    this.#options.post({ type: 'port', stream, open, opening: this.#agentOpening });
  }

  async #save(machine: WorkerMachine, { stop, packed }: Extract<ToMachine, { type: 'save' }>): Promise<void> {
    const { answerSave } = await import('./snapshot/worker-side.ts');
    await answerSave(machine, this.#streams, this.#options, packed, () => {
      this.#endedBySave = stop;
      if (stop) machine.stop();
    });
  }

  async #openSnapshot(isWhole: boolean): Promise<OpenSnapshot | undefined> {
    const resume = this.#resume;
    this.#resume = undefined;
    return resume && (await import('./snapshot/worker-side.ts')).openSnapshot(resume, isWhole);
  }

  async #bringBack(parts: MachineParts): Promise<void> {
    const { resumeMachine } = await import('./snapshot/worker-side.ts');
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    if (snapshot === undefined) throw new Error('a machine goes on from a snapshot once');
    const opened = (port: 'console' | 'agent'): void => this.#opened(port, true);
    const filled = this.#options.setup.memory && this.#filled.promise;
    await resumeMachine(snapshot, this.#options, parts, this.#machine, this.#streams, filled, opened);
  }

  #sawOutput(): void {
    if (this.#kernelSpoke) return;
    this.#kernelSpoke = true;
    this.#options.post({ type: 'kernel' });
  }

  #trace(): void {
    const { post, trace } = this.#options;
    // Each event goes out at once: the machine may wait for the guest long before it turns the event loop again.
    this.#machine?.trace(this.#traced, (event) => {
      post({ type: 'events', events: [event] });
      return trace.posted();
    });
  }
}

/** PCI is fetched when a machine has it. */
async function slotsOf(transport: VirtioTransport): Promise<MakeSlots> {
  if (transport === 'mmio') return (source) => new MmioSlots(source);
  const { PciSlots } = await import('./pci-slots.ts');
  return (source) => new PciSlots(source, new MmioSlots(source));
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
