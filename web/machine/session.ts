// The machine of the page: made, booted, given a shell, ended, and made again, one at a time.
import { batch, signal } from '@preact/signals';
import { createVm, type StartCache, type Vm, type VmStatistics } from 'vm9';
import { BootFollower, type BootProgress } from './boot-steps.ts';
import { missingFeature, troubleOfError, troubleOfExit, type Trouble } from './trouble.ts';
import { keptIn, type Place } from './places.ts';
import { WorkerAhead } from './worker-ahead.ts';

/** Milliseconds in which a machine that goes on from an earlier boot has its prompt. */
const startTime = 600;
/** Milliseconds from the start of a shell in which its prompt is drawn. */
const promptTime = 100;

export type SessionState =
  | { readonly phase: 'booting' }
  | { readonly phase: 'running' }
  /** The guest was asked to switch off. */
  | { readonly phase: 'stopping' }
  | { readonly phase: 'over'; readonly trouble: Trouble };

/** What the machine's console is connected to. */
export interface ConsoleScreen {
  readonly size: { readonly columns: number; readonly rows: number };
  /** Returns what disconnects it again. */
  connect(console: Vm['console']): () => void;
  /** Shows output that comes from no terminal. */
  print(bytes: Uint8Array): void;
  /** Shows a line of the page's own. */
  say(line: string): void;
  clear(): void;
}

export interface SessionPlan {
  /** MiB of RAM. */
  readonly memory: number;
  readonly transport: 'mmio' | 'pci';
  /** A snapshot to go on from, with its memory and its transport; absent: Linux boots. */
  readonly snapshot?: Uint8Array;
  /** Where the machine is kept as it has booted, or goes on from. */
  readonly cache?: StartCache;
  /** What is shared with the guest, the home folder first. */
  readonly places: readonly Place[];
}

export class Session {
  readonly state = signal<SessionState>({ phase: 'booting' });
  readonly boot = signal<BootProgress>(new BootFollower().progress);
  /** The present machine; also after it has stopped, because its folders can still be used. */
  readonly vm = signal<Vm | undefined>(undefined);
  readonly places = signal<readonly Place[]>([]);
  /** MiB of RAM of the present machine. */
  readonly memory = signal(0);
  /** It goes on from a file. */
  readonly resumed = signal(false);
  /** The present machine has its prompt, or takes long: what need not be there before that is done then. */
  readonly settled = signal(false);
  /** What the present machine has begun with; undefined until it runs. */
  readonly begun = signal<VmStatistics['start'] | undefined>(undefined);
  readonly #screen: ConsoleScreen;
  #worker = new WorkerAhead();
  #disconnect: () => void = () => undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  /** Counts starts: the last one counts. */
  #turn = 0;
  #left = Promise.resolve();

  constructor(screen: ConsoleScreen) {
    this.#screen = screen;
  }

  /** The next machine runs in what was started for it. */
  expectStart(worker: WorkerAhead): void {
    this.#worker = worker;
  }

  /**
   * The page goes away. A worker that waits for its guest is ended by the browser only after a second or two, and the next page has
   * to wait for its folder until then.
   */
  leavePage(): void {
    void this.vm.peek()?.stop();
  }

  /** Ends the present machine, makes another and boots it. Never rejects: `state` tells how it went. */
  async start(plan: SessionPlan): Promise<void> {
    const lacking = missingFeature();
    if (lacking !== undefined) {
      this.state.value = { phase: 'over', trouble: lacking };
      return;
    }
    const turn = ++this.#turn;
    this.#left = this.#left.then(() => this.#leave());
    await this.#left;
    // Asked again meanwhile: that one starts.
    if (turn !== this.#turn) return;
    try {
      const { memory, transport, snapshot, cache, places } = plan;
      const { columns, rows } = this.#screen.size;
      const vm = createVm({
        memory,
        worker: this.#worker.take,
        shares: places.map(({ share }) => share),
        ...(snapshot === undefined
          ? { transport, console: { columns, rows }, ...(cache && { cache }) }
          : { resume: snapshot, console: { columns, rows: otherThan(rows) } }),
      });
      this.#adopt(vm, plan);
      await vm.start();
      this.#over(vm, troubleOfExit(await vm.exited));
    } catch (error) {
      this.#over(this.vm.peek(), troubleOfError(error));
    }
  }

  /** Asks the guest to switch off, writing its files back. How it ended `start` follows. */
  async powerOff(): Promise<void> {
    const vm = this.vm.value;
    if (vm === undefined || this.state.value.phase !== 'running') return;
    this.state.value = { phase: 'stopping' };
    await vm.powerOff().catch(() => vm.stop());
  }

  #adopt(vm: Vm, { places, memory, snapshot }: SessionPlan): void {
    this.#screen.clear();
    this.#disconnect = this.#screen.connect(vm.console);
    let follower = new BootFollower();
    const booting = (): void => {
      this.boot.value = follower.progress;
      this.state.value = { phase: 'booting' };
    };
    vm.on('progress', (event) => {
      follower.follow(event);
      this.boot.value = follower.progress;
    });
    vm.on('log', ({ line }) => {
      const kept = keptIn(line);
      if (kept === undefined) this.#screen.say(line);
      else {
        const told = this.places.value;
        this.places.value = told.map((place) => (place.kind === 'storage' ? { ...place, kind: kept } : place));
      }
    });
    vm.on('unready', (error) => {
      this.#screen.say(error.message);
      this.#settle(0);
    });
    // Once more after each reboot of the guest.
    vm.on('ready', () => {
      this.state.value = { phase: 'running' };
      // It may have stopped meanwhile.
      void vm.statistics().then(
        ({ start }) => this.#began(vm, start),
        () => undefined,
      );
      // Programs draw themselves anew for another size: what the terminal had on it is not in the file.
      if (snapshot !== undefined) vm.console.resize(this.#screen.size.columns, this.#screen.size.rows);
      void this.#keepShell(vm).then(() => {
        if (this.vm.value !== vm || this.state.value.phase !== 'running') return;
        follower = new BootFollower();
        booting();
      });
    });
    batch(() => {
      this.vm.value = vm;
      this.places.value = places;
      this.memory.value = memory;
      this.resumed.value = snapshot !== undefined;
      this.begun.value = undefined;
      this.settled.value = false;
      booting();
    });
    this.#settle(startTime);
  }

  /** In so many milliseconds. The last call counts. */
  #settle(after: number): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => (this.settled.value = true), after);
  }

  #began(vm: Vm, start: VmStatistics['start']): void {
    if (this.vm.value === vm) this.begun.value = start;
  }

  #over(vm: Vm | undefined, trouble: Trouble): void {
    if (this.vm.value !== vm) return;
    this.#settle(0);
    this.state.value = { phase: 'over', trouble };
  }

  /** Gives the console a shell, and another when that has ended. Resolves when the guest goes down. */
  async #keepShell(vm: Vm): Promise<void> {
    void this.#showCommands(vm);
    while (vm.isReady) {
      try {
        const ended = await vm.startShell({ term: 'xterm-256color' });
        this.#settle(promptTime);
        await ended();
        if (vm.isReady) this.#screen.say('the shell has ended; here is another');
      } catch (error) {
        if (!vm.isReady) return;
        this.#screen.say(error instanceof Error ? error.message : String(error));
        return;
      }
    }
  }

  /** Commands without a terminal, which ran in the guest when it was saved: their output goes on here. */
  async #showCommands(vm: Vm): Promise<void> {
    // Who has no commands to show has none.
    const commands = await vm.resumedCommands.catch(() => []);
    await Promise.all(
      commands.map(async (command) => {
        const show = async (output: AsyncIterable<Uint8Array>): Promise<void> => {
          for await (const bytes of output) this.#screen.print(bytes);
        };
        const [status] = await Promise.allSettled([command.status, show(command.stdout), show(command.stderr)]);
        // Otherwise the machine has ended before it.
        if (status.status === 'fulfilled' && this.vm.value === vm)
          this.#screen.say(`the command that ran when the machine was saved has ended with status ${status.value}`);
      }),
    );
  }

  async #leave(): Promise<void> {
    const vm = this.vm.value;
    if (vm === undefined) return;
    if (this.state.value.phase === 'running') {
      this.state.value = { phase: 'stopping' };
      await vm.powerOff().catch(() => undefined);
    }
    this.vm.value = undefined;
    this.#disconnect();
    // What a share could not store it has told before.
    await vm.dispose().catch(() => undefined);
  }
}

/** A number of rows that is not this one. */
function otherThan(rows: number): number {
  return rows > 1 ? rows - 1 : rows + 1;
}
