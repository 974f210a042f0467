// Tells a guest whose agent is still on its way from one that has none: a system that boots is busy.
import type { MachineStatistics } from './worker-protocol.ts';

/** Seconds that a guest must have been idle at a stretch before it counts as booted. */
const idleAtStretch = 3;
/** Less than this part of the time busy is idle: a login prompt with its timers. */
const busyPart = 0.05;
/** Whatever the guest does, the wait ends after this many seconds. */
const longestWait = 120;

export interface AgentWatch {
  /** The system is the built-in one, which has an agent: however slowly it boots, that is on its way. */
  readonly isBuiltIn: boolean;
  statistics(): Promise<MachineStatistics>;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  after(milliseconds: number, callback: () => void): () => void;
  /** Called at most once, with the reason. */
  onMissing(reason: string): void;
}

/** Watches until the returned function is called. */
export function watchForAgent(watch: AgentWatch): () => void {
  const start = watch.now();
  let stretchStart = start;
  let lastBusy = 0;
  let lastLook = start;
  let cancelTimer = (): void => undefined;
  let cancelled = false;

  const look = async (): Promise<void> => {
    const { busySeconds } = await watch.statistics();
    if (cancelled) return;
    const time = watch.now();
    // A machine that has not begun is not idle.
    if (busySeconds === 0 || (busySeconds - lastBusy) * 1000 > busyPart * (time - lastLook)) stretchStart = time;
    lastBusy = busySeconds;
    lastLook = time;
    const seconds = Math.round((time - start) / 1000);
    const isIdle = time - stretchStart >= idleAtStretch * 1000;
    if (isIdle && !watch.isBuiltIn) watch.onMissing('it has booted, and waits for input');
    else if (time - start >= longestWait * 1000) watch.onMissing(`${seconds} seconds have passed`);
    else schedule();
  };
  const schedule = (): void => {
    // A machine that stops before it answers has its own way to tell.
    cancelTimer = watch.after(500, () => void look().catch(() => undefined));
  };
  schedule();
  return () => {
    cancelled = true;
    cancelTimer();
  };
}
