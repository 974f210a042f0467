// The command line as its users run it: the built run-vm.js in a process of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const runVmPath = fileURLToPath(new URL('../../run-vm.js', import.meta.url));

export interface Outcome {
  /** Null when a signal killed it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Given the process once it is started. */
  readonly during?: (child: ChildProcess) => void;
}

/** Runs `node run-vm.js` with `words`. */
export function runVm(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runProgram([process.execPath, runVmPath, ...words], options);
}

/** Runs a program with its words, such as one that runs `node run-vm.js` as somebody else. */
export function runProgram([program = '', ...words]: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(program, words, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
  // A program that reads no input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  options.during?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** Runs `command` in the guest. */
export function runInGuest(command: string, words: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
  return runVm([...words, '--exec', command], options);
}

/** A folder of the test's own. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-boot-'));
  // Some tests leave thousands of files.
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }), 60_000);
  return folder;
}
