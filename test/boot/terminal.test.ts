// Interactive sessions in a real pseudo-terminal.
import { expect, test } from 'vitest';
import { TerminalSession } from './terminal-session.ts';
import { temporaryFolder } from './command-line.ts';

/** The shell asks the terminal where the cursor is, too. */
const prompt = /# (\x1b\[6n)?$/;

test('a shell at a prompt, with the share as its folder', async () => {
  const session = new TerminalSession(['--share', temporaryFolder()]);
  await session.until(prompt);
  await session.ask('pwd', /^\/mnt\/host\r\n/m);
  await session.ask('tty', /^\/dev\/hvc0\r\n/m);
  session.type('exit\r');
  expect(await session.ended).toBe(0);
});

test('progress is shown while booting, and gone at the prompt', async () => {
  const session = new TerminalSession([]);
  await session.until(prompt);
  expect(session.output).toMatch(/\[#*\.+\] starting Linux …/);
  // The line is erased before the prompt is printed.
  expect(session.output).toMatch(/\r\x1b\[K[^…]*# (\x1b\[6n)?$/);
  const quiet = new TerminalSession(['--quiet']);
  await quiet.until(prompt);
  expect(quiet.output).not.toContain('…');
});

test('line editing, history and arrow keys', async () => {
  const session = new TerminalSession(['--quiet']);
  await session.until(prompt);
  await session.ask('echo one$((1+1))', /^one2\r\n/m);
  // Up, left three times, and a 5 before the last 1.
  await session.ask('\x1b[A\x1b[D\x1b[D\x1b[D5', /^one52\r\n/m);
  await session.until(prompt);
  // Ctrl-C leaves a line, Ctrl-D on an empty one the shell.
  const from = session.output.length;
  session.type('never run\x03');
  await session.until(/\^C\r\n[^]*# (\x1b\[6n)?$/, from);
  session.type('\x04');
  expect(await session.ended).toBe(0);
});

test('the size of the terminal, at the start and when it changes', async () => {
  const session = new TerminalSession(['--quiet'], { columns: 93, rows: 31 });
  await session.until(prompt);
  await session.ask('stty size', /^31 93\r\n/m);
  session.resize(120, 40);
  await session.ask('sleep 0.5; stty size', /^40 120\r\n/m);
});

test('Ctrl-A x quits, and leaves the terminal as it was', async () => {
  const session = new TerminalSession(['--quiet'], { after: 'stty -a' });
  await session.until(prompt);
  session.type('vi\r');
  await session.until(/\x1b\[\?1049h/);
  session.type('\x01x');
  expect(await session.ended).toBe(0);
  expect(session.output).toMatch(/\x1b\[\?1049l.* icanon /s);
  expect(session.output).toMatch(/ echo /);
});

test('Ctrl-A h helps, Ctrl-A Ctrl-A types Ctrl-A', async () => {
  const session = new TerminalSession(['--quiet']);
  await session.until(prompt);
  session.type('\x01h');
  await session.until(/Ctrl-A x\s+quit/);
  // Ctrl-A goes to the start of the line.
  await session.ask('there\x01\x01echo hello ', /^hello there\r\n/m);
});

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
] as const)('%s restores the terminal', async (signal, status) => {
  const session = new TerminalSession(['--quiet'], { after: 'stty -a' });
  await session.until(prompt);
  process.kill(session.pid(), signal);
  expect(await session.ended).toBe(status);
  expect(session.output).toMatch(/ icanon .* echo /s);
});

test('a command has a terminal when the program has', async () => {
  const session = new TerminalSession(['--quiet', '--exec', 'stty size; read line; echo "<$line>"; exit 9'], {
    columns: 77,
    rows: 22,
  });
  await session.until(/22 77\r\n/);
  session.type('typed\r');
  await session.until(/<typed>/);
  expect(await session.ended).toBe(9);
});

test('Ctrl-C in a command’s terminal is the command’s', async () => {
  const session = new TerminalSession(['--quiet', '--exec', 'echo up; exec sleep 60']);
  await session.until(/up\r\n/);
  session.type('\x03');
  expect(await session.ended).toBe(130);
});
