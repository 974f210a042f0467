// The one loop of the VM worker: runs the hart in slices, and between them lets the event loop turn when something waits
// there. A hart that waits blocks the thread only while nothing but the doorbell can end the wait.
import type { Host } from './host.ts';
import { timebaseFrequency } from './board.ts';
import type { MachineClock } from './machine-clock.ts';
import { isShared } from './shared-memory.ts';

const ticksPerMillisecond = timebaseFrequency / 1000;
/** Instructions of a slice: a fifth of a millisecond, below what a guest's timer would notice. */
const sliceInstructions = 100_000;
/** Milliseconds in the hart after which messages are looked for where no doorbell announces them: a turn costs 5 to 20 us. */
const unheardTime = 2;
/**
 * Milliseconds after a ring of the doorbell in which its message may still be on its way: one that was posted through a port of its own can
 * arrive a little later than the word that announces it. So long a turn follows every slice of a busy hart (1 to 2 us in Node.js, 9 to 16 us in
 * Chromium, after a slice of some hundred), and the first wait does not block.
 */
const afterglow = 6;
/** Timers of the event loop are no finer than a millisecond: shorter waits turn the loop until their time has come. */
const shortestSleep = 5;

/** What the loop drives. */
export interface RunTarget {
  /** Runs at most so many instructions. `waiting`: the hart is in wfi and nothing is pending. */
  run(instructions: number): 'ran' | 'waiting';
  /** Drives timer interrupts by the present time. */
  updateTimers(): void;
  /** The tick of the next timer interrupt; Infinity when there is none. */
  nextDeadline(): number;
  /** Whether an interrupt would end the wait. */
  hasPending(): boolean;
  /** Work of devices that their time slice cut short. Returns whether there is more. */
  pollDevices(): boolean;
  /** Whether backends have operations under way whose completion comes through the event loop. */
  readonly outstanding: boolean;
  /** Hands on what the guest has sent; a promise stands for a receiver that is not ready. */
  flushOutput(): Promise<void> | undefined;
  /** Whether the machine has come to its end. */
  readonly ended: boolean;
}

export class RunLoop {
  readonly #host: Host;
  readonly #clock: MachineClock;
  readonly #target: RunTarget;
  /** Whether messages come without a doorbell that could be read: there is no shared memory. */
  readonly #unannounced: boolean;
  /** The doorbell's count at the last turn of the event loop. */
  #heard: number;
  /** The doorbell rang since the last wait. */
  #glows = false;
  /** When the afterglow of the last ring ends. */
  #glowsUntil = Number.NEGATIVE_INFINITY;
  /** Milliseconds in the hart since the last turn. */
  #unheard = 0;
  #wake: (() => void) | undefined;
  /** Milliseconds in the hart, and waiting. */
  busy = 0;
  idle = 0;

  /** `rang`: the doorbell may have rung before, for messages that nobody has seen yet. */
  constructor(host: Host, clock: MachineClock, target: RunTarget, rang = false) {
    this.#host = host;
    this.#clock = clock;
    this.#target = target;
    this.#unannounced = !isShared(host.doorbell.buffer);
    this.#heard = Atomics.load(host.doorbell, 0) - (rang ? 1 : 0);
  }

  /** Ends a wait in the event loop: an interrupt was raised, or the machine is to stop. */
  wake(): void {
    this.#wake?.();
  }

  async run(): Promise<void> {
    const target = this.#target;
    while (!target.ended) {
      target.updateTimers();
      const start = this.#host.now();
      const outcome = target.run(this.#slice());
      const spent = this.#host.now() - start;
      this.busy += spent;
      this.#unheard += spent;
      const blocked = target.flushOutput();
      if (blocked !== undefined) await blocked;
      // A slice that began in the afterglow, however long it took: a message may have come since.
      if (target.outstanding || this.#rang() || start < this.#glowsUntil) await this.#turn();
      const more = target.pollDevices();
      // What was answered meanwhile ends the wait before it begins: a counted clock must not show how long that took.
      if (outcome === 'waiting' && !more && !target.ended && !target.hasPending()) await this.#wait();
    }
  }

  #slice(): number {
    const untilDeadline = this.#clock.instructionsUntil(this.#target.nextDeadline());
    return Math.max(1, Math.min(sliceInstructions, untilDeadline));
  }

  /** Whether a message waits, or may well do. */
  #rang(): boolean {
    if (this.#unannounced) return this.#unheard >= unheardTime;
    return Atomics.load(this.#host.doorbell, 0) !== this.#heard;
  }

  async #turn(): Promise<void> {
    // Read before the turn: what rings during it gets another.
    const count = Atomics.load(this.#host.doorbell, 0);
    const isNew = count !== this.#heard;
    this.#heard = count;
    this.#unheard = 0;
    await this.#host.turn();
    if (!isNew) return;
    this.#glows = true;
    this.#glowsUntil = this.#host.now() + afterglow;
  }

  /** Waits until an interrupt is pending, a timer is due or a message has come. */
  async #wait(): Promise<void> {
    const start = this.#host.now();
    const deadline = this.#target.nextDeadline();
    const due = start + Math.max(0, deadline - this.#clock.ticks()) / ticksPerMillisecond;
    if (this.#target.outstanding || !this.#host.canBlock) await this.#waitInEventLoop(due);
    else if (this.#glows) await this.#waitInEventLoop(Math.min(due, start + afterglow));
    else this.#block(due);
    this.#glows = false;
    const slept = this.#host.now() - start;
    this.idle += slept;
    this.#clock.idle(slept, deadline);
    if (this.#rang()) await this.#turn();
  }

  /** Blocks the thread: without operations under way nothing but a message can come, and the doorbell announces it. */
  #block(due: number): void {
    if (this.#target.hasPending()) return;
    const milliseconds = due - this.#host.now();
    if (milliseconds > 0) Atomics.wait(this.#host.doorbell, 0, this.#heard, milliseconds);
  }

  async #waitInEventLoop(due: number): Promise<void> {
    while (!this.#target.hasPending() && !this.#target.ended) {
      const remaining = due - this.#host.now();
      if (remaining <= 0) return;
      if (this.#rang()) return;
      if (remaining < shortestSleep) {
        await this.#turn();
        continue;
      }
      const sleep = this.#host.sleep(remaining - 1);
      this.#wake = () => sleep.wake();
      // An interrupt may have come between the check and here only through the event loop, which did not turn.
      await sleep.done;
      this.#wake = undefined;
      return;
    }
  }
}
