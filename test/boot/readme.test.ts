// Every command of the README does what it says, in a copy of the repository. What installs things is not run, nor what runs
// test suites; a command that ends in a shell of the guest runs in a pseudo-terminal, where `exit` is typed at the prompt.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isForFirmware, isInDebian, readmeCommands } from './readme-commands.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'vm9-readme-'));

const isInstall = /^(sudo |git clone |cd |npm (ci|i|install)\b|apt(-get)? |make deps\b)/;
/** In a project that embeds vm9: test/page/readme.test.ts is one. */
const isEmbedding = /^(npx esbuild|cp -r node_modules)\b/;
const isSuite = /^(make (test|conformance|soak|bench|guest)\b|\.ci\/run\b)/;
/** Runs until it is stopped, once it has printed an address. */
const isServer = /^make web\b/;
const isInteractive = /^make run\b|^(npx vm9|node run-vm\.js)(?!.*--(exec|help|version)\b)/;
/** As it is on a terminal without colours. */
const prompt = /vm9:\S*[$#] /;
/** Milliseconds for one command, which may have to build first. */
const patience = 120_000;

const commands = readmeCommands();
const notRun = [isInstall, isSuite, isEmbedding, isInDebian, isForFirmware];
const toRun = commands.filter((command) => !notRun.some((kind) => kind.test(command)));

/** The repository as it is here, installed and built, without its history. */
function copyRepository(): void {
  const leftOut = new Set(['.git', 'node_modules', 'guest-images/build', 'dist/test-results', 'dist/debian']);
  cpSync(repository, copy, {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) => !leftOut.has(relative(repository, path)),
  });
  // Links to what is installed: an `npm ci` in the copy would remove them and nothing else.
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(repository, 'node_modules'))) {
    const isWorkspace = name === 'vm9-guest-images';
    const target = isWorkspace ? join(copy, 'guest-images') : join(repository, 'node_modules', name);
    if (name !== '.installed') symlinkSync(target, join(copy, 'node_modules', name));
  }
  writeFileSync(join(copy, 'node_modules/.installed'), '');
}

interface Outcome {
  readonly status: number | null;
  /** With `script` both streams are one. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the copy. Once it has printed `at` it is sent `input`. */
function run(
  program: string,
  words: readonly string[],
  { at, input = '' }: { at?: RegExp; input?: string } = {},
): Promise<Outcome> {
  const child = spawn(program, words, { cwd: copy, env: { ...process.env, TERM: 'dumb' } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  let isSent = false;
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
    if (at === undefined || isSent || !at.test(stdout)) return;
    isSent = true;
    child.stdin.end(input);
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  child.stdin.on('error', () => undefined);
  if (at === undefined) child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

beforeAll(copyRepository, patience);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the README', () => {
  test('starts Linux by hand, and runs commands in it', () => {
    expect(toRun.filter((command) => isInteractive.test(command))).not.toEqual([]);
    expect(toRun.filter((command) => command.includes('--exec'))).not.toEqual([]);
  });

  test.each(toRun.filter((command) => isInteractive.test(command)))('%s', { timeout: patience }, async (command) => {
    const { status, stdout } = await run('script', ['-qec', command, '/dev/null'], { at: prompt, input: 'exit\r' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/vm9:\S*[$#] .*exit\r\n/) });
  });

  test.each(toRun.filter((command) => isServer.test(command)))('%s', { timeout: patience }, async (command) => {
    // A port of its own, as no other server has it; a group of its own, so that what make has started is ended too.
    const child = spawn('bash', ['-c', command], { cwd: copy, detached: true, env: { ...process.env, PORT: '0' } });
    onTestFinished(() => void process.kill(-child.pid!, 'SIGKILL'));
    let printed = '';
    for await (const bytes of child.stdout) {
      printed += String(bytes);
      if (/^http:\S+$/m.test(printed)) break;
    }
    const response = await fetch(/^http:\S+$/m.exec(printed)?.[0] ?? printed);
    expect(response.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
    expect(await response.text()).toMatch(/^<!doctype html>/i);
  });

  const rest = toRun.filter((command) => !isInteractive.test(command) && !isServer.test(command));
  test.each(rest)('%s', { timeout: patience }, async (command) => {
    const { status, stderr } = await run('bash', ['-eo', 'pipefail', '-c', command]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringMatching(/^vm9: /m) });
  });
});
