// A virtual machine as a program holds it: made, started, talked to, disposed of. The machine itself runs in a worker.
import type { Bytes } from '../devices/ports.ts';
import { Emitter } from './emitter.ts';
import { VmError, asVmError } from './errors.ts';
import { observed } from './observed.ts';
import type { OnLoading, Platform } from './platform.ts';
import type { Resuming } from './snapshot/api-side.ts';
import { ShareConnection } from './share-connection.ts';
import type { ShareChange } from './share-changes.ts';
import { ShareFiles, type OpenFiles } from './share-files.ts';
import { isMemorySource, planDrives, type Drive } from './vm-drives.ts';
import { VmCommand, feed, type InputSource } from './vm-command.ts';
import { VmConsole } from './vm-console.ts';
import type { VmEvents, VmStatistics } from './vm-events.ts';
import {
  checkBoot,
  defaultCpuFeatures,
  planCommandLine,
  planJitCache,
  planMemory,
  planShares,
  planTransport,
  rootMount,
  type Share,
  type ShareSource,
  type VmOptions,
} from './vm-options.ts';
import { VmRun, type PreparedRun } from './vm-run.ts';
import { connectShare, leaseShare, VmShareSource, type ShareLease } from './vm-share.ts';
import { WasiProcess, type WasiOptions } from './wasi/process.ts';
import type { StartCache } from './start-cache.ts';
import { prepareWasi } from './wasi/start.ts';
import { WorkerKeeper, WorkerThread } from './worker-thread.ts';
import type { MachineEvent, MachineSetup, PreparedMachine, VirtioTransport, VmExit } from './worker-protocol.ts';

/** Tells when something is cancelled: what an AbortSignal is in every host. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface ExecOptions {
  /** Standard input. Without it the input is empty. */
  readonly stdin?: InputSource;
  /** Leaves standard input open, after `stdin` was written, for `write` and `end`. */
  readonly stdinOpen?: boolean;
  /** An absolute path. Default: where the first mounted share is; without one, root's home. */
  readonly cwd?: string;
  /** Laid over the guest's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the command on a pseudo-terminal of this size; `term` is its TERM. */
  readonly tty?: { readonly columns: number; readonly rows: number; readonly term?: string };
  /** When it is aborted the command gets SIGTERM. */
  readonly signal?: AbortSignalLike;
}

export interface SaveOptions {
  /** The snapshot is the machine's end. */
  readonly stop?: boolean;
}

/** The shell on the console. */
export interface ShellOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly term?: string;
}

/**
 * Made by `createVm` of the host's entry. `start` runs the machine, and can do so again after it has stopped. All errors
 * are VmErrors.
 */
export class Vm {
  readonly console: VmConsole;
  readonly shares: readonly Share[];
  readonly #platform: Platform;
  readonly #options: VmOptions;
  readonly #drives: readonly Drive[];
  readonly #commandLine: string;
  readonly #memoryBytes: number;
  readonly #jitCacheBytes: number | undefined;
  readonly #transport: VirtioTransport;
  readonly #events = new Emitter<VmEvents>();
  readonly #worker: WorkerKeeper;
  readonly #files = new Map<string, ShareFiles>();
  readonly #programs = new Set<WasiProcess>();
  #trace: readonly MachineEvent['type'][];
  #run: VmRun | undefined;
  /** The last start. */
  #starting: Promise<void> = Promise.resolve();
  #running = false;
  #disposed = false;
  /** Machines that are on their way into the cache. */
  #keeping: Promise<void> = Promise.resolve();

  /** Throws VmError 'bad-option'. Nothing is opened and nothing runs before `start`. */
  constructor(platform: Platform, options: VmOptions = {}) {
    this.#platform = platform;
    checkBoot(options);
    this.#options = options;
    this.shares = planShares(options.shares ?? [], options.root);
    if (options.root !== undefined && options.initrd !== undefined) {
      throw new VmError('bad-option', 'root is mounted by the built-in initial file system: leave out initrd');
    }
    this.#drives = planDrives(options.drives ?? [], this.shares.length);
    this.#memoryBytes = planMemory(options.memory);
    this.#jitCacheBytes = planJitCache(options.jitCache);
    this.#transport = planTransport(options.transport);
    this.#commandLine = planCommandLine(options.append);
    this.console = new VmConsole(options.console);
    this.#trace = options.trace ?? [];
    this.#worker = new WorkerKeeper(
      () => this.#startWorker(),
      this.shares.some(({ source }) => source.volatile === true) ||
        this.#drives.some(({ source }) => isMemorySource(source)),
    );
  }

  /** Calls `listener` for every event of that name until the returned function is called. */
  on<Name extends keyof VmEvents>(name: Name, listener: (event: VmEvents[Name]) => void): () => void {
    const off = this.#events.on(name, listener);
    if (name === 'activity') this.#run?.meter();
    return off;
  }

  /** Resolves when the machine runs; `ready` tells when the guest can be used. Rejects for images and shares it cannot use. */
  start(): Promise<void> {
    if (this.#disposed) return Promise.reject(new VmError('stopped', 'the VM was disposed of: create another'));
    if (this.#running) {
      return Promise.reject(new VmError('bad-option', 'the VM is running: stop it before it is started again'));
    }
    this.#running = true;
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Resolves when the guest runs its agent and the shares are mounted. Rejects where that cannot be. */
  get ready(): Promise<void> {
    return observed(this.#started().then((run) => run.ready));
  }

  /** Whether `ready` has resolved, and the guest has not gone down since. */
  get isReady(): boolean {
    return this.#run?.isReady ?? false;
  }

  /** Resolves with how the machine stopped. Rejects with VmError 'internal' where that was a defect. */
  get exited(): Promise<VmExit> {
    return observed(this.#started().then((run) => run.exited));
  }

  /**
   * The files of a share from this side, without the guest; of the first share without a tag. There is one per share: who
   * calls again gets the same. Throws VmError 'bad-option' where there is no such share.
   */
  fs(tag?: string): ShareFiles {
    const share = this.#share(tag);
    let files = this.#files.get(share.tag);
    if (files === undefined) {
      files = new ShareFiles((onChange) => this.#connect(share, share.readOnly, onChange));
      this.#files.set(share.tag, files);
    }
    return files;
  }

  /**
   * A share of this VM, of the first without a tag, as the source of another VM's: both guests see one folder. It is this
   * VM's: when it is disposed of, the other guest gets EIO. Throws VmError 'bad-option' where there is no such share.
   */
  shareSource(tag?: string): ShareSource {
    const share = this.#share(tag);
    return new VmShareSource(share.tag, {
      lease: (readOnly, replies) => this.#lease(share, readOnly, replies),
      connect: (readOnly, onChange) => this.#connect(share, readOnly, onChange),
    });
  }

  /** Runs a command in the guest as soon as that is ready: a line for sh, or a program with its arguments. */
  exec(command: string | readonly string[], options: ExecOptions = {}): VmCommand {
    const { stdin = '', stdinOpen = false, cwd = this.#firstMount(), env, tty, signal } = options;
    const handle = new VmCommand();
    const line = typeof command === 'string' ? { command } : { argv: command };
    const start = async (): Promise<void> => {
      const agent = await (await this.#started()).readyAgent();
      signal?.addEventListener('abort', abort);
      if (signal?.aborted === true) throw new VmError('stopped', 'the command was cancelled before it ran');
      const started = await agent.exec({
        ...line,
        ...(cwd !== undefined && { cwd }),
        ...(env !== undefined && { env }),
        ...(tty !== undefined && {
          pty: { cols: tty.columns, rows: tty.rows, ...(tty.term !== undefined && { term: tty.term }) },
        }),
        onStdout: (bytes) => handle.stdout.push(bytes),
        onStderr: (bytes) => handle.stderr.push(bytes),
      });
      handle.run(started);
      await feed(handle, stdin);
      if (!stdinOpen) handle.end();
    };
    const abort = (): void => handle.kill('SIGTERM');
    const forget = (): void => signal?.removeEventListener('abort', abort);
    handle.exit.then(forget, forget);
    start().catch((error: unknown) => handle.fail(asVmError(error)));
    return handle;
  }

  /**
   * Runs a WASI command on this host, in a worker of its own, with folders of the shares: it sees what the guest has
   * written, and the guest what it writes, whether a machine runs or not.
   */
  runWasi(program: Bytes, options: WasiOptions = {}): WasiProcess {
    const start = prepareWasi(
      {
        platform: this.#platform,
        tagOf: (share) => this.#share(share).tag,
        connect: (tag) => this.#connect(this.#share(tag), true, () => undefined),
        lease: (tag, readOnly, replies) => this.#lease(this.#share(tag), readOnly, replies),
      },
      program,
      options,
    );
    const running = new WasiProcess(start);
    this.#programs.add(running);
    const forget = (): void => void this.#programs.delete(running);
    running.exit.then(forget, forget);
    return running;
  }

  /** Runs the login shell on the console, unless the snapshot has one there. Resolves when it runs, with a function that resolves when it has ended. */
  async startShell({ cwd = this.#firstMount(), env, term }: ShellOptions = {}): Promise<() => Promise<void>> {
    const run = await this.#started();
    const agent = await run.readyAgent();
    const running = run.resumption?.takeShell();
    if (running !== undefined) return () => running.catch((error: unknown) => Promise.reject(asVmError(error)));
    const size = this.console.size;
    try {
      const shell = await agent.startShell({
        rows: size?.rows ?? 0,
        cols: size?.columns ?? 0,
        ...(cwd !== undefined && { cwd }),
        ...(env !== undefined && { env }),
        ...(term !== undefined && { term }),
      });
      this.console.setUsed();
      return () =>
        shell.exit.then(
          () => undefined,
          (error: unknown) => Promise.reject(asVmError(error)),
        );
    } catch (error) {
      throw asVmError(error, 'the guest cannot start a shell');
    }
  }

  /** What the machine has done so far; after its end, in all. */
  async statistics(): Promise<VmStatistics> {
    return (await this.#started()).statistics();
  }

  /**
   * A snapshot of the machine as it is, for the option `resume`, in this process or another. Programs in the guest stand still
   * meanwhile. With `stop` they do not go on: the machine ends with the snapshot, as it should where it has a drive that it
   * writes to, of which nothing is in the snapshot. Rejects where requests of the guest are not answered within ten seconds;
   * the machine then runs on.
   */
  async save({ stop = false }: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const run = await this.#started();
    const { saveVm } = await import('./snapshot/api-side.ts');
    const log = (line: string): void => this.#events.emit('log', { line });
    return saveVm(run, this.shares, this.#drives, stop, log).catch((error: unknown) => {
      throw asVmError(error, 'the machine cannot be saved');
    });
  }

  /** Resolves, when the guest is ready, with the commands that ran in it when it was saved; none where it has booted. */
  get resumedCommands(): Promise<readonly VmCommand[]> {
    return observed(this.#started().then((run) => run.ready.then(() => run.resumption?.commands ?? [])));
  }

  /** Asks the guest to end its programs, write its files back and switch off. Resolves when the machine has stopped. */
  async powerOff(): Promise<VmExit> {
    const run = await this.#started();
    const agent = await run.readyAgent();
    try {
      await agent.powerOff();
    } catch (error) {
      throw asVmError(error, 'the guest cannot power off');
    }
    return run.exited;
  }

  /**
   * Restarts the guest, as by the machine's button: what it has not written back is lost. Resolves when its new life has
   * begun; `ready` is of that then. Files and watches of `fs` stay.
   */
  async reset(): Promise<void> {
    await (await this.#started()).reset();
  }

  /** Sets which of the machine's events are sent as `trace` events from now on; none costs nothing. */
  setTrace(types: readonly MachineEvent['type'][]): void {
    this.#trace = types;
    this.#run?.trace(types);
  }

  /** Stops the machine as it is, like a pulled plug: what the guest has not written back is lost. */
  async stop(): Promise<void> {
    // Who stops a machine that is being started knows why its start rejects. A start that fails by itself is not hushed.
    void observed(this.#starting);
    await this.#run?.stop();
  }

  /**
   * Stops the machine and leaves nothing behind. The VM cannot be used any more. Rejects, after that, where a share could
   * not store what it had.
   */
  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const program of this.#programs) await program.kill('the VM was disposed of');
    await this.stop();
    const closing = [...this.#files.values()].map((files) => files.close());
    const ends = await Promise.allSettled([...closing, this.#worker.dispose(), this.#keeping]);
    this.#events.clear();
    for (const end of ends) if (end.status === 'rejected') throw asVmError(end.reason);
  }

  async #start(): Promise<void> {
    const { firmware, kernel, initrd, resume, cache } = this.#options;
    const run = new VmRun({
      hold: () => this.#worker.hold(),
      platform: this.#platform,
      console: this.console,
      shares: this.shares,
      events: this.#events,
      hasKernel: kernel !== 'none',
      isBuiltIn: [firmware, kernel, initrd, resume].every((each) => each === undefined),
      prepare: (onLoading) => {
        if (resume !== undefined) return this.#prepareToResume(resume);
        return cache === undefined ? this.#prepare(onLoading) : this.#prepareInstantStart(cache, onLoading);
      },
      prepareAgain: () => this.#prepare(() => undefined),
    });
    this.#run = run;
    const over = (): void => {
      this.#running = false;
    };
    run.exited.then(over, over);
    await run.start();
  }

  async #prepareToResume(resume: Bytes): Promise<PreparedRun> {
    const { prepareToResume } = await import('./snapshot/api-side.ts');
    return prepareToResume(resume, false, { ...this.#made(), drives: this.#drives });
  }

  async #prepareInstantStart(cache: StartCache, onLoading: OnLoading): Promise<PreparedRun> {
    const { prepareInstantStart } = await import('./snapshot/instant-start.ts');
    return prepareInstantStart(cache, {
      ...this.#made(),
      boot: () => this.#prepare(onLoading),
      onKeeping: (keeping) => {
        // With one that an earlier start has left under way.
        this.#keeping = this.#keeping.then(() => keeping);
      },
    });
  }

  async #prepare(onLoading: OnLoading): Promise<PreparedMachine> {
    const { firmware, kernel, initrd } = this.#options;
    const needsImage = kernel === undefined || (initrd === undefined && kernel !== 'none');
    const image = needsImage ? await this.#platform.loadGuestImage(onLoading) : undefined;
    const booted = kernel === 'none' ? undefined : (kernel ?? image?.kernel);
    const initialFiles = initrd === 'none' ? undefined : (initrd ?? image?.initrd);
    const setup: MachineSetup = {
      ...this.#setup(),
      image: {
        ...(firmware !== undefined && { firmware }),
        ...(booted !== undefined && { kernel: booted }),
        ...(initialFiles !== undefined && { initrd: initialFiles }),
      },
    };
    return { setup, transfer: image === undefined ? [] : [image.kernel, image.initrd].flatMap(wholeBuffer) };
  }

  /** What a machine that does not boot is made for. */
  #made(): Omit<Resuming, 'drives'> {
    return { platform: this.#platform, setup: this.#setup(), options: this.#options, shares: this.shares };
  }

  /** What does not depend on where the machine begins. */
  #setup(): MachineSetup {
    const { clock = 'host', cpu = 'translator', cpuFeatures, noReboot = false } = this.#options;
    const size = this.console.size;
    return {
      memoryBytes: this.#memoryBytes,
      sharedMemory: this.#platform.sharedMemory,
      clock,
      cpu,
      features: { ...defaultCpuFeatures, ...cpuFeatures },
      jitCacheBytes: this.#jitCacheBytes,
      transport: this.#transport,
      commandLine: this.#commandLine,
      noReboot,
      ...(size !== undefined && { console: size }),
      trace: this.#trace,
    };
  }

  #share(tag = this.shares[0]?.tag): Share {
    if (tag === undefined) {
      throw new VmError('bad-option', 'the VM has no share: give createVm one with the option shares');
    }
    const share = this.shares.find((one) => one.tag === tag);
    if (share !== undefined) return share;
    const tags = this.shares.map((one) => `"${one.tag}"`).join(', ');
    throw new VmError('bad-option', `there is no share "${tag}": the VM has ${tags}`);
  }

  #startWorker(): WorkerThread {
    const shares = this.shares.map(({ tag, readOnly, cache, maximumMessageSize, source }) => {
      const { kind, name } = source;
      // What leads to another VM cannot be posted: the worker is connected when the way is known.
      const posted = source instanceof VmShareSource ? { kind, ...(name !== undefined && { name }) } : source;
      const writeBack = cache !== 'none' && cache !== 'readahead';
      return { tag, readOnly, writeBack, maximumMessageSize, source: posted };
    });
    const owned = { shares, drives: this.#drives };
    const thread = new WorkerThread(this.#platform, owned, (message) => this.#events.emit('log', message));
    for (const { tag, readOnly, source } of this.shares) {
      if (source instanceof VmShareSource) void connectShare(thread, tag, readOnly, source);
    }
    return thread;
  }

  /** Connects to the files of a share, wherever they are. */
  async #connect(share: Share, readOnly: boolean, onChange: (change: ShareChange) => void): Promise<OpenFiles> {
    const { source, tag } = share;
    const only = readOnly || share.readOnly;
    if (source instanceof VmShareSource) return source.connect(only, onChange);
    return ShareConnection.open(this.#platform, await this.#worker.hold(), { tag, readOnly: only, onChange });
  }

  /** Leases a share out, to be used by another thread. */
  async #lease(share: Share, readOnly: boolean, replies?: SharedArrayBuffer): Promise<ShareLease> {
    const { source, tag } = share;
    const only = readOnly || share.readOnly;
    if (source instanceof VmShareSource) return source.lease(only, replies);
    const hold = await this.#worker.hold();
    return leaseShare(this.#platform, hold, { tag, readOnly: only, ...(replies !== undefined && { replies }) });
  }

  #firstMount(): string | undefined {
    return this.shares.find(({ mount }) => mount !== undefined && mount !== rootMount)?.mount;
  }

  async #started(): Promise<VmRun> {
    if (this.#run === undefined) throw new VmError('stopped', 'the VM was not started: call start()');
    return this.#run;
  }
}

/** The buffer that holds these bytes and nothing else. */
function wholeBuffer({ buffer, byteLength }: Bytes): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
