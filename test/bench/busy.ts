// How busy other programs keep the machine: figures measured beside them mean little.
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processors kept busy from which on figures are doubtful. */
const tolerable = 0.15;
const watchedMilliseconds = 700;

function spent(): { busy: number; all: number } {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq;
    busy += sum;
    all += sum + times.idle;
  }
  return { busy, all };
}

/** How many processors are busy while this program waits. */
export async function busyProcessors(): Promise<number> {
  const before = spent();
  await sleep(watchedMilliseconds);
  const after = spent();
  return after.all === before.all ? 0 : ((after.busy - before.busy) / (after.all - before.all)) * cpus().length;
}

/** A line for the report, which warns where that is needed. */
export function describeLoad(busy: number): string {
  const load = `load average ${loadavg()[0]!.toFixed(2)}`;
  if (busy < tolerable) return `The machine was idle (${load}).`;
  return (
    `**The machine was busy: other programs used ${busy.toFixed(1)} of its ${cpus().length} processors (${load}). ` +
    'Trust no figure; a ratio of two that were measured in turn is less wrong.**'
  );
}
