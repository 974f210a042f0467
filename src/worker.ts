// The thread of a VM: owns the shares, serves them to clients, and runs one machine at a time.
import type { Backend } from '../devices/9p/backend.ts';
import { BootError } from './boot-error.ts';
import { DriveTable } from './drive-table.ts';
import { asVmError } from './errors.ts';
import type { Host } from './host.ts';
import type { PortEnd, TransferablePort } from './port.ts';
import { ShareTable } from './share-table.ts';
import { TraceSender } from './trace-window.ts';
import type { Drive } from './vm-drives.ts';
import type { ShareSource } from './vm-options.ts';
import { MachineRun, type MachineDrive, type WorkerMachine, type WorkerMachineOptions } from './worker-machine.ts';
import type { FromWorker, MachineSetup, ToWorker, WorkerSetup } from './worker-protocol.ts';

/** What the thread brings along: Node.js and the browser each have one. */
export interface WorkerPlatform {
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: ToWorker) => void): void;
  /** Opens a port that was transferred to this thread. What was posted to it before is not lost. */
  openPort(port: TransferablePort, onMessage: (message: never) => void): PortEnd;
  makeHost(doorbell: Int32Array<ArrayBufferLike>): Host;
  /** Throws VmError 'bad-file' where the share cannot be used. */
  openBackend(source: ShareSource, options: { readonly readOnly: boolean }): Promise<Backend>;
  /** Throws VmError 'bad-file' where the drive cannot be used. */
  openDrive(drive: Drive): Promise<MachineDrive>;
  /** Throws VmError 'bad-option' or 'bad-file' for a setup that no machine can be made of. */
  makeMachine(options: WorkerMachineOptions): WorkerMachine;
}

/** Serves one VM, from its `open` message to `closed`. */
export function serveVm(platform: WorkerPlatform): void {
  platform.onMessage((first) => {
    if (first.type !== 'open') throw new Error(`a worker's first message is open, not ${first.type}`);
    const server = new VmServer(platform, first.setup);
    platform.onMessage((message) => server.receive(message));
  });
}

class VmServer {
  readonly #platform: WorkerPlatform;
  readonly #host: Host;
  readonly #trace: TraceSender;
  readonly #shares: ShareTable;
  readonly #drives: DriveTable;
  #machine: MachineRun | undefined;
  /** The end was told: nothing more may be. */
  #over = false;

  constructor(platform: WorkerPlatform, setup: WorkerSetup) {
    this.#platform = platform;
    this.#host = platform.makeHost(setup.doorbell);
    this.#trace = new TraceSender(setup.traceAcknowledged);
    this.#drives = new DriveTable(setup.drives, (drive) => platform.openDrive(drive));
    this.#shares = new ShareTable({
      shares: setup.shares,
      openBackend: (source, options) => platform.openBackend(source, options),
      openPort: (port, onMessage) => platform.openPort(port, onMessage),
      turnAgain: () => void Atomics.add(setup.doorbell, 0, 1),
      now: () => this.#host.now(),
      onFatal: (error) => void this.#fail(error),
    });
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'open':
        throw new Error('a worker is set up once');
      case 'start':
        this.#start(message.setup);
        break;
      case 'attach':
        void this.#shares.attach(message);
        break;
      case 'detach':
        this.#shares.detach(message.id);
        break;
      case 'connect':
        this.#shares.connect(message);
        break;
      case 'unreachable':
        this.#shares.unreachable(message.tag, message.message);
        break;
      case 'disconnect':
        this.#shares.disconnect(message.tag);
        break;
      case 'traced':
        this.#trace.acknowledge(message.count);
        break;
      case 'close':
        void this.#close();
        break;
      default:
        this.#machine?.receive(message);
    }
  }

  #start({ image, resume, ...setup }: MachineSetup): void {
    const machine = new MachineRun({
      setup,
      image,
      resume,
      host: this.#host,
      trace: this.#trace,
      openShares: () => this.#shares.openAll(),
      openDrives: () => this.#drives.openAll(),
      clientsWait: () => this.#shares.clientsWait,
      makeMachine: (options) => this.#platform.makeMachine(options),
      post: (message, transfer) => this.#post(message, transfer),
    });
    this.#machine = machine;
    void this.#run(machine);
  }

  /** Never rejects: every end is told to the main thread. */
  async #run(machine: MachineRun): Promise<void> {
    try {
      const exit = await machine.run();
      this.#machine = undefined;
      this.#post({ type: 'exit', exit, statistics: machine.statistics() });
    } catch (error) {
      this.#machine = undefined;
      const refusal = refused(error);
      if (refusal === undefined) await this.#fail(error);
      else this.#post(refusal);
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#closeOwned();
      this.#post({ type: 'closed' });
    } catch (error) {
      this.#post({ type: 'closed', error: described(error) });
    }
    this.#over = true;
  }

  /** Rejects with the first error after everything has been tried. */
  async #closeOwned(): Promise<void> {
    const ends = await Promise.allSettled([this.#shares.close(), this.#drives.close()]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** Comes to the end because of a defect. */
  async #fail(error: unknown): Promise<void> {
    this.#machine?.stop();
    // The error that came first is told; that a share cannot close after it adds nothing.
    await this.#closeOwned().catch(() => undefined);
    this.#post({ type: 'failed', ...described(error) });
    this.#over = true;
  }

  #post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void {
    if (!this.#over) this.#platform.post(message, transfer);
  }
}

function refused(error: unknown): FromWorker | undefined {
  if (error instanceof BootError) return { type: 'refused', code: 'bad-file', message: error.message };
  const { code, message } = asVmError(error);
  return code === 'bad-option' || code === 'bad-file' ? { type: 'refused', code, message } : undefined;
}

function described(error: unknown): { readonly message: string; readonly stack: string } {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { message, stack };
}
