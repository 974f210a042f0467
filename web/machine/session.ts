// The machine of the page: made, booted, given a shell, ended, and made again, one at a time.
import { batch, signal } from '@preact/signals';
import { createVm, type Vm, type VmExit } from 'vm9';
import { BootFollower, type BootProgress } from './boot-steps.ts';
import { missingFeature, troubleOfError, troubleOfExit, type Trouble } from './trouble.ts';
import { keptIn, type Place } from './places.ts';

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
  /** Shows a line of the page's own. */
  say(line: string): void;
  clear(): void;
}

export interface SessionPlan {
  readonly memory: number;
  /** What is shared with the guest, the home folder first. */
  readonly places: readonly Place[];
}

export class Session {
  readonly state = signal<SessionState>({ phase: 'booting' });
  readonly boot = signal<BootProgress>(new BootFollower().progress);
  /** The present machine; also after it has stopped, because its folders can still be used. */
  readonly vm = signal<Vm | undefined>(undefined);
  readonly places = signal<readonly Place[]>([]);
  readonly #screen: ConsoleScreen;
  #disconnect: () => void = () => undefined;

  constructor(screen: ConsoleScreen) {
    this.#screen = screen;
  }

  /** Ends the present machine, makes another and boots it. Never rejects: `state` tells how it went. */
  async start(plan: SessionPlan): Promise<void> {
    const lacking = missingFeature();
    if (lacking !== undefined) {
      this.state.value = { phase: 'over', trouble: lacking };
      return;
    }
    await this.#leave();
    let vm: Vm;
    try {
      vm = createVm({
        memory: plan.memory,
        shares: plan.places.map(({ share }) => share),
        console: this.#screen.size,
      });
    } catch (error) {
      this.state.value = { phase: 'over', trouble: troubleOfError(error) };
      return;
    }
    const follower = new BootFollower();
    this.#screen.clear();
    this.#disconnect = this.#screen.connect(vm.console);
    batch(() => {
      this.vm.value = vm;
      this.places.value = plan.places;
      this.boot.value = follower.progress;
      this.state.value = { phase: 'booting' };
    });
    vm.on('progress', (event) => {
      follower.follow(event);
      this.boot.value = follower.progress;
    });
    vm.on('log', ({ line }) => {
      const kept = keptIn(line);
      if (kept === undefined) this.#screen.say(line);
      else
        this.places.value = this.places.value.map((place) =>
          place.kind === 'storage' ? { ...place, kind: kept } : place,
        );
    });
    await this.#run(vm);
  }

  /** Asks the guest to switch off, writing its files back. */
  async powerOff(): Promise<void> {
    const vm = this.vm.value;
    if (vm === undefined || this.state.value.phase !== 'running') return;
    this.state.value = { phase: 'stopping' };
    // How it ended is told by `exited`, which #run follows.
    await vm.powerOff().catch(() => vm.stop());
  }

  async #run(vm: Vm): Promise<void> {
    try {
      await vm.start();
      const exited = vm.exited;
      await Promise.race([vm.ready, exited]);
      if (vm.isReady) {
        this.state.value = { phase: 'running' };
        void this.#keepShell(vm);
      }
      this.#over(vm, await exited);
    } catch (error) {
      if (this.vm.value === vm) this.state.value = { phase: 'over', trouble: troubleOfError(error) };
    }
  }

  #over(vm: Vm, exit: VmExit): void {
    if (this.vm.value === vm) this.state.value = { phase: 'over', trouble: troubleOfExit(exit) };
  }

  /** Gives the console a shell, and another when that has ended. */
  async #keepShell(vm: Vm): Promise<void> {
    while (this.vm.value === vm && vm.isReady) {
      try {
        const ended = await vm.startShell({ term: 'xterm-256color' });
        await ended();
      } catch (error) {
        // A guest that goes down takes its shell along.
        if (!vm.isReady) return;
        this.#screen.say(error instanceof Error ? error.message : String(error));
        return;
      }
      if (vm.isReady) this.#screen.say('the shell has ended; here is another');
    }
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
    // It has told before what it could not store.
    await vm.dispose().catch(() => undefined);
  }
}
