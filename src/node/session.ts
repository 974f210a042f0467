// What a shell and a single command have in common on the command line.
import type { Vm } from '../vm.ts';
import type { Progress } from './progress.ts';
import { failureOf } from './report.ts';
import { saveInto } from './snapshot-file.ts';
import type { OutputFile } from './stdio.ts';
import type { HostTerminal } from './terminal.ts';

export interface Session {
  readonly vm: Vm;
  /** It was started, to see what it resumes. */
  readonly isStarted: boolean;
  readonly progress: Progress;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: OutputFile;
  readonly stderr: OutputFile;
  /** Present where the guest is to have the terminal that the program runs in. */
  readonly terminal: HostTerminal | undefined;
  /** The file that the machine is saved into instead of being switched off. */
  readonly save: string | undefined;
  /** The guest has neither share nor drive: nobody would find what it writes back. */
  readonly isForgotten: boolean;
  /** Awaited before the first command, and before the guest is switched off. */
  readonly profile: { begin(): Promise<void>; end(): Promise<void> } | undefined;
  /** Calls `listener` for each signal that asks the program to end; it then has to. */
  onSignal(listener: (signal: EndingSignal, status: number) => void): void;
}

export const endingSignals = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;
export type EndingSignal = keyof typeof endingSignals;

/** What a program that was ended because nobody reads its output has for a status. */
export const brokenPipeStatus = 128 + 13;

/** Milliseconds that a guest has to write back its files and power off before it is stopped. */
const powerOffTime = 5000;

/** Comes to the end of the machine that was asked for: saves it, or switches the guest off. Throws VmError. */
export async function endMachine({ vm, save, isForgotten }: Session): Promise<void> {
  if (save !== undefined) await saveInto(vm, save);
  else if (isForgotten) await vm.stop();
  else await shutDown(vm);
}

/** What Ctrl-A s does. Resolves with what went wrong; the machine then runs on. */
export async function saveOnRequest({ vm, save }: Session): Promise<string | undefined> {
  if (save === undefined) return 'the machine is saved where --save FILE was given';
  try {
    await saveInto(vm, save);
    return undefined;
  } catch (error) {
    return failureOf(error).line;
  }
}

/** Switches the guest off if it is up, else stops it. Resolves when it has stopped. */
export async function shutDown(vm: Vm): Promise<void> {
  if (!vm.isReady) return vm.stop();
  const timer = setTimeout(() => void vm.stop(), powerOffTime);
  try {
    await vm.powerOff();
  } catch {
    // It went down while it was asked to.
    await vm.stop();
  } finally {
    clearTimeout(timer);
  }
}

/** What a program in the guest is told of the host: the terminal's type and the time zone. */
export function guestEnvironment(): { term: string; env: Record<string, string> } {
  const minutes = -new Date().getTimezoneOffset();
  return { term: process.env['TERM'] ?? 'xterm-256color', env: minutes === 0 ? {} : { TZ: posixTimeZone(minutes) } };
}

/** POSIX.1-2017 §8.3: a zone that needs no data files. Its offset counts westward. */
export function posixTimeZone(minutesEast: number): string {
  const hours = Math.floor(Math.abs(minutesEast) / 60);
  const minutes = Math.abs(minutesEast) % 60;
  const digits = `${String(hours).padStart(2, '0')}${minutes === 0 ? '' : String(minutes).padStart(2, '0')}`;
  const offset = minutes === 0 ? `${hours}` : `${hours}:${String(minutes).padStart(2, '0')}`;
  return minutesEast < 0 ? `<-${digits}>${offset}` : `<+${digits}>-${offset}`;
}
