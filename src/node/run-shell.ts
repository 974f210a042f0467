// The interactive session: the terminal is the guest's console.
import type { Bytes } from '../../devices/ports.ts';
import { VmError } from '../errors.ts';
import { EscapeKeys, escapeHelp, type EscapeAction } from './escape-keys.ts';
import { complaintOf, exitStatuses, failureOf, statusOf } from './report.ts';
import { brokenPipeStatus, endMachine, guestEnvironment, saveOnRequest, shutDown, type Session } from './session.ts';
import { readInput, ReaderGone } from './stdio.ts';

/** What a terminal's line discipline takes for the end of the input. */
const endOfFile = '\x04';

/** Runs the machine until it stops. Resolves with the exit status. */
export async function runShell(session: Session): Promise<number> {
  const { vm, progress, stdout, stderr, terminal } = session;
  let ownStatus: number | undefined;
  let quitting = false;
  const quit = (status: number): void => {
    ownStatus ??= status;
    // The guest's last words on the way down are of no use to whoever has left.
    vm.console.attach(() => undefined);
    const down = quitting ? vm.stop() : shutDown(vm);
    quitting = true;
    down.catch((error: unknown) => tell(session, failureOf(error).line));
  };
  const fail = (error: unknown): void => {
    const { status, line } = failureOf(error);
    tell(session, line);
    quit(status);
  };

  vm.console.attach(async (bytes) => {
    progress.clear();
    terminal?.observe(bytes);
    try {
      await stdout.write(bytes);
    } catch (error) {
      if (error instanceof ReaderGone) quit(brokenPipeStatus);
      else fail(error);
    }
  });
  session.onSignal((_, status) => quit(status));
  terminal?.onResize((columns, rows) => vm.console.resize(columns, rows));
  const input = makeInput(session, (action) => {
    if (action === 'quit') quit(exitStatuses.ok);
    else if (action === 'hangup') quit(128 + 1);
    else if (action === 'save') void saveNow();
    else write(session, escapeHelp);
  });
  const saveNow = async (): Promise<void> => {
    const status = ownStatus;
    // The end of the machine is then no surprise.
    ownStatus = exitStatuses.ok;
    const problem = await saveOnRequest(session);
    if (problem === undefined) return;
    ownStatus = status;
    tell(session, problem);
  };

  const isUp = (): void => {
    progress.clear();
    shell(session, input.begin).catch((error: unknown) => {
      // Where the guest was switched off from inside the machine's end tells.
      if (!(error instanceof VmError && error.code === 'stopped')) fail(error);
    });
  };
  const isNotUp = (error: unknown): void => {
    progress.clear();
    // A user's own system: its console is all there is.
    if (error instanceof VmError && error.code === 'no-agent') input.begin();
    else fail(error);
  };
  vm.on('ready', isUp);
  vm.on('unready', isNotUp);
  if (session.isStarted) vm.ready.then(isUp, isNotUp);
  else await vm.start();
  if (terminal !== undefined) input.begin();
  const exit = await vm.exited;
  input.stop();
  await vm.console.flushed();
  terminal?.leave();
  progress.clear();
  if (ownStatus !== undefined) return ownStatus;
  const complaint = complaintOf(exit);
  if (complaint !== undefined) await stderr.write(`vm9: ${complaint}\n`);
  return statusOf(exit);
}

async function shell(session: Session, begin: () => void): Promise<void> {
  const { vm, profile } = session;
  await profile?.begin();
  const ended = await vm.startShell(guestEnvironment());
  begin();
  await ended();
  vm.console.attach(() => undefined);
  await profile?.end();
  if (session.save === undefined) await vm.powerOff();
  else await endMachine(session);
}

/** Keys from a terminal are for the guest at once; a pipe waits until somebody in the guest is there to read it. */
function makeInput(
  session: Session,
  act: (action: EscapeAction | 'hangup') => void,
): { begin: () => void; stop: () => void } {
  const { vm, stdin, terminal } = session;
  const keys = new EscapeKeys();
  let stop: (() => void) | undefined;
  const type = async (bytes: Bytes): Promise<boolean> => {
    const forGuest = terminal === undefined ? bytes : keys.feed(bytes, act);
    await vm.console.write(forGuest);
    return true;
  };
  return {
    begin: () => {
      // The terminal gone is the machine's end; the end of a pipe is typed.
      const end = (): void => (terminal === undefined ? void vm.console.write(endOfFile) : act('hangup'));
      stop ??= readInput(stdin, type, end);
    },
    stop: () => stop?.(),
  };
}

/** Puts a line on stderr beside the guest's output. */
function tell(session: Session, line: string): void {
  const { terminal } = session;
  write(session, terminal === undefined ? `vm9: ${line}\n` : `\r\nvm9: ${line.replaceAll('\n', '\r\n')}\r\n`);
}

function write({ stderr, progress }: Session, text: string): void {
  progress.clear();
  // stderr gone is no reason to end the guest.
  stderr.write(text).catch(() => undefined);
}
