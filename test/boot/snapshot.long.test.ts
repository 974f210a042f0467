// A machine is saved at the command line, and goes on in other processes: `--save` and `--resume`.
import { appendFileSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createVm, hostFolder } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runVm, temporaryFolder } from './command-line.ts';
import { asker, holder, ready } from './lock-programs.ts';
import { output } from './machine-with-shares.ts';
import { TerminalSession } from './terminal-session.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Has three files open, and goes on with them when it is told to, which is after the snapshot. */
const work = [
  'exec 3< kept 4< replaced 5>> written',
  'read first <&3; echo "$first"',
  'echo before > /tmp/of-the-guest',
  'mkfifo /tmp/go',
  '(read go < /tmp/go; read rest <&3; echo "$rest"; cat <&4; echo after >&5; cat /tmp/of-the-guest) > later 2>&1 &',
].join('\n');

test('a guest with open files is saved when its command has ended, and goes on in two other processes', async () => {
  const folder = temporaryFolder();
  const snapshot = join(temporaryFolder(), 'guest.vm9');
  for (const name of ['kept', 'replaced']) writeFileSync(join(folder, name), `${name} 1\n${name} 2\n`);
  const share = ['--share', folder];
  const saved = await runVm([...share, '--memory', '64', '--exec', `${work}\nexit 3`, '--save', snapshot]);
  expect({ ...saved, stdout: saved.stdout.toString() }).toMatchObject({ status: 3, stderr: '', stdout: 'kept 1\n' });
  expect(statSync(snapshot).mode & 0o777).toBe(0o600);
  expect(statSync(snapshot).size).toBeLessThan(15e6);

  // Beside the old one, or it might have that one's number.
  writeFileSync(join(folder, 'new'), 'another file\n');
  renameSync(join(folder, 'new'), join(folder, 'replaced'));
  appendFileSync(join(folder, 'kept'), 'kept 3\n');
  const command = 'echo > /tmp/go; sleep 0.1; date +%s; od -An -tx8 -N8 /dev/urandom';
  const again = [...share, '--resume', snapshot, '--exec', command];
  const runs = [await runVm(again), await runVm(again)].map(({ stdout, status, stderr }) => {
    const [seconds = '', random = ''] = stdout.toString().trim().split('\n');
    return { status, stderr, seconds: Number(seconds), random };
  });
  for (const { status, stderr, seconds } of runs) {
    expect(status).toBe(0);
    expect(stderr).toMatch(/^vm9: share "host": \d of the guest's files are not there any more, or others: ESTALE/);
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(30);
  }
  expect(runs[0]!.random).toMatch(/^ [0-9a-f]{16}$/);
  expect(runs[1]!.random).not.toBe(runs[0]!.random);
  const later = readFileSync(join(folder, 'later'), 'utf8');
  expect(later).toMatch(/^kept 2\ncat: .*\nbefore\n$/);
  // Both went on from the same moment.
  expect(readFileSync(join(folder, 'written'), 'utf8')).toBe('after\nafter\n');

  // What does not fit says what to do, before anything runs.
  const refused = async (...words: readonly string[]): Promise<string> => {
    const { status, stderr } = await runVm(['--resume', snapshot, ...words, '--exec', 'true']);
    expect(status).toBe(2);
    return stderr;
  };
  expect(await refused()).toContain('it has the share "host" at /mnt/host: give that share again');
  const whole = readFileSync(snapshot);
  const ofRam = whole.length - 100_000;
  writeFileSync(snapshot, whole.with(ofRam, (whole[ofRam] ?? 0) ^ 1));
  expect(await refused(...share)).toContain(`vm9: --resume ${snapshot}: the snapshot is damaged (section ram): `);
  truncateSync(snapshot, 100_000);
  expect(await refused(...share)).toContain(`vm9: --resume ${snapshot}: the snapshot is cut short, 100000 of`);
});

describe.each(['mmio', 'pci'] as const)('over %s', (transport) => {
  test('a command that runs goes on with its output, in a guest that has a share more', async () => {
    const first = createVm({ memory: 64, transport });
    onTestFinished(() => first.dispose());
    await first.start();
    const counting = first.exec('read x; for i in 1 2 3; do echo $i; read x; done; exit 5', { stdinOpen: true });
    counting.exit.catch(() => undefined);
    await counting.started;
    await counting.write('\n');
    const snapshot = await first.save();
    // The machine goes on, and so does its command.
    await counting.write('\n\n\n');
    expect(await counting.output()).toMatchObject({ stdout: bytes('1\n2\n3\n'), status: 5 });

    const folder = temporaryFolder();
    writeFileSync(join(folder, 'late'), 'of the share');
    for (let round = 0; round < 2; round++) {
      // In memory that is not shared the machine's thread puts back the RAM.
      const sharedMemory = round === 0;
      const next = createVm({ resume: snapshot, sharedMemory, shares: [{ source: hostFolder(folder) }] });
      onTestFinished(() => next.dispose());
      await next.start();
      const [command, ...others] = await next.resumedCommands;
      expect(others).toEqual([]);
      await command!.write('\n\n\n');
      command!.end();
      const { stdout, status } = await command!.output();
      expect(status).toBe(5);
      expect(Buffer.from(stdout).toString()).toMatch(/^(1\n)?2\n3\n$/);
      expect(await output(next, 'cat /mnt/host/late')).toBe('of the share');
      await next.powerOff();
    }
  });
});

test('a process that waits for a lock of the share waits on, and gets it when the one who has it ends', async () => {
  const folder = temporaryFolder();
  for (const name of ['ranged', 'whole']) writeFileSync(join(folder, name), 'x'.repeat(100));
  writeFileSync(join(folder, 'holder'), holder.file, { mode: 0o755 });
  writeFileSync(join(folder, 'asker'), asker.file, { mode: 0o755 });
  const shares = [{ source: hostFolder(folder) }];
  const first = createVm({ memory: 64, shares });
  onTestFinished(() => first.dispose());
  await first.start();
  // One after the other, or the one that asks might be the one that has them.
  for (const name of ['./holder', './asker']) {
    const command = first.exec(name, { stdinOpen: true });
    command.exit.catch(() => undefined);
    const { value } = await command.stdout[Symbol.asyncIterator]().next();
    expect(Buffer.from(value!).toString()).toBe(ready);
  }
  await output(first, 'sleep 0.3');
  const snapshot = await first.save({ stop: true });

  const next = createVm({ resume: snapshot, shares });
  onTestFinished(() => next.dispose());
  const lines: string[] = [];
  next.on('log', ({ line }) => void lines.push(line));
  await next.start();
  const [holding, asking] = await next.resumedCommands;
  let isOver = false;
  const results = asking!.output().then((over) => {
    isOver = true;
    return over;
  });
  await output(next, 'sleep 0.3');
  expect(isOver).toBe(false);
  await holding!.write('x');
  expect((await holding!.output()).status).toBe(0);
  const { stdout, status } = await results;
  expect(status).toBe(0);
  // The last two: both locks were had in the end.
  expect(
    asker
      .read(stdout)
      .slice(-2)
      .map(({ result }) => result),
  ).toEqual([0, 0]);
  expect(lines).toEqual([]);
});

test('in a terminal Ctrl-A s saves the shell with what it has said and done, and quits', async () => {
  const prompt = /# (\x1b\[6n)?$/;
  const file = join(temporaryFolder(), 'shell.vm9');
  const session = new TerminalSession(['--memory', '64', '--save', file, '--quiet']);
  await session.until(prompt);
  await session.ask('sixes=66; echo ready', /^ready\r\n/m);
  session.type('\x01s');
  expect(await session.ended).toBe(0);

  const next = new TerminalSession(['--resume', file, '--quiet'], { columns: 91, rows: 17 });
  await delay(1500);
  await next.ask('echo $sixes$((1+1))', /^662\r\n/m);
  await next.ask('stty size', /^17 91\r\n/m);
  next.type('exit\r');
  expect(await next.ended).toBe(0);
});
