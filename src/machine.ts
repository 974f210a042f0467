// The computer: the only place where CPU and devices meet. QEMU's virt board, with the machine itself as the firmware
// unless it is given one.
import { Server } from '../devices/9p/server.ts';
import type { Bytes, IrqLine } from '../devices/ports.ts';
import { GuestMemory } from '../devices/guest-memory.ts';
import { Uart } from '../devices/uart.ts';
import { Virtio9p } from '../devices/virtio/9p.ts';
import type { ConsolePort } from '../devices/virtio/console-port.ts';
import { VirtioConsole } from '../devices/virtio/console.ts';
import type { VirtioDevice, VirtioDeviceOptions } from '../devices/virtio/device.ts';
import type { VirtioEvent } from '../devices/virtio/events.ts';
import { VirtioRng } from '../devices/virtio/rng.ts';
import { Deferred } from './agent/deferred.ts';
import { board } from './board.ts';
import { loadGuest } from './boot.ts';
import { VmError } from './errors.ts';
import { CountedRandomness } from './counted-randomness.ts';
import type { Gunzip } from './decompress.ts';
import type { Hart, RunOutcome } from './cpu/riscv/hart.ts';
import { makeMemory, ramOffset } from './cpu/riscv/layout.ts';
import type { RamRange } from './cpu/riscv/mmu.ts';
import type { Translator } from './cpu/riscv/translator.ts';
import { readKernel } from './kernel-image.ts';
import { MachineCore } from './machine-core.ts';
import { LivesStatistics } from './machine-statistics.ts';
import { PanicWatcher } from './panic.ts';
import type { ProfileSample } from './profile-samples.ts';
import { RunLoop } from './run-loop.ts';
import type { RunTarget } from './run-loop.ts';
import { SlowReceivers } from './slow-receivers.ts';
import { StandStill } from './stand-still.ts';
import { describeFeatures } from './virt-tree.ts';
import type { VirtioSlots } from './virtio-slots.ts';
import type { MachineParts, PluggedDevice } from './snapshot/machine-snapshot.ts';
import type {
  MachineServer,
  MachineShare,
  TraceListener,
  WorkerMachine,
  WorkerMachineOptions,
} from './worker-machine.ts';
import type { MachineEvent, MachineStatistics, VmExit } from './worker-protocol.ts';

/** The slots that are neither for shares nor for drives: the console's and the random generator's. */
const deviceSlots = 2;

/** Shares and drives that a machine has room for. */
export const maximumShares = board.virtio.slots - deviceSlots;

/** The port that the guest agent opens. */
export const agentPortName = 'vm9.agent';

/** How the guest asked for its end. */
type End = VmExit | { readonly reason: 'restart' };

/** Runs a hart in place of the machine, and looks at it meanwhile. */
export interface Sampler {
  run(instructions: number): RunOutcome;
  /** Tells what it has not told yet. */
  flush(): void;
}

export interface MachineOptions extends WorkerMachineOptions {
  /** Makes what `profile` events come from; without it there are none. */
  readonly makeSampler?: (hart: Hart, ram: RamRange, tell: (samples: readonly ProfileSample[]) => void) => Sampler;
}

export class Machine implements WorkerMachine {
  readonly uart: Uart;
  readonly consolePort: ConsolePort;
  readonly agentPort: ConsolePort;
  readonly #options: MachineOptions;
  readonly #memory: WebAssembly.Memory;
  readonly #ram: GuestMemory;
  readonly #console: VirtioConsole;
  readonly #devices: VirtioDevice[] = [];
  readonly #slots: VirtioSlots;
  readonly #plugged: PluggedDevice[] = [];
  readonly #servers: { readonly tag: string; readonly server: MachineServer }[] = [];
  /** That are to be plugged in later. */
  #heldBack: readonly MachineShare[] = [];
  readonly #counted = new CountedRandomness();
  readonly #sharesBeforeDrives: number;
  #panic = new PanicWatcher();
  #core: MachineCore | undefined;
  #onTranslation: Translator['onEvent'];
  #onSamples: ((samples: readonly ProfileSample[]) => void) | undefined;
  #sampler: Sampler | undefined;
  #loop: RunLoop | undefined;
  #end: End | undefined;
  #resetDone: Deferred<void> | undefined;
  readonly #rest = new StandStill<MachineParts>();
  /** Brings the first life back, where it does not begin with a boot. */
  #resume: WorkerMachineOptions['resume'];
  /** A mistake of ours in an asynchronous answer. */
  #fatal: { readonly error: unknown } | undefined;
  /** Those of what the guest has sent, and of what is told of it. */
  readonly #receivers = new SlowReceivers();
  readonly #statistics = new LivesStatistics();
  #translatorComes = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#resume = options.resume;
    const { memory, memoryBytes, sharedMemory, console: size, drives = [] } = options;
    if (options.shares.length + drives.length > maximumShares) {
      throw new RangeError(`a machine has room for ${maximumShares} shares and drives`);
    }
    this.#slots = options.makeSlots((source) => this.#source(source));
    this.#memory = memory ?? makeMemory(memoryBytes, sharedMemory);
    this.#ram = new GuestMemory({
      buffer: this.#memory.buffer,
      byteOffset: ramOffset,
      length: memoryBytes,
      base: board.ram.base,
    });
    this.#ram.onWritten((address, length) => this.#core?.hart.written(address, length));
    this.uart = new Uart({
      irq: this.#source(board.uart.irq),
      onOutput: (bytes) => this.#sent(bytes),
      onInputRoom: () => options.onUartInputRoom(),
    });
    this.#console = this.#plug(
      new VirtioConsole({
        ...this.#deviceOptions(),
        ports: [{ console: true }, { name: agentPortName }],
        ...(size !== undefined && { columns: size.columns, rows: size.rows }),
      }),
    );
    const [consolePort, agentPort] = this.#console.ports;
    if (consolePort === undefined || agentPort === undefined) throw new Error('the console has two ports');
    this.consolePort = consolePort;
    this.agentPort = agentPort;
    this.#plug(new VirtioRng({ ...this.#deviceOptions(), fill: (bytes) => this.#entropy(bytes) }));
    const { shares, sharesLater = false } = options;
    this.#sharesBeforeDrives = sharesLater ? 0 : (options.shape?.sharesBeforeDrives ?? shares.length);
    for (const share of shares.slice(0, this.#sharesBeforeDrives)) this.#share(share);
    for (const drive of drives) {
      this.#plug(drive.makeDevice({ ...this.#deviceOptions(), onFatal: (error) => this.#failed(error) }));
    }
    if (sharesLater) this.#heldBack = shares;
    else for (const share of shares.slice(this.#sharesBeforeDrives)) this.#share(share);
  }

  /** Runs the guest to its end. Rejects with BootError for a kernel that it cannot start, else only for our mistakes. */
  async run(): Promise<VmExit> {
    for (;;) {
      const isResumed = this.#resume !== undefined;
      try {
        const end = await this.#live(await this.#begin(), isResumed);
        if (end.reason !== 'restart') return end;
      } finally {
        this.#rest.fail(hasStopped());
        this.#resetDone?.resolve();
        this.#resetDone = undefined;
      }
    }
  }

  /** Ends `run` after the present slice. */
  stop(): void {
    this.#finish({ reason: 'stopped' });
  }

  /** Restarts the guest, as by the button. Resolves when its new life begins, or when the machine has stopped. */
  reset(): Promise<void> {
    this.#resetDone ??= new Deferred();
    this.#finish({ reason: 'restart' });
    return this.#resetDone.promise;
  }

  atRest<Result>(work: (parts: MachineParts) => Promise<Result>): Promise<Result> {
    if (this.#end !== undefined) return Promise.reject(hasStopped());
    const result = this.#rest.ask(work);
    // One that has still to begin stands still after its first slice.
    this.#loop?.wake();
    return result;
  }

  plugShares(): void {
    for (const share of this.#heldBack) this.#share(share);
    this.#heldBack = [];
    this.#core?.plugged(this.#slots.regions());
  }

  trace(types: readonly MachineEvent['type'][], listener: TraceListener): void {
    const tell = (event: MachineEvent): void => this.#receivers.add(listener(event));
    const wants = (type: MachineEvent['type']): true | undefined => types.includes(type) || undefined;
    const virtio = wants('virtio') && ((event: VirtioEvent) => tell({ type: 'virtio', event }));
    for (const device of this.#devices) device.listen(virtio);
    for (const { tag, server } of this.#servers) {
      server.onEvent = wants('9p') && ((event) => tell({ type: '9p', share: tag, event }));
    }
    this.#onTranslation = wants('jit') && ((event) => tell({ type: 'jit', event }));
    this.#traceTranslator();
    this.#sampler?.flush();
    this.#onSamples = wants('profile') && ((samples) => tell({ type: 'profile', samples }));
  }

  resizeConsole(columns: number, rows: number): void {
    this.#console.resize(columns, rows);
  }

  statistics(): MachineStatistics {
    return this.#statistics.present(this.#core?.hart, this.#loop, this.#servers);
  }

  /** Brings a guest to the entry of its firmware or kernel. A function of its own, so that nothing holds the image while the guest runs. */
  async #begin(): Promise<MachineCore> {
    const { host, commandLine, features } = this.#options;
    const resume = this.#resume;
    this.#resume = undefined;
    if (resume !== undefined) {
      const vector = this.#options.shape?.rom[0];
      const core = this.#makeCore(vector !== undefined);
      if (vector !== undefined) core.rom = new (await import('./firmware.ts')).ResetRom(vector);
      await resume(this.#parts(core));
      return core;
    }
    const { firmware, kernel, initrd } = await this.#options.bootImage();
    const gunzip: Gunzip = (bytes) => host.gunzip(bytes);
    const inMachineMode = firmware && (await (await import('./firmware.ts')).readFirmware(firmware, gunzip, this.#ram));
    const image = kernel && (await readKernel(kernel, gunzip));
    const core = this.#makeCore(inMachineMode !== undefined);
    core.enter(
      loadGuest({
        memory: this.#ram,
        firmware: inMachineMode,
        kernel: image,
        initrd,
        commandLine,
        machine: { harts: 1, socNodes: this.#slots.socNodes, ...describeFeatures(features) },
        entropy: (length) => {
          const bytes = new Uint8Array(length);
          this.#entropy(bytes);
          return bytes;
        },
      }),
    );
    return core;
  }

  #makeCore(hasFirmware: boolean): MachineCore {
    const { host, clock, cpu, features, sharedMemory, interpreter } = this.#options;
    const core = new MachineCore({
      host,
      clock,
      cpu,
      features,
      interpreter,
      memory: this.#memory,
      shared: sharedMemory,
      ram: this.#ram,
      hasFirmware,
      uart: this.uart,
      virtio: this.#slots.regions(),
      onReset: ({ type }) => this.#reset(type === 'shutdown' ? 'power-off' : 'reboot'),
      onFinish: (finish) => {
        if (finish.kind === 'fail') this.#finish({ reason: 'finisher', code: finish.code });
        else this.#reset(finish.kind === 'pass' ? 'power-off' : 'reboot');
      },
      onInterrupt: () => this.#loop?.wake(),
    });
    this.#core = core;
    this.#panic = new PanicWatcher();
    return core;
  }

  #parts(core: MachineCore): MachineParts {
    const vector = core.rom?.vector;
    return {
      core,
      shape: { rom: vector === undefined ? [] : [vector], sharesBeforeDrives: this.#sharesBeforeDrives },
      memory: this.#memory,
      ram: this.#ram,
      uart: this.uart,
      randomness: this.#counted,
      plugged: this.#plugged,
      servers: this.#servers,
      drives: this.#options.drives ?? [],
    };
  }

  /** One life of the guest, from the kernel's entry to its end. */
  async #live(core: MachineCore, isResumed: boolean): Promise<End> {
    const { host, cpu } = this.#options;
    // A guest that goes on is there sooner without: often nothing of it is ever hot.
    if (cpu === 'translator' && isResumed) core.hart.whenHot(() => void this.#translate(core));
    else if (cpu === 'translator') void this.#translate(core);
    // The guest was ready before it ran, and may have been told something since.
    const loop = new RunLoop(host, core.clock, this.#target(core), isResumed);
    this.#loop = loop;
    await loop.run();
    this.#sampler?.flush();
    this.#sampler = undefined;
    this.uart.flush();
    if (this.#fatal !== undefined) throw this.#fatal.error;
    const end = this.#end ?? { reason: 'stopped' };
    // What waits in a machine that is stopped is for its snapshot, if for anybody.
    if (end.reason !== 'stopped') this.#console.finish();
    if (end.reason === 'stuck') {
      const { dumpRegisters } = await import('./cpu/riscv/register-dump.ts');
      return { ...end, registers: dumpRegisters(core.hart.registers) };
    }
    if (end.reason === 'restart') {
      this.#end = undefined;
      this.#statistics.lifeEnded(core.hart, loop);
    }
    // What still is under way must not write into the memory of the next life, nor of nobody.
    this.#slots.reset();
    if (end.reason === 'restart') core.hart.clear();
    return end;
  }

  /** The guest boots while the translator is on its way: it is not needed at once, and a page is there sooner without. */
  async #translate({ hart }: MachineCore): Promise<void> {
    const { host, jitCacheBytes } = this.#options;
    this.#translatorComes = true;
    try {
      const { Translator } = await import('./cpu/riscv/translator.ts');
      const options = { now: () => host.now(), maximumBytes: jitCacheBytes };
      hart.translateBy((parts) => new Translator({ ...parts, ...options }));
      this.#traceTranslator();
    } catch (error) {
      this.#fatal = { error };
      this.#finish({ reason: 'stopped' });
    } finally {
      this.#translatorComes = false;
    }
  }

  #target(core: MachineCore): RunTarget {
    const { hart } = core;
    const devices = this.#devices;
    const ended = (): boolean => this.#end !== undefined;
    const { shares, clientsWait = () => false } = this.#options;
    const outstanding = (): boolean =>
      this.#translatorComes ||
      // The console's buffers wait for who types, not for the host.
      devices.some((device) => device.outstanding > 0 && device !== this.#console) ||
      shares.some(({ files }) => !('relay' in files) && files.busy === true) ||
      clientsWait();
    return {
      run: (instructions) => {
        const outcome = (this.#sampling(hart) ?? hart).run(instructions);
        if (outcome === 'stuck') this.#finish({ reason: 'stuck', registers: '' });
        return outcome === 'waiting' ? 'waiting' : 'ran';
      },
      updateTimers: () => core.updateTimers(),
      nextDeadline: () => core.nextDeadline(),
      hasPending: () => hart.hasPending(),
      pollDevices: () => {
        // What the machine of a snapshot has to do still, this one must not do as well.
        if (ended()) return false;
        for (const device of devices) if (device.pending) device.poll();
        return devices.some((device) => device.pending);
      },
      get outstanding() {
        return outstanding();
      },
      flushOutput: () => {
        this.uart.flush();
        if (this.#rest.isAsked && !ended()) return this.#standStill(core);
        return this.#receivers.ready();
      },
      get ended() {
        return ended();
      },
    };
  }

  /** What samples the present life of the guest, where that is wanted. */
  #sampling(hart: Hart): Sampler | undefined {
    if (this.#onSamples === undefined) return undefined;
    const ram = { base: this.#ram.base, bytes: this.#ram.length };
    return (this.#sampler ??= this.#options.makeSampler?.(hart, ram, (samples) => this.#onSamples?.(samples)));
  }

  #traceTranslator(): void {
    const translator = this.#core?.hart.translator;
    if (translator !== undefined) translator.onEvent = this.#onTranslation;
  }

  #share({ tag, files, ...options }: MachineShare): void {
    const now = (): number => this.#options.host.now();
    const server = 'relay' in files ? files.relay : new Server({ backend: files, ...options, now });
    this.#servers.push({ tag, server });
    this.#plug(
      new Virtio9p({
        ...this.#deviceOptions(),
        tag,
        server,
        onFatal: (error) => this.#failed(error),
      }),
    );
  }

  /** A mistake of ours, in an answer that came later. */
  #failed(error: unknown): void {
    this.#fatal = { error };
    this.#finish({ reason: 'stopped' });
  }

  #deviceOptions(): VirtioDeviceOptions {
    const { host, log, clock } = this.#options;
    return {
      memory: this.#ram,
      log,
      // A device that watched the host's clock would make a counted run depend on the host.
      now: clock === 'host' ? () => host.now() : () => 0,
    };
  }

  #plug<Device extends VirtioDevice>(device: Device): Device {
    const transport = this.#slots.plug(device);
    this.#devices.push(device);
    this.#plugged.push({ device, transport });
    return device;
  }

  /** A wire to the interrupt controller of the guest's present life. */
  #source(source: number): IrqLine {
    return { set: (asserted) => this.#core?.plic.source(source).set(asserted) };
  }

  #sent(bytes: Bytes): void {
    this.#panic.observe(bytes);
    this.#receivers.add(this.#options.onUartOutput(bytes));
  }

  async #standStill(core: MachineCore): Promise<void> {
    await this.#rest.work(this.#parts(core));
    await this.#receivers.ready();
  }

  /** Under a counted clock randomness is the same in every run. */
  #entropy(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#options.clock === 'host') this.#options.host.randomFill(bytes);
    else this.#counted.fill(bytes);
  }

  #reset(kind: 'power-off' | 'reboot'): void {
    // The panic may be among what the UART has not handed on yet.
    this.uart.flush();
    const lines = this.#panic.lines();
    if (lines !== undefined) this.#finish({ reason: 'panic', lines });
    else if (kind === 'power-off') this.#finish({ reason: 'power-off' });
    else this.#finish({ reason: this.#options.noReboot ? 'reboot' : 'restart' });
  }

  #finish(end: End): void {
    this.#end ??= end;
    this.#core?.hart.leave();
    this.#loop?.wake();
  }
}

function hasStopped(): VmError {
  return new VmError('stopped', 'the machine has stopped');
}
