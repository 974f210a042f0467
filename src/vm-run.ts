// One run of a VM's machine, from its start until it has stopped: the worker, the guest's agent, what is reached when.
import { ActivityMeter } from './activity-meter.ts';
import { Agent } from './agent.ts';
import { Deferred } from './agent/deferred.ts';
import { watchForAgent } from './agent-watch.ts';
import type { Emitter } from './emitter.ts';
import { VmError, asVmError } from './errors.ts';
import { describeExit } from './exit-sentence.ts';
import { setClock, setClockAgain } from './guest-clock.ts';
import { LinkAgentPort } from './link-agent-port.ts';
import type { Filling } from './snapshot/fill-ahead.ts';
import type { Met, Resumption } from './snapshot/resumption.ts';
import type { KeepBooted } from './snapshot/instant-start.ts';
import type { RunSaving, SavedRun, SaveMode } from './snapshot/run-saving.ts';
import { VmCommand } from './vm-command.ts';
import type { OnLoading, Platform } from './platform.ts';
import type { VmConsole } from './vm-console.ts';
import type { BootStage, VmEvents, VmStatistics } from './vm-events.ts';
import { rootMount, type Share } from './vm-options.ts';
import { WorkerLink } from './worker-link.ts';
import { closingTime, type WorkerHold } from './worker-thread.ts';
import type {
  FromWorker,
  MachineEvent,
  MachineSetup,
  PreparedMachine,
  MachineStatistics,
  VmExit,
} from './worker-protocol.ts';

export interface RunContext {
  /** The worker to run in. */
  hold(): Promise<WorkerHold>;
  readonly platform: Platform;
  readonly console: VmConsole;
  readonly shares: readonly Share[];
  readonly events: Emitter<VmEvents>;
  /** Whether there may be an agent: a firmware alone has none. */
  readonly hasKernel: boolean;
  /** Whether kernel and initial file system are the built-in ones. */
  readonly isBuiltIn: boolean;
  /** Loads what is to be run. */
  prepare(onLoading: OnLoading): Promise<PreparedRun>;
  /** Loads it once more, for a guest that restarts. */
  prepareAgain(): Promise<PreparedMachine>;
}

export interface PreparedRun extends PreparedMachine {
  /** Of this side, where the machine goes on from a snapshot. */
  readonly resumption?: Resumption;
  /** As in Filling. */
  readonly filled?: Filling['filled'];
  /** Given the machine once it has booted, before it has any share. */
  readonly keep?: KeepBooted;
}

export class VmRun {
  readonly #context: RunContext;
  readonly #link = new WorkerLink((message) => this.#receive(message));
  #hold: WorkerHold | undefined;
  #forgetThread: () => void = () => undefined;
  readonly #startTime: number;
  readonly #started = new Deferred<void>();
  readonly #exited = new Deferred<VmExit>();
  readonly #reached = new Map<BootStage, number>();
  readonly #questions = new Map<number, Deferred<MachineStatistics>>();
  #lastQuestion = 0;
  #lastStatistics: MachineStatistics | undefined;
  /** The worker was told what to run. */
  #setUp = false;
  #over = false;
  /** Of the present boot: a guest can reboot. */
  #ready = new Deferred<void>();
  #isReady = false;
  #agent: Agent | undefined;
  #agentPort: LinkAgentPort | undefined;
  readonly #meter: ActivityMeter;
  #reset: Deferred<void> | undefined;
  #setup: LastingSetup | undefined;
  #saving: RunSaving | undefined;
  #resumption: Resumption | undefined;
  #keepBooted: KeepBooted | undefined;
  #stopWatch: () => void = () => undefined;

  constructor(context: RunContext) {
    this.#context = context;
    this.#startTime = context.platform.now();
    this.#meter = new ActivityMeter({
      statistics: () => this.#machineStatistics(),
      after: (milliseconds, callback) => context.platform.after(milliseconds, callback),
      isWanted: () => context.events.has('activity'),
      emit: (activity) => context.events.emit('activity', activity),
    });
  }

  /** Resolves when the machine runs. */
  start(): Promise<void> {
    this.#context.console.connect(this.#link);
    this.#start().catch((error: unknown) => this.#end(asVmError(error)));
    return this.#started.promise;
  }

  /** Resolves with how the machine stopped, when nothing of it is left; rejects where that was a defect. */
  get exited(): Promise<VmExit> {
    return this.#exited.promise;
  }

  /** Resolves when the agent has mounted the shares. Rejects where there is no agent, a mount failed, the machine stopped. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves with the agent of a guest that is ready. */
  async readyAgent(): Promise<Agent> {
    await this.#ready.promise;
    if (this.#agent === undefined) throw new VmError('stopped', 'the guest is restarting');
    return this.#agent;
  }

  async statistics(): Promise<VmStatistics> {
    const start = this.#resumption === undefined ? 'boot' : this.#setup?.resumeIsWhole === true ? 'cache' : 'snapshot';
    return { ...(await this.#machineStatistics()), start, boot: Object.fromEntries(this.#reached) };
  }

  /** Stops the machine as it is. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    if (!this.#setUp) this.#end({ reason: 'stopped' });
    // A thread that does not listen any more is ended with all it has.
    const cancel = this.#context.platform.after(closingTime, () => {
      this.#end({ reason: 'stopped' });
      this.#hold?.thread.kill('the machine did not stop when it was told to');
    });
    this.#link.post({ type: 'stop' });
    await this.#exited.promise.catch(() => undefined);
    cancel();
  }

  /** Tells how much of the guest image has come. */
  #imageLoading(loaded: number, total: number | undefined): void {
    if (this.#over) return;
    const milliseconds = this.#context.platform.now() - this.#startTime;
    this.#context.events.emit('progress', {
      stage: 'image',
      milliseconds,
      loaded,
      ...(total !== undefined && { total }),
    });
  }

  /** Restarts the machine, as by its button. Resolves when the guest's new life has begun, or the machine has stopped. */
  async reset(): Promise<void> {
    if (this.#over) throw new VmError('stopped', 'no machine runs that could be reset: call start()');
    await this.#started.promise;
    this.#reset ??= new Deferred();
    this.#link.post({ type: 'reset' });
    await this.#reset.promise;
  }

  /** Of the snapshot that it goes on from. */
  get resumption(): Resumption | undefined {
    return this.#resumption;
  }

  /** Takes a snapshot; with `stop` it is the machine's end. */
  async save(stop: boolean): Promise<SavedRun> {
    await this.#started.promise;
    // The agent is in the middle of something, or has not been heard of since the snapshot; or there is none.
    if (this.#agent !== undefined || this.#resumption?.awaitsAgent === true) await this.#ready.promise;
    return this.#save({ stop, packed: true, freeze: true });
  }

  async #save(mode: SaveMode): Promise<SavedRun> {
    const { RunSaving } = await import('./snapshot/api-side.ts');
    const setup = this.#setup;
    if (this.#over || setup === undefined) {
      throw new VmError('stopped', 'no machine runs that could be saved: call start()');
    }
    const saving = new RunSaving(this.#saving, this.#link, setup, this.#agentPort, this.#agent);
    this.#saving = saving;
    try {
      return await saving.save(mode, this.#context.console);
    } finally {
      this.#saving = undefined;
    }
  }

  /** Somebody has begun to listen to `activity` events. */
  meter(): void {
    if (this.#reached.has('machine')) this.#meter.wanted();
  }

  /** Sets which events are sent as `trace` events. */
  trace(types: readonly MachineEvent['type'][]): void {
    this.#link.post({ type: 'trace', types });
  }

  async #start(): Promise<void> {
    // First, so that the worker starts while the images load.
    const hold = await this.#context.hold();
    if (this.#over) {
      await hold.release();
      return;
    }
    this.#hold = hold;
    this.#forgetThread = hold.thread.onGone((error) => this.#end(error));
    const machine = await this.#context.prepare((loaded, total) => this.#imageLoading(loaded, total));
    // A machine that stops before, or has no use for it, does not ask.
    machine.filled?.catch(() => undefined);
    const setup = await this.#withInterpreter(machine.setup);
    if (this.#over) return;
    this.#setup = lasting(setup);
    this.#resumption = machine.resumption;
    this.#keepBooted = machine.keep;
    machine.resumption?.begin(this.#context);
    this.#reach('image');
    this.#setUp = true;
    this.#link.start(hold.thread, { ...machine, setup });
    // Not while it is nobody's.
    if (setup.sharesLater !== true) this.#context.console.tellSize(setup.console);
    machine.filled?.then(
      (decoded) => this.#link.post({ type: 'filled', decoded }),
      (error: unknown) => {
        const { code, message } = asVmError(error);
        this.#link.post({ type: 'filled', error: { code, message } });
      },
    );
  }

  async #withInterpreter(setup: MachineSetup): Promise<MachineSetup> {
    // What the program has kept of a machine has it.
    if (setup.resumeIsWhole === true) return setup;
    const interpreter = await this.#context.platform.makeInterpreter?.(setup);
    return interpreter === undefined ? setup : { ...setup, interpreter };
  }

  #receive(message: FromWorker): void {
    const { console, events } = this.#context;
    switch (message.type) {
      case 'started':
        this.#reach('machine');
        this.#watch();
        this.#meter.machineStarted();
        this.#started.resolve();
        break;
      case 'refused':
        this.#end(new VmError(message.code, message.message));
        break;
      case 'image':
        void this.#loadAgain();
        break;
      case 'kernel':
        this.#reach('kernel');
        break;
      case 'port':
        if (message.stream === 'console') console.setOpen(message.open);
        else if (message.open) this.#openAgent(message.opening);
        else this.#closeAgent('the guest closed its port');
        break;
      case 'events':
        for (const event of message.events) events.emit('trace', event);
        break;
      case 'statistics':
        this.#questions.get(message.id)?.resolve(message.statistics);
        this.#questions.delete(message.id);
        break;
      case 'saved':
        this.#saving?.answered(message);
        break;
      case 'exit':
        this.#lastStatistics = message.statistics;
        if (message.exit.reason === 'panic') events.emit('panic', message.exit);
        this.#end(message.exit);
        break;
      case 'reset':
        this.#reset?.resolve();
        this.#reset = undefined;
        break;
      default: // bytes and credit are the link's own, and the end of the thread is told by itself
    }
  }

  /** Of a guest that restarts. */
  async #loadAgain(): Promise<void> {
    try {
      const { setup, transfer } = await this.#context.prepareAgain();
      this.#link.post({ type: 'image', image: setup.image }, transfer);
    } catch (error) {
      this.#end(asVmError(error));
      this.#hold?.thread.post({ type: 'image', image: undefined });
    }
  }

  /** Tells of a stage, the first time it is reached. */
  #reach(stage: BootStage): void {
    if (this.#reached.has(stage)) return;
    const milliseconds = this.#context.platform.now() - this.#startTime;
    this.#reached.set(stage, milliseconds);
    this.#context.events.emit('progress', { stage, milliseconds });
  }

  #watch(): void {
    const { platform, hasKernel, isBuiltIn } = this.#context;
    if (!hasKernel) {
      this.#cannotBeReady(
        new VmError('no-agent', "the guest does not run vm9's agent (there is no kernel that would)"),
      );
      return;
    }
    this.#stopWatch = watchForAgent({
      isBuiltIn,
      statistics: () => this.#machineStatistics(),
      now: () => platform.now(),
      after: (milliseconds, callback) => platform.after(milliseconds, callback),
      onMissing: (reason) => {
        this.#cannotBeReady(new VmError('no-agent', `the guest does not run vm9's agent (${reason})`));
      },
    });
  }

  #openAgent(opening: number): void {
    this.#stopWatch();
    const port = new LinkAgentPort(this.#link, opening);
    const agent = new Agent(port);
    this.#agentPort = port;
    this.#agent = agent;
    this.#makeReady(agent).then(
      () => {
        if (this.#agent !== agent) return;
        this.#reach('shares');
        this.#isReady = true;
        this.#ready.resolve();
        this.#context.events.emit('ready', { milliseconds: this.#context.platform.now() - this.#startTime });
      },
      (error: unknown) => {
        if (this.#agent === agent) this.#cannotBeReady(asVmError(error));
      },
    );
  }

  /** Gives away the machine as it has booted, if it is wanted, and lets it have its shares. */
  async #keep(agent: Agent): Promise<Met> {
    const keep = this.#keepBooted;
    this.#keepBooted = undefined;
    if (keep !== undefined) {
      await agent.ready;
      await keep(agent, this.#context.console, (mode) => this.#save(mode));
    }
    this.#plugShares();
    return { mounted: 0, woken: undefined };
  }

  #plugShares(): void {
    if (this.#setup?.sharesLater !== true) return;
    this.#link.post({ type: 'plug' });
    this.#context.console.tellSize();
  }

  async #makeReady(agent: Agent): Promise<void> {
    const { platform } = this.#context;
    const tellTime = (): Promise<boolean> => setClock(agent, platform);
    const makeCommand = (): VmCommand => new VmCommand();
    const met = this.#resumption?.meet(agent, platform, tellTime, makeCommand) ?? (await this.#keep(agent));
    const { mounted, woken } = met;
    // Where the guest is gone before it has said hello, that tells it.
    woken?.catch(() => undefined);
    await agent.ready;
    this.#reach('kernel');
    this.#reach('agent');
    const told = woken ?? (this.#setup?.clock === 'host' ? tellTime() : true);
    const correct = async (): Promise<void> => {
      // Before there are commands: beside these it would be told later still.
      if (!(await told)) setClockAgain(agent, platform);
    };
    // At once: the agent does one after the other, and each wait is a way there and back.
    await Promise.all([correct(), this.#mountShares(agent, mounted)]);
  }

  async #mountShares(agent: Agent, mounted: number): Promise<void> {
    // One after another: a share can be mounted on a folder of an earlier one.
    const rootFirst = this.#context.shares
      .slice(mounted)
      .toSorted((a, b) => Number(b.mount === rootMount) - Number(a.mount === rootMount));
    for (const { tag, mount, readOnly, cache, maximumMessageSize } of rootFirst) {
      if (mount === undefined) continue;
      const options = `msize=${maximumMessageSize},cache=${cache}${readOnly ? ',ro' : ''}`;
      try {
        await agent.mount({ tag, path: mount, options });
      } catch (error) {
        throw asVmError(error, `the guest cannot mount share "${tag}" at ${mount}`);
      }
    }
  }

  #cannotBeReady(error: VmError): void {
    // Whoever is at the console may find a use for them.
    this.#plugShares();
    this.#ready.reject(error);
    this.#context.events.emit('unready', error);
  }

  #closeAgent(reason: string): void {
    if (this.#agent === undefined) return;
    this.#agent = undefined;
    this.#isReady = false;
    this.#agentPort?.closed(reason);
    this.#ready.reject(new VmError('stopped', 'the guest is shutting down'));
    this.#ready = new Deferred();
    if (!this.#over) this.#watch();
  }

  #machineStatistics(): Promise<MachineStatistics> {
    if (this.#lastStatistics !== undefined) return Promise.resolve(this.#lastStatistics);
    if (this.#over) return Promise.reject(new VmError('stopped', 'the machine did not leave statistics'));
    const id = ++this.#lastQuestion;
    const question = new Deferred<MachineStatistics>();
    this.#questions.set(id, question);
    this.#link.post({ type: 'statistics', id });
    return question.promise;
  }

  /** Comes to the end of the run, once, whichever way. */
  #end(outcome: VmExit | VmError): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopWatch();
    this.#meter.end(this.#lastStatistics);
    const error = outcome instanceof VmError ? outcome : new VmError('stopped', describeExit(outcome));
    this.#closeAgent('the machine stopped');
    this.#ready.reject(error);
    this.#started.reject(error);
    for (const question of this.#questions.values()) {
      if (this.#lastStatistics === undefined) question.reject(error);
      else question.resolve(this.#lastStatistics);
    }
    this.#reset?.resolve();
    this.#saving?.failed(error);
    this.#context.console.disconnect();
    this.#link.close();
    this.#forgetThread();
    const released = this.#hold?.release() ?? Promise.resolve();
    released.then(
      () => this.#settle(outcome),
      // What the machine did is less than what a share could not store.
      (problem: unknown) => this.#settle(outcome instanceof VmError ? outcome : asVmError(problem)),
    );
  }

  #settle(outcome: VmExit | VmError): void {
    if (outcome instanceof VmError) {
      this.#exited.reject(outcome);
    } else {
      this.#exited.resolve(outcome);
      this.#context.events.emit('exit', outcome);
    }
  }
}

/** What of a setup is of use once the machine runs. The rest is large, and its memory would outlive it here. */
type LastingSetup = Omit<MachineSetup, 'image' | 'resume' | 'memory' | 'interpreter'>;

function lasting({ image: _i, resume: _r, memory: _m, interpreter: _n, ...rest }: MachineSetup): LastingSetup {
  return rest;
}
