// What the command line tells about a machine when it is over.
import { VmError } from '../errors.ts';
import type { VmStatistics } from '../vm-events.ts';
import { describeExit } from '../exit-sentence.ts';
import type { TranslatorStatistics } from '../cpu/riscv/translator.ts';
import type { VmExit } from '../worker-protocol.ts';

/** Exit statuses of the program, apart from those of a command. */
export const exitStatuses = { ok: 0, usage: 2, machineFailed: 125 } as const;

/** The exit status for the way a machine stopped. */
export function statusOf(exit: VmExit): number {
  if (exit.reason === 'panic' || exit.reason === 'stuck') return exitStatuses.machineFailed;
  if (exit.reason !== 'finisher') return exitStatuses.ok;
  // A status has eight bits, and a failure must not look like success.
  return exit.code & 0xff || exitStatuses.machineFailed;
}

/** What to say about the way a machine stopped; undefined where it is as it should be. */
export function complaintOf(exit: VmExit): string | undefined {
  return statusOf(exit) === exitStatuses.ok ? undefined : describeExit(exit);
}

/** The exit status for an error, and the line that tells it. */
export function failureOf(error: unknown): { status: number; line: string } {
  if (!(error instanceof VmError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { status: exitStatuses.machineFailed, line: `a defect of this program: ${text}` };
  }
  if (error.code === 'internal') {
    return { status: exitStatuses.machineFailed, line: `a defect of this program: ${error.stack ?? error.message}` };
  }
  return { status: error.code === 'stopped' ? exitStatuses.machineFailed : exitStatuses.usage, line: error.message };
}

const starts: Readonly<Record<VmStatistics['start'], string>> = {
  boot: 'the machine has booted',
  cache: 'the machine went on from the cache',
  snapshot: 'the machine went on from a snapshot',
};

/** The lines of `--stats`. `beforeStart` is how many milliseconds the program ran before it started the machine. */
export function describeStatistics(statistics: VmStatistics, beforeStart: number): string {
  const { boot, instructions, busySeconds, idleSeconds, mips, tlbMisses, translator, p9 } = statistics;
  const stages = Object.entries(boot).map(([stage, milliseconds]) => `${stage} ${milliseconds.toFixed(0)}`);
  const mounted =
    boot.shares === undefined
      ? 'the shares were not mounted'
      : `${boot.shares.toFixed(0)} ms from the start of the machine to the mounted shares, ` +
        `${(beforeStart + boot.shares).toFixed(0)} ms from the start of the program`;
  return [
    `boot: ${mounted} (${stages.join(', ')})`,
    `start: ${starts[statistics.start]}`,
    `guest: ${(instructions / 1e6).toFixed(1)} million instructions, ${mips.toFixed(0)} MIPS, ` +
      `${busySeconds.toFixed(3)} s busy, ${idleSeconds.toFixed(3)} s idle, ${tlbMisses} TLB misses`,
    ...(translator === undefined ? [] : [describeTranslator(translator, instructions)]),
    `9P: ${p9.requests} requests, ${p9.bytesIn} bytes in, ${p9.bytesOut} bytes out`,
    '',
  ].join('\n');
}

function describeTranslator(translator: TranslatorStatistics, instructions: number): string {
  const { regions, modules, dropped, bytes, seconds, retired, exits } = translator;
  const share = instructions === 0 ? 0 : (retired / instructions) * 100;
  const counts = Object.entries(exits).map(([reason, count]) => `${reason} ${count}`);
  return (
    `translator: ${share.toFixed(1)} % of the instructions ran translated, ${(100 - share).toFixed(1)} % interpreted; ` +
    `${regions} regions of ${translator.instructions} instructions in ${modules} modules, ${dropped} dropped, ` +
    `${(bytes / 1024).toFixed(0)} KiB of WebAssembly kept, made in ${seconds.toFixed(3)} s; exits: ${counts.join(', ')}`
  );
}
