// Waiting in the event loop for a time that can be cut short.

export interface Sleep {
  readonly done: Promise<void>;
  wake(): void;
}

/** Calls back after `milliseconds`, unless the returned function is called before: setTimeout, as the host has it. */
export type After = (milliseconds: number, callback: () => void) => () => void;

/** Beyond this many milliseconds setTimeout fires at once. */
const longestTimeout = 2 ** 31 - 1;

/** Resolves after `milliseconds`, fractions rounded up, or when it is woken; beyond 24 days only then. */
export function sleepBy(after: After, milliseconds: number): Sleep {
  let wake = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    const cancel =
      milliseconds < longestTimeout ? after(Math.max(0, Math.ceil(milliseconds)), resolve) : (): void => undefined;
    wake = () => {
      cancel();
      resolve();
    };
  });
  return { done, wake };
}
