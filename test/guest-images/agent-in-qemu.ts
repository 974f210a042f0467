// Checks the guest images and the host's half of the agent protocol against each other, under QEMU.
// Run by hand: node test/guest-images/run.js [KERNEL INITRAMFS]
import { createHash, randomBytes } from 'node:crypto';
import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Agent, type Command, type ExecRequest, type Exit } from '../../src/agent.ts';
import { guestFrameReader, textOf } from '../../src/agent/frames.ts';
import { readCpio } from './cpio.ts';
import { startQemu, type QemuGuest, type QemuOptions } from './qemu.ts';

const images = new URL('../../guest-images/images/', import.meta.url).pathname;
const [kernel = `${images}vmlinux-riscv64.gz`, initramfs = `${images}initramfs-riscv64.cpio.gz`] = process.argv.slice(2);

interface Result {
  exit: Exit;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end with `input` on its standard input. */
async function run(agent: Agent, request: string | ExecRequest, input?: Uint8Array): Promise<Result> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const command = await agent.exec({
    ...(typeof request === 'string' ? { command: request } : request),
    onStdout: (chunk) => void out.push(chunk),
    onStderr: (chunk) => void err.push(chunk),
  });
  if (input) await command.write(input);
  command.end();
  const exit = await command.exit;
  return { exit, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 2000) throw new Error(`did not happen within 20 s: ${what}`);
    await sleep(10);
  }
}

/** A command on a pty, and the text it has shown. */
async function onPty(agent: Agent, command: string): Promise<{ command: Command; shown: () => string }> {
  let shown = '';
  const started = await agent.exec({
    command,
    pty: { rows: 24, cols: 80 },
    onStdout: (chunk) => {
      shown += Buffer.from(chunk).toString();
    },
  });
  return { command: started, shown: () => shown };
}

const bytes = (text: string) => new TextEncoder().encode(text);

type Check = (agent: Agent, guest: QemuGuest) => Promise<void>;

const checks: Record<string, Check> = {
  'a share mounts, and a second time does not': async (agent) => {
    await agent.mount({ tag: 'host', path: '/mnt/host', options: 'msize=512000,cache=none' });
    const { stdout } = await run(agent, { command: 'pwd; cat marker', cwd: '/mnt/host' });
    strictEqual(stdout, '/mnt/host\nwritten by the host\n');
    await rejects(agent.mount({ tag: 'host', path: '/mnt/again' }), { name: 'AgentError', errno: 16, message: /once/ });
  },
  'mount errors carry errno and words': async (agent) => {
    await rejects(agent.mount({ tag: 'nothing', path: '/mnt/x' }), { errno: 2, message: /no virtio-9p device has this tag/ });
    await rejects(agent.mount({ tag: 'host', path: 'mnt/x' }), { errno: 22, message: /not absolute/ });
    await rejects(agent.mount({ tag: 'host', path: '/init/x' }), { errno: 20, message: /Not a directory/ });
  },
  'exit codes and signals': async (agent) => {
    deepStrictEqual((await run(agent, 'exit 7')).exit, { code: 7 });
    deepStrictEqual((await run(agent, 'kill -9 $$')).exit, { signal: 9 });
    const command = await agent.exec({ command: 'sleep 100; echo not reached' });
    command.kill(15);
    deepStrictEqual(await command.exit, { signal: 15 });
  },
  'stdout and stderr are apart, and the environment is given': async (agent) => {
    const result = await run(agent, { command: 'echo out $A; echo err >&2; pwd; echo $HOME', env: { A: 'a b' } });
    deepStrictEqual(result, { exit: { code: 0 }, stdout: 'out a b\n/root\n/root\n', stderr: 'err\n' });
    const path = await run(agent, { argv: ['echo', '$PATH', 'x y'], env: { PATH: '/bin' } });
    strictEqual(path.stdout, '$PATH x y\n');
  },
  'what cannot be started is said': async (agent) => {
    await rejects(agent.exec({ argv: ['/nonexistent'] }), { errno: 2, message: /program \/nonexistent: No such file/ });
    await rejects(agent.exec({ argv: ['nonexistent'] }), { errno: 2 });
    await rejects(agent.exec({ argv: ['/etc/passwd'] }), { errno: 13, message: /Permission denied/ });
    await rejects(agent.exec({ command: 'true', cwd: '/nowhere' }), { errno: 2, message: /working directory \/nowhere/ });
    await rejects(agent.exec({ argv: ['x'.repeat(300_000)] }), RangeError);
  },
  'eight commands at once': async (agent) => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, n) => run(agent, `cat; exit ${n}`, bytes(`input of ${n}`))),
    );
    results.forEach((result, n) =>
      deepStrictEqual(result, { exit: { code: n }, stdout: `input of ${n}`, stderr: '' }),
    );
  },
  'the 65th command is refused, and room comes back': async (agent) => {
    const sleepers = await Promise.all(Array.from({ length: 64 }, () => agent.exec({ command: 'exec sleep 1000' })));
    await rejects(agent.exec({ command: 'true' }), { errno: 11 });
    for (const sleeper of sleepers) sleeper.kill(9);
    for (const sleeper of sleepers) deepStrictEqual(await sleeper.exit, { signal: 9 });
    deepStrictEqual((await run(agent, 'exit 3')).exit, { code: 3 });
  },
  '64 MiB through stdin and stdout, with a slow consumer': async (agent) => {
    const input = randomBytes(64 << 20);
    const hash = createHash('sha256');
    let received = 0;
    let chunks = 0;
    const command = await agent.exec({
      command: 'cat',
      onStdout: async (chunk) => {
        hash.update(chunk);
        received += chunk.length;
        if (++chunks % 100 === 0) await sleep(5);
      },
    });
    const started = Date.now();
    for (let at = 0; at < input.length; at += 1 << 20) ok(await command.write(input.subarray(at, at + (1 << 20))));
    command.end();
    deepStrictEqual(await command.exit, { code: 0 });
    strictEqual(received, input.length);
    strictEqual(hash.digest('hex'), sha256(input));
    console.log(`    ${((64 * 1000) / (Date.now() - started)).toFixed(1)} MiB/s`);
  },
  'output to a consumer that stands still stops the program, and is complete before exit': async (agent) => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let received = 0;
    const command = await agent.exec({
      command: 'head -c 10000000 /dev/zero; echo done >/tmp/head-done',
      onStdout: async (chunk) => {
        await gate;
        received += chunk.length;
      },
    });
    await sleep(300);
    deepStrictEqual((await run(agent, 'test -e /tmp/head-done')).exit, { code: 1 });
    go();
    deepStrictEqual(await command.exit, { code: 0 });
    strictEqual(received, 10_000_000);
  },
  'an orphan with the pipe in its hands does not hold exit up': async (agent) => {
    const started = Date.now();
    const result = await run(agent, 'echo before; sleep 1000 & exit 5');
    deepStrictEqual(result, { exit: { code: 5 }, stdout: 'before\n', stderr: '' });
    const noisy = await run(agent, '(while :; do echo y; done) & sleep 0.2; exit 6');
    deepStrictEqual(noisy.exit, { code: 6 });
    ok(Date.now() - started < 5000);
    await run(agent, 'killall sleep');
  },
  'closing stdout gives the program SIGPIPE': async (agent) => {
    const command = await agent.exec({ command: 'exec yes', onStdout: () => command.closeOutput('stdout') });
    deepStrictEqual(await command.exit, { signal: 13 });
  },
  'a program that does not read ends its input': async (agent) => {
    const command = await agent.exec({ command: 'exec <&-; sleep 0.1' });
    let taken = true;
    while (taken) taken = await command.write(new Uint8Array(65536));
    deepStrictEqual(await command.exit, { code: 0 });
  },
  'a pty has a size, is resized, and signals typed are heard': async (agent) => {
    const { command, shown } = await onPty(agent, 'trap "stty size; exit 9" WINCH; stty size; echo $TERM; tty; while :; do sleep 0.05; done');
    await until('the first size', () => shown().includes('/dev/pts/'));
    match(shown(), /^24 80\r\nxterm-256color\r\n/);
    command.resize({ rows: 50, cols: 132 });
    deepStrictEqual(await command.exit, { code: 9 });
    match(shown(), /50 132/);
    const sleeper = await onPty(agent, 'echo go; sleep 1000; echo not reached');
    await until('the sleep', () => sleeper.shown().includes('go'));
    await sleeper.command.write(bytes('\x03'));
    deepStrictEqual(await sleeper.command.exit, { signal: 2 });
  },
  'a pty with the end of input, and with much output': async (agent) => {
    const cat = await onPty(agent, 'cat; echo end');
    await cat.command.write(bytes('one\n'));
    cat.command.end();
    deepStrictEqual(await cat.command.exit, { code: 0 });
    strictEqual(cat.shown(), 'one\r\none\r\nend\r\n');
    const lines = await onPty(agent, 'seq 1 50000');
    deepStrictEqual(await lines.command.exit, { code: 0 });
    ok(lines.shown().endsWith('49999\r\n50000\r\n'));
    strictEqual(lines.shown().split('\r\n').length, 50_001);
  },
  'vi edits a file on a pty': async (agent) => {
    const { command, shown } = await onPty(agent, 'vi /tmp/edited');
    await until('the screen', () => shown().includes('/tmp/edited'));
    await command.write(bytes('ihello from vi\x1b'));
    await sleep(300);
    await command.write(bytes(':wq\r'));
    deepStrictEqual(await command.exit, { code: 0 });
    strictEqual((await run(agent, 'cat /tmp/edited')).stdout, 'hello from vi\n');
  },
  'the clock is set': async (agent) => {
    await agent.setClock(1_000_000_000_500_000_000n);
    match((await run(agent, 'date -u +%s')).stdout, /^100000000\d\n$/);
    await agent.setClock(BigInt(Date.now()) * 1_000_000n);
    const seconds = Number((await run(agent, 'date +%s')).stdout);
    ok(Math.abs(seconds - Date.now() / 1000) < 2, `${seconds}`);
  },
  'entropy is taken': async (agent) => {
    await agent.reseed(randomBytes(64));
    await agent.reseed(randomBytes(4096));
    await rejects(agent.reseed(new Uint8Array(4097)), RangeError);
  },
  'the shell on hvc0 has job control, a size, completion and history': async (agent, guest) => {
    let shown = '';
    guest.console.on('data', (chunk) => {
      shown += chunk.toString();
    });
    const shell = await agent.startShell({ cwd: '/mnt/host', rows: 30, cols: 100 });
    await until('a prompt', () => shown.includes('/mnt/host'));
    ok(!shown.includes('job control'), shown);
    guest.console.write('tty; stty size; echo $TERM $PWD; cat mar\t\n');
    await until('the size', () => shown.includes('written by the host'));
    match(shown, /\/dev\/hvc0\r\n30 100\r\nxterm-256color \/mnt\/host\r\n/);
    shell.resize({ rows: 40, cols: 90 });
    shown = '';
    guest.console.write('echo again-$((6*7)) && stty size\n');
    await until('the new size', () => shown.includes('40 90'));
    shown = '';
    guest.console.write('\x1b[A');
    await until('the last line of the history', () => shown.includes('stty size'));
    guest.console.write('\x03');
    guest.console.write('sleep 1000\n');
    await sleep(200);
    guest.console.write('\x03');
    await rejects(agent.startShell({ rows: 1, cols: 1 }), { errno: 16 });
    guest.console.write('exit 4\n');
    deepStrictEqual(await shell.exit, { code: 4 });
    const second = await agent.startShell({ rows: 30, cols: 100 });
    second.kill(9);
    deepStrictEqual(await second.exit, { signal: 9 });
  },
  'power off writes back and ends the machine': async (agent, guest) => {
    await run(agent, { command: 'seq 1 1000 >written-by-guest; sleep 1000 & trap "" TERM HUP; sleep 2000 &', cwd: '/mnt/host' });
    await agent.powerOff();
    strictEqual(await guest.exited, 0);
    ok(!guest.serial().includes('panic'), guest.serial());
  },
};

/** Each on a machine of its own. */
const machineChecks: Record<string, (start: (options?: Partial<QemuOptions>) => Promise<QemuGuest>) => Promise<void>> = {
  'poweroff, halt and reboot end the machine': async (start) => {
    for (const command of ['poweroff', 'halt', 'reboot']) {
      const guest = await start();
      const agent = new Agent(guest.agent);
      await run(agent, command).catch((error: Error) => strictEqual(error.name, 'AgentClosed'));
      // QEMU leaves at a reset too, with -no-reboot.
      strictEqual(await guest.exited, 0);
    }
  },
  'a broken frame is answered by Goodbye, and the agent starts over': async (start) => {
    const guest = await start();
    const broken: Uint8Array[] = [
      Uint8Array.of(255, 255, 255, 255, 0x91, 0, 0, 0, 1, 0, 0, 0),
      Uint8Array.of(0, 0, 0, 0, 0x91, 0, 1, 0, 1, 0, 0, 0),
      Uint8Array.of(0, 0, 0, 0, 0x91, 0, 0, 0, 1, 0, 0, 0),
      Uint8Array.of(0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 0, 0, 0),
      Uint8Array.of(8, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 1, 0),
    ];
    const reader = guestFrameReader();
    const said: string[] = [];
    const port = guest.agent;
    port.attach({
      data: (chunk) =>
        reader.push(chunk, (frame) => {
          said.push(frame.name === 'Goodbye' ? textOf(frame.body.reason) : frame.name);
          if (frame.name === 'Hello') port.write(broken.shift() ?? new Uint8Array(0));
        }),
      writable: () => {},
      closed: () => {},
    });
    await until('six greetings', () => said.filter((name) => name === 'Hello').length === 6);
    deepStrictEqual(
      said.filter((name) => name !== 'Hello'),
      [
        'a payload past the limit',
        'a header whose reserved field is not 0',
        'a frame before Welcome',
        'a frame before Welcome',
        'a malformed Welcome',
      ],
    );
  },
  'a host that hangs up and comes back is greeted again, and its old commands have lost their pipes': async (start) => {
    const guest = await start();
    const first = new Agent(guest.agent);
    const command = await first.exec({ command: 'sleep 0.5; echo x; echo $? >/tmp/status; sleep 1000' });
    first.close();
    await rejects(command.exit, { name: 'AgentClosed' });
    // The agent must have seen that the host has left; QEMU does not show that.
    await sleep(300);
    const second = new Agent(await guest.reconnect());
    await second.ready;
    await sleep(1000);
    strictEqual((await run(second, 'test -s /tmp/status || echo killed')).stdout, 'killed\n');
  },
  'a share’s device is unbound, bound and mounted anew': async (start) => {
    const guest = await start();
    const agent = new Agent(guest.agent);
    const rebind =
      'cd /sys/bus/platform/drivers/virtio-mmio; for d in *.virtio_mmio; do [ -e $d/virtio*/mount_tag ] && s=$d; done; ' +
      'echo $s >unbind; echo unbound; echo $s >bind && echo bound';
    const { stdout, stderr } = await run(agent, rebind);
    strictEqual(`${stdout}${stderr}`, 'unbound\nbound\n');
    await agent.mount({ tag: 'host', path: '/mnt/host' });
    strictEqual((await run(agent, 'cat /mnt/host/marker')).stdout, 'written by the host\n');
  },
  'a share becomes the root, once, and the agent is found again there': async (start) => {
    const guest = await start();
    const agent = new Agent(guest.agent);
    await rejects(agent.mount({ tag: 'nothing', path: '/' }), { errno: 2, message: /no virtio-9p device has this tag/ });
    await agent.mount({ tag: 'host', path: '/' });
    strictEqual((await run(agent, 'busybox cat /marker')).stdout, 'written by the host\n');
    await rejects(agent.mount({ tag: 'host', path: '/' }), { errno: 16, message: /the root is a share already/ });
    agent.close();
    await sleep(300);
    const again = new Agent(await guest.reconnect());
    const { stdout } = await run(again, 'busybox cat /marker; busybox ls -d /newroot 2>&1; busybox pwd; test -c /dev/hvc0 && echo hvc0');
    strictEqual(stdout, 'written by the host\nls: /newroot: No such file or directory\n/root\nhvc0\n');
    await again.powerOff();
    strictEqual(await guest.exited, 0);
  },
  'a machine without a port has a shell on its console, and leaving it switches off': async (start) => {
    const guest = await start({ withoutConsole: true });
    await until('a prompt', () => guest.serial().includes('vm9'));
    guest.type('tty; exit\n');
    strictEqual(await guest.exited, 0);
    match(guest.serial(), /\/dev\/ttyS0\r\n/);
  },
};

const share = mkdtempSync(join(tmpdir(), 'vm9-share-'));
writeFileSync(join(share, 'marker'), 'written by the host\n');
for (const name of ['bin', 'root']) mkdirSync(join(share, name));
const busybox = readCpio(gunzipSync(readFileSync(initramfs))).find(({ path }) => path === 'bin/busybox');
writeFileSync(join(share, 'bin/busybox'), busybox!.data, { mode: 0o755 });
symlinkSync('busybox', join(share, 'bin/sh'));
const wanted = process.env['ONLY'];
const guests: QemuGuest[] = [];
let failures = 0;

async function start(options: Partial<QemuOptions> = {}): Promise<QemuGuest> {
  const guest = await startQemu({ kernel, initramfs, share, ...options });
  guests.push(guest);
  return guest;
}

async function attempt(name: string, check: () => Promise<void>): Promise<void> {
  if (wanted !== undefined && !name.includes(wanted)) return;
  const begun = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('took longer than 60 s')), 60_000);
  });
  try {
    await Promise.race([check(), late]);
    console.log(`ok   ${name} (${(performance.now() - begun).toFixed(0)} ms)`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${name}:`, error, guests.at(-1)?.serial());
  } finally {
    clearTimeout(timer);
  }
}

try {
  const started = performance.now();
  const guest = await start();
  const agent = new Agent(guest.agent);
  const { software } = await agent.ready;
  console.log(`agent ready after ${(performance.now() - started).toFixed(0)} ms: ${software}`);
  for (const [name, check] of Object.entries(checks)) await attempt(name, () => check(agent, guest));
  await attempt('power off has written the files back', async () => {
    strictEqual(readFileSync(join(share, 'written-by-guest'), 'utf8').split('\n').length, 1001);
  });
  for (const [name, check] of Object.entries(machineChecks)) await attempt(name, () => check(start));
} finally {
  for (const guest of guests) guest.dispose();
  rmSync(share, { recursive: true });
}
process.exit(failures ? 1 : 0);
