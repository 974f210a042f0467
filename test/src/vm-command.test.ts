import { describe, expect, test } from 'vitest';
import type { GuestFrame, HostFrame } from '../../src/agent/frames.ts';
import { Vm } from '../../src/vm.ts';
import { agree, FakeAgent, FakePlatform } from './fake-guest.ts';

type Exec = Extract<HostFrame, { name: 'Exec' }>;

/** A VM whose agent hands each command to `run`, which speaks for the program. */
async function withPrograms(run: (program: FakeProgram) => void) {
  const programs = new Map<number, FakeProgram>();
  let agent: FakeAgent | undefined;
  const answer = (frame: HostFrame): readonly GuestFrame[] => {
    if (frame.name === 'Exec') {
      const program = new FakeProgram(frame, (reply) => agent?.send(reply));
      programs.set(frame.id, program);
      setImmediate(() => run(program));
      return [{ name: 'Started', id: frame.id, body: { pid: 100 } }];
    }
    programs.get(frame.id)?.frames.push(frame);
    programs.get(frame.id)?.onFrame(frame);
    return agree(frame);
  };
  const platform = new FakePlatform({ boot: (machine) => void (agent = new FakeAgent(machine.agentPort, answer)) });
  const vm = new Vm(platform, { shares: [{ source: { kind: 'test' } }] });
  await vm.start();
  return vm;
}

class FakeProgram {
  readonly exec: Exec;
  readonly frames: HostFrame[] = [];
  onFrame: (frame: HostFrame) => void = () => undefined;
  readonly #send: (frame: GuestFrame) => void;

  constructor(exec: Exec, send: (frame: GuestFrame) => void) {
    this.exec = exec;
    this.#send = send;
  }

  stdout(text: string | Uint8Array): void {
    this.#send({ name: 'Stdout', id: this.exec.id, body: { data: Buffer.from(text) } });
  }

  stderr(text: string): void {
    this.#send({ name: 'Stderr', id: this.exec.id, body: { data: Buffer.from(text) } });
  }

  end(code: number): void {
    this.#send({ name: 'Exited', id: this.exec.id, body: { how: 0, value: code } });
  }

  die(signal: number): void {
    this.#send({ name: 'Exited', id: this.exec.id, body: { how: 1, value: signal } });
  }

  /** What has come on standard input so far. */
  stdin(): string {
    const chunks = this.frames.flatMap((frame) => (frame.name === 'Stdin' ? [frame.body.data] : []));
    return Buffer.concat(chunks).toString();
  }

  texts(field: 'argv' | 'env'): string[] {
    return this.exec.body[field].map((text) => Buffer.from(text).toString());
  }
}

describe('exec', () => {
  test('runs a line with sh in the first mounted share, and keeps its streams apart', async () => {
    let program: FakeProgram | undefined;
    const vm = await withPrograms((started) => {
      program = started;
      started.stdout('out ');
      started.stderr('err');
      started.stdout('more');
      started.end(7);
    });
    const { stdout, stderr, status } = await vm.exec('ls | wc').output();
    expect([Buffer.from(stdout).toString(), Buffer.from(stderr).toString(), status]).toEqual(['out more', 'err', 7]);
    expect(program?.texts('argv')).toEqual(['/bin/sh', '-c', 'ls | wc']);
    expect(Buffer.from(program?.exec.body.cwd ?? []).toString()).toBe('/mnt/host');
    await vm.dispose();
  });

  test('a program with arguments, a folder, variables and a terminal', async () => {
    let program: FakeProgram | undefined;
    const vm = await withPrograms((started) => {
      program = started;
      started.end(0);
    });
    const tty = { columns: 100, rows: 30, term: 'vt100' };
    await vm.exec(['top', '-b'], { cwd: '/tmp', env: { A: 'b' }, tty }).output();
    expect(program?.texts('argv')).toEqual(['top', '-b']);
    expect(program?.texts('env')).toEqual(['TERM=vt100', 'A=b']);
    expect(program?.exec.body).toMatchObject({ stdio: 1, rows: 30, cols: 100 });
    await vm.dispose();
  });

  test('a command that signal N killed has status 128 + N', async () => {
    const vm = await withPrograms((program) => program.die(9));
    const command = vm.exec('x');
    expect(await command.status).toBe(137);
    expect(await command.exit).toEqual({ signal: 9 });
    await vm.dispose();
  });

  test('standard input is empty unless it is given', async () => {
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        if (frame.name === 'StdinEnd') program.end(program.stdin().length);
      };
    });
    expect(await vm.exec('cat').status).toBe(0);
    await vm.dispose();
  });

  test.each([
    ['text', 'héllo'],
    ['bytes', new TextEncoder().encode('héllo')],
    ['chunks', [Buffer.from('hé'), Buffer.from('llo')]],
    [
      'chunks that come later',
      (async function* () {
        yield Buffer.from('hé');
        await Promise.resolve();
        yield Buffer.from('llo');
      })(),
    ],
  ])('standard input from %s', async (_, stdin) => {
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        if (frame.name !== 'StdinEnd') return;
        program.stdout(program.stdin());
        program.end(0);
      };
    });
    expect(await vm.exec('cat', { stdin }).stdout.text()).toBe('héllo');
    await vm.dispose();
  });

  test('standard input that is left open', async () => {
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        if (frame.name === 'Stdin') program.stdout(frame.body.data);
        if (frame.name === 'StdinEnd') program.end(0);
      };
    });
    const command = vm.exec('cat', { stdinOpen: true });
    const output = command.stdout[Symbol.asyncIterator]();
    expect(await command.write('one')).toBe(true);
    expect(Buffer.from((await output.next()).value ?? []).toString()).toBe('one');
    await command.write('two');
    expect(Buffer.from((await output.next()).value ?? []).toString()).toBe('two');
    command.end();
    expect(await output.next()).toEqual({ done: true, value: undefined });
    expect(await command.status).toBe(0);
    await vm.dispose();
  });

  test('no credit is given for output that nobody has read', async () => {
    let program: FakeProgram | undefined;
    const vm = await withPrograms((started) => {
      program = started;
      for (let sent = 0; sent < 8; sent++) started.stdout(new Uint8Array(30_000));
    });
    const { stdout } = vm.exec('yes');
    const credits = (): number => (program?.frames ?? []).filter(({ name }) => name === 'OutputCredit').length;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(credits()).toBe(0);
    let read = 0;
    for await (const bytes of stdout) {
      read += bytes.length;
      if (read === 240_000) break;
    }
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(credits()).toBeGreaterThan(0);
    await vm.dispose();
  });

  test('to leave the loop over the output closes it', async () => {
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        if (frame.name === 'CloseOutput' && frame.body.stream === 1) program.die(13);
      };
      program.stdout('first');
      program.stdout('second');
    });
    const command = vm.exec('yes');
    for await (const bytes of command.stdout) {
      expect(Buffer.from(bytes).toString()).toBe('first');
      break;
    }
    expect(await command.status).toBe(141);
    await vm.dispose();
  });

  test('signals and sizes reach the command, also when they are sent before it runs', async () => {
    const seen: HostFrame[] = [];
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        seen.push(frame);
        if (frame.name === 'Resize') program.end(0);
      };
    });
    const command = vm.exec('x', { stdinOpen: true });
    command.kill('SIGUSR1');
    command.kill(64);
    command.resize(90, 20);
    await command.output();
    expect(seen.map(({ name, body }) => ({ name, body }))).toEqual([
      { name: 'Signal', body: { number: 10 } },
      { name: 'Signal', body: { number: 64 } },
      { name: 'Resize', body: { rows: 20, cols: 90 } },
    ]);
    await vm.dispose();
  });

  test('an aborted signal sends SIGTERM; one that is aborted before keeps the command from running', async () => {
    const vm = await withPrograms((program) => {
      program.onFrame = (frame) => {
        if (frame.name === 'Signal') program.die(frame.body.number);
      };
    });
    const cancel = new AbortController();
    const command = vm.exec('x', { signal: cancel.signal });
    await command.started;
    cancel.abort();
    expect(await command.status).toBe(143);
    await expect(vm.exec('x', { signal: cancel.signal }).status).rejects.toMatchObject({ code: 'stopped' });
    await vm.dispose();
  });

  test('a VM that was not started says so', async () => {
    await expect(new Vm(new FakePlatform()).exec('x').status).rejects.toThrow('call start()');
  });

  test('the output of a command whose machine stops ends with an error', async () => {
    const vm = await withPrograms((program) => program.stdout('begun'));
    const { stdout } = vm.exec('x');
    const output = stdout[Symbol.asyncIterator]();
    expect(Buffer.from((await output.next()).value ?? []).toString()).toBe('begun');
    await vm.stop();
    await expect(output.next()).rejects.toMatchObject({ code: 'stopped' });
  });
});
