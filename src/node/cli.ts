// The command `vm9`: from words to a machine, and from its end to an exit status.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import {
  hostFile,
  hostFolder,
  rootFolder,
  Vm,
  VmError,
  type DriveOptions,
  type ShareOptions,
  type VmCommand,
  type VmOptions,
} from './index.ts';
import { userCacheFolder } from './cache-file.ts';
import { CacheFolder } from './cache-folder.ts';
import type { CodeKeeper } from './code-keeper.ts';
import type { DriveArgument } from './drive-argument.ts';
import { helpText, parseArguments, type RunArguments, type TraceArgument } from './options.ts';
import { platformWith } from './platform.ts';
import { Profile } from './profile/profile.ts';
import { Progress } from './progress.ts';
import { describeStatistics, exitStatuses, failureOf } from './report.ts';
import { runCommand } from './run-command.ts';
import { runShell } from './run-shell.ts';
import { checkSavePath, checkSnapshot, nameSnapshot, savesFinished } from './snapshot-file.ts';
import { brokenPipeStatus, endingSignals, type EndingSignal, type Session } from './session.ts';
import type { ShareArgument } from './share-argument.ts';
import type { Start } from './start.ts';
import { OutputFile, ReaderGone } from './stdio.ts';
import { describeEvent } from './trace-line.ts';
import { HostTerminal } from './terminal.ts';

const { stdin, stdout, stderr } = process;
const output = new OutputFile(stdout);
const errorOutput = new OutputFile(stderr);

/** Resolves with the exit status. `start` is absent where no machine is to be made. */
export async function main(words: readonly string[], start?: Start): Promise<number> {
  try {
    const given = parseArguments(words);
    if (given.action === 'run') return await run(given, start);
    await output.write(given.action === 'help' ? helpText() : `vm9 ${version()}\n`);
    return exitStatuses.ok;
  } catch (error) {
    if (error instanceof ReaderGone) return brokenPipeStatus;
    const { status, line } = failureOf(error);
    await errorOutput.write(`vm9: ${line}\n`).catch(() => undefined);
    return status;
  }
}

async function run(given: RunArguments, start: Start | undefined): Promise<number> {
  const terminal = stdin.isTTY && stdout.isTTY ? new HostTerminal(stdin, stdout) : undefined;
  if (given.save !== undefined) checkSavePath(given.save);
  const keeper = given.cold ? undefined : start?.keeper;
  const cache = given.cold ? undefined : makeCache(given, terminal, start?.workerDigest);
  let code: Uint8Array<ArrayBuffer> | undefined;
  const platform = platformWith(start?.thread, async () => {
    if (keeper !== undefined) code = await codeOf(keeper, vm);
  });
  const vm: Vm = new Vm(platform, vmOptions(given, terminal, cache));
  const profile = given.profile === undefined ? undefined : startProfile(vm, given.profile, given.traces);
  const closeTraces = given.traces.map((trace) => writeTrace(vm, trace));
  const progress = new Progress(stderr.isTTY && !given.quiet ? (text) => void stderr.write(text) : undefined);
  vm.on('progress', ({ stage, loaded }) => {
    if (loaded === undefined) progress.reached(stage);
  });
  vm.on('log', ({ line }) => note(`vm9: ${line}`, terminal));
  process.on('uncaughtException', (error) => {
    terminal?.leave();
    progress.clear();
    const { status, line } = failureOf(error);
    writeSync(stderr.fd, `vm9: ${line}\n`);
    process.exit(status);
  });

  const beforeStart = performance.now();
  try {
    terminal?.enter();
    const { save, root } = given;
    const isForgotten = given.shares.length === 0 && given.drives.length === 0 && root === undefined;
    const isStarted = given.resume !== undefined && given.exec === undefined;
    const streams = { stdin, stdout: output, stderr: errorOutput, terminal };
    const session: Session = { vm, isStarted, progress, ...streams, save, isForgotten, profile, onSignal };
    const status = await runSession(session, given);
    // Of a machine that ended to be saved the guest's own success is not all.
    return (await savesFinished()) ? status : exitStatuses.usage;
  } catch (error) {
    throw given.resume === undefined ? error : nameSnapshot(error, given.resume);
  } finally {
    await savesFinished();
    terminal?.leave();
    progress.clear();
    if (given.stats) await tellStatistics(vm, beforeStart);
    await vm.dispose();
    if (keeper !== undefined && code !== undefined) await cache?.writeCode(keeper.key, code);
    if (given.profile !== undefined) profile?.write(given.profile);
    for (const close of closeTraces) close();
  }
}

async function runSession(session: Session, given: RunArguments): Promise<number> {
  const running = session.isStarted ? await resumedCommand(session.vm) : undefined;
  if (running !== undefined) return runCommand(session, running, false);
  // A user's own system may have no agent, only a console, into which a pipe is typed.
  const hasOwnSystem = given.initrd !== undefined || given.kernel === 'none';
  const line = given.exec ?? (stdin.isTTY || hasOwnSystem ? undefined : 'exec sh');
  if (line === undefined) return runShell(session);
  return runCommand(session, line, given.tty || session.terminal !== undefined);
}

/** The command that went on with the machine, the first where they were several. */
async function resumedCommand(vm: Vm): Promise<VmCommand | undefined> {
  await vm.start();
  try {
    return (await vm.resumedCommands)[0];
  } catch (error) {
    // A guest without an agent has none.
    if (error instanceof VmError && error.code === 'no-agent') return undefined;
    throw error;
  }
}

function onSignal(listener: (signal: EndingSignal, status: number) => void): void {
  for (const [signal, number] of Object.entries(endingSignals) as [EndingSignal, number][]) {
    process.on(signal, () => listener(signal, 128 + number));
  }
}

async function tellStatistics(vm: Vm, beforeStart: number): Promise<void> {
  try {
    await errorOutput.write(describeStatistics(await vm.statistics(), beforeStart));
  } catch (error) {
    // A machine that was never made has none, and why is told already.
    if (!(error instanceof VmError)) throw error;
  }
}

function vmOptions(given: RunArguments, terminal: HostTerminal | undefined, cache: CacheFolder | undefined): VmOptions {
  const { memory, firmware, kernel, initrd, append, clock, cpu, cpuFeatures, jitCache, transport } = given;
  const { noReboot, traces, profile, resume } = given;
  const size = terminal?.size;
  return {
    ...(memory !== undefined && { memory }),
    ...(firmware !== undefined && { firmware: readNamedFile('--firmware', firmware) }),
    ...(kernel !== undefined && { kernel: fileOrNone('--kernel', kernel) }),
    ...(initrd !== undefined && { initrd: fileOrNone('--initrd', initrd) }),
    ...(append !== undefined && { append }),
    shares: given.shares.map((share) => shareOptions('--share', share, hostFolder)),
    ...(given.root !== undefined && { root: shareOptions('--root', given.root, rootFolder) }),
    drives: given.drives.map(driveOptions),
    ...(clock !== undefined && { clock }),
    ...(resume !== undefined && { resume: snapshot(resume) }),
    ...(cache !== undefined && { cache }),
    cpu,
    cpuFeatures,
    ...(jitCache !== undefined && { jitCache }),
    ...(transport !== undefined && { transport }),
    noReboot,
    ...(size !== undefined && { console: size }),
    trace: [...traces.map(({ what }) => what), ...(profile === undefined ? [] : (['profile'] as const))],
  };
}

function shareOptions(
  option: '--share' | '--root',
  { folder, files, ...options }: ShareArgument,
  sourceOf: typeof hostFolder,
): ShareOptions {
  try {
    return { source: sourceOf(folder, files), ...options };
  } catch (error) {
    throw error instanceof VmError ? new VmError(error.code, `${option} ${error.message}`, { cause: error }) : error;
  }
}

function driveOptions({ file, overlay, readOnly }: DriveArgument): DriveOptions {
  return { source: hostFile(file), readOnly, ...(overlay !== undefined && { overlay: hostFile(overlay) }) };
}

/** What is no snapshot, or none for this program, is told by its name, before anything starts. */
function snapshot(path: string): Uint8Array {
  const bytes = readNamedFile('--resume', path);
  checkSnapshot(path, bytes);
  return bytes;
}

function fileOrNone(option: string, path: string): Uint8Array | 'none' {
  return path === 'none' ? path : readNamedFile(option, path);
}

function readNamedFile(option: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const what =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder, not a file' : message;
    throw new VmError('bad-file', `${option} ${path}: ${what}`, { cause });
  }
}

/** Writes a line for each event. Returns what closes the file. Throws VmError 'bad-file'. */
function writeTrace(vm: Vm, { what, file }: TraceArgument): () => void {
  const descriptor = file === undefined ? stderr.fd : openToWrite(`--trace ${what},${file}`, file);
  vm.on('trace', (event) => {
    if (event.type !== what) return;
    const line = describeEvent(event);
    if (file === undefined) stderr.write(`${line}\n`);
    else writeSync(descriptor, `${line}\n`);
  });
  return () => {
    if (file !== undefined) closeSync(descriptor);
  };
}

/** Begins a profile. Throws VmError 'bad-file' now, not when the profile is to be written. */
function startProfile(vm: Vm, file: string, traces: readonly TraceArgument[]): Profile {
  closeSync(openToWrite(`--profile ${file}`, file));
  return new Profile(
    vm,
    traces.map(({ what }) => what),
  );
}

function openToWrite(option: string, file: string): number {
  try {
    return openSync(file, 'w');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VmError('bad-file', `${option}: it cannot be written: ${reason}`, { cause });
  }
}

function makeCache(
  given: RunArguments,
  terminal: HostTerminal | undefined,
  worker: Uint8Array<ArrayBuffer> | undefined,
): CacheFolder {
  const onProblem = (line: string): void => tellOfCache(given, line, terminal);
  return new CacheFolder(userCacheFolder(), { onProblem }, worker);
}

/** What V8 has compiled, where later runs gain by it. */
async function codeOf(keeper: CodeKeeper, vm: Vm): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await keeper.collect((await vm.statistics()).start === 'cache');
  } catch (error) {
    // A machine that was never made has no statistics.
    if (error instanceof VmError) return undefined;
    throw error;
  }
}

/** A machine that boots is as good: a script's output has no line of that. */
function tellOfCache(given: RunArguments, line: string, terminal: HostTerminal | undefined): void {
  if (given.stats || (stderr.isTTY && !given.quiet)) note(`vm9: ${line}`, terminal);
}

/** A line beside the guest's output, whatever state the terminal is in. */
function note(line: string, terminal: HostTerminal | undefined): void {
  stderr.write(terminal === undefined ? `${line}\n` : `\r\n${line}\r\n`);
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
