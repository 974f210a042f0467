// How much a guest asks of its shares while somebody wants to know: the difference between two looks at the counters.
import type { MachineStatistics, ShareTraffic } from './worker-protocol.ts';

/** Milliseconds between two looks. */
const pause = 100;

/** What the guest asked of a share since the last event of it. */
export interface ShareActivity extends ShareTraffic {
  readonly tag: string;
}

export interface ActivityMeterWiring {
  /** Rejects when the machine is over. */
  statistics(): Promise<MachineStatistics>;
  after(milliseconds: number, callback: () => void): () => void;
  /** Whether anybody wants to know. */
  isWanted(): boolean;
  emit(activity: ShareActivity): void;
}

export class ActivityMeter {
  readonly #wiring: ActivityMeterWiring;
  #last: MachineStatistics['shares'] = {};
  #runs = false;
  #over = false;
  #cancel: () => void = () => undefined;

  constructor(wiring: ActivityMeterWiring) {
    this.#wiring = wiring;
  }

  /** The machine has started. */
  machineStarted(): void {
    if (this.#wiring.isWanted()) this.#begin();
  }

  /** Somebody wants to know of what the guest asks from now on. */
  wanted(): void {
    if (this.#runs || this.#over) return;
    this.#ask(({ shares }) => {
      this.#last = shares;
      this.#begin();
    });
  }

  /** The machine has stopped, and these were its last. */
  end(statistics: MachineStatistics | undefined): void {
    if (statistics !== undefined && this.#runs && this.#wiring.isWanted()) this.#tell(statistics.shares);
    this.#over = true;
    this.#cancel();
  }

  #begin(): void {
    if (this.#runs || this.#over) return;
    this.#runs = true;
    this.#cancel = this.#wiring.after(pause, () =>
      this.#ask(({ shares }) => {
        this.#runs = false;
        if (!this.#wiring.isWanted()) return;
        this.#tell(shares);
        this.#begin();
      }),
    );
  }

  #ask(then: (statistics: MachineStatistics) => void): void {
    this.#wiring.statistics().then(
      (statistics) => {
        if (!this.#over) then(statistics);
      },
      () => undefined, // the machine is over
    );
  }

  #tell(shares: MachineStatistics['shares']): void {
    const last = this.#last;
    this.#last = shares;
    for (const [tag, { requests, bytesIn, bytesOut }] of Object.entries(shares)) {
      const before = last[tag] ?? { requests: 0, bytesIn: 0, bytesOut: 0 };
      if (requests === before.requests) continue;
      this.#wiring.emit({
        tag,
        requests: requests - before.requests,
        bytesIn: bytesIn - before.bytesIn,
        bytesOut: bytesOut - before.bytesOut,
      });
    }
  }
}
