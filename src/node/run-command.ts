// `--exec`: one command, with its streams, signals and status.
import { VmError } from '../errors.ts';
import type { CommandOutput, VmCommand } from '../vm-command.ts';
import { EscapeKeys, escapeHelp, type EscapeAction } from './escape-keys.ts';
import { complaintOf, exitStatuses, statusOf } from './report.ts';
import { endMachine, guestEnvironment, saveOnRequest, type Session } from './session.ts';
import { ReaderGone, readInput, type OutputFile } from './stdio.ts';

const defaultSize = { columns: 80, rows: 24 };

/** Milliseconds in which a machine that lost its command shows whether it stops or restarts. */
const decisionTime = 5000;

/**
 * Runs `line` in the guest and switches that off, or saves it; or takes over a command that a resumed guest runs. Resolves with
 * the exit status. Throws VmError.
 */
export async function runCommand(session: Session, line: string | VmCommand, wantsTty: boolean): Promise<number> {
  const { vm, progress, stdout, stderr, terminal } = session;
  let command: VmCommand | undefined;
  let ownStatus: number | undefined;
  const quit = (status: number): void => {
    ownStatus ??= status;
    void vm.stop();
  };
  // Until the command runs there is nothing to forward a signal to.
  let running = false;
  session.onSignal((signal, status) => {
    if (running) command?.kill(signal);
    else quit(status);
  });
  terminal?.onResize((columns, rows) => command?.resize(columns, rows));

  const { term, env } = guestEnvironment();
  const tty = wantsTty ? { ...(terminal?.size ?? defaultSize), term } : undefined;
  let stopInput = (): void => undefined;
  try {
    if (!session.isStarted) await vm.start();
    await session.profile?.begin();
    command =
      typeof line === 'string' ? vm.exec(line, { stdinOpen: true, env, ...(tty !== undefined && { tty }) }) : line;
    if (typeof line !== 'string' && terminal?.size !== undefined) {
      command.resize(terminal.size.columns, terminal.size.rows);
    }
    await command.started;
    progress.clear();
    running = true;
    const save = async (): Promise<void> => {
      const status = ownStatus;
      // The end of the machine is then no surprise.
      ownStatus = exitStatuses.ok;
      const problem = await saveOnRequest(session);
      if (problem === undefined) return;
      ownStatus = status;
      await stderr.write(`\r\nvm9: ${problem}\r\n`);
    };
    stopInput = feedInput(session, command, (action) => {
      if (action === 'quit') quit(exitStatuses.ok);
      else if (action === 'save') void save();
      else stderr.write(escapeHelp).catch(() => undefined);
    });
    const [status] = await Promise.all([
      command.status,
      passOn(command.stdout, stdout, (bytes) => terminal?.observe(bytes)),
      passOn(command.stderr, stderr),
    ]);
    stopInput();
    terminal?.leave();
    await session.profile?.end();
    await endMachine(session);
    return ownStatus ?? status;
  } catch (error) {
    stopInput();
    terminal?.leave();
    progress.clear();
    if (ownStatus !== undefined) return ownStatus;
    if (!(error instanceof VmError && error.code === 'stopped')) throw error;
    return await statusWithoutCommand(session);
  }
}

function feedInput(session: Session, command: VmCommand, act: (action: EscapeAction) => void): () => void {
  const { stdin, terminal } = session;
  if (terminal === undefined) {
    return readInput(
      stdin,
      (bytes) => command.write(bytes),
      () => command.end(),
    );
  }
  const keys = new EscapeKeys();
  return readInput(
    stdin,
    (bytes) => {
      return command.write(keys.feed(bytes, act));
    },
    () => command.kill('SIGHUP'),
  );
}

/** Writes all output on. A reader that goes away closes the stream: the command gets SIGPIPE, as it would without us. */
async function passOn(output: CommandOutput, file: OutputFile, observe?: (bytes: Uint8Array) => void): Promise<void> {
  try {
    for await (const bytes of output) {
      observe?.(bytes);
      await file.write(bytes);
    }
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
  }
}

/** The machine took the command with it: by stopping, or by a restart. */
async function statusWithoutCommand({ vm, stderr }: Session): Promise<number> {
  const restarted = new Promise<'restarted'>((resolve) => {
    vm.on('ready', () => resolve('restarted'));
    setTimeout(resolve, decisionTime, 'restarted').unref();
  });
  const exit = await Promise.race([vm.exited, restarted]);
  if (exit === 'restarted') {
    await vm.stop();
    await stderr.write('vm9: the guest restarted while the command ran\n');
    return exitStatuses.machineFailed;
  }
  const complaint = complaintOf(exit);
  if (complaint !== undefined) await stderr.write(`vm9: ${complaint}\n`);
  return statusOf(exit);
}
