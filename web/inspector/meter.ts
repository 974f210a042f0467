// Requests and bytes per second, from the counts that the machine tells now and then.

export interface Activity {
  readonly requests: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Rate {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Milliseconds that the present rate is averaged over. */
const window = 1000;
/** Milliseconds of a bar in the history, and how many bars there are. */
const barTime = 500;
export const bars = 60;

export class Meter {
  #recent: (Activity & { readonly time: number })[] = [];
  /** Requests in each bar, the newest last; `#barStart` is when the newest began. */
  #history: number[] = Array.from({ length: bars }, () => 0);
  #barStart = 0;

  /** `activity` is what has happened since the last call; `time` in milliseconds. */
  add(activity: Activity, time: number): void {
    this.#recent.push({ ...activity, time });
    this.#moveTo(time);
    this.#history[bars - 1] = (this.#history[bars - 1] ?? 0) + activity.requests;
  }

  rate(time: number): Rate {
    this.#moveTo(time);
    const sum = (pick: (activity: Activity) => number): number =>
      this.#recent.reduce((total, activity) => total + pick(activity), 0) / (window / 1000);
    return {
      requestsPerSecond: sum(({ requests }) => requests),
      bytesPerSecond: sum(({ bytesIn, bytesOut }) => bytesIn + bytesOut),
    };
  }

  /** Requests in each half second of the last thirty, the newest last. */
  history(time: number): readonly number[] {
    this.#moveTo(time);
    return this.#history;
  }

  #moveTo(time: number): void {
    this.#recent = this.#recent.filter((activity) => activity.time > time - window);
    const passed = Math.min(Math.floor((time - this.#barStart) / barTime), bars);
    if (passed <= 0) return;
    this.#history = [...this.#history.slice(passed), ...Array.from({ length: passed }, () => 0)];
    this.#barStart = time - ((time - this.#barStart) % barTime);
  }
}
