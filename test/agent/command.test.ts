// guest-images/agent/PROTOCOL.md, "Commands" and "Flow control".
import { describe, expect, test } from 'vitest';
import { Agent, exitStatus, type Command, type ExecRequest } from '../../src/agent.ts';
import { guestFrame, STDIN_CHUNK } from '../../src/agent/frames.ts';
import { bytes, FakeGuest, INPUT_WINDOW, settle, textOf } from './fake-guest.ts';

const WINDOW = 4096;

interface Running {
  guest: FakeGuest;
  agent: Agent;
  command: Command;
  id: number;
}

async function running(request: Partial<ExecRequest> = {}): Promise<Running> {
  const guest = new FakeGuest();
  const agent = new Agent(guest, { outputWindow: WINDOW });
  guest.hello();
  const starting = agent.exec({ command: 'cat', ...request } as ExecRequest);
  await settle();
  const { id } = guest.last('Exec');
  guest.started(id);
  return { guest, agent, id, command: await starting };
}

/** A handler whose promises are resolved by hand. */
function slowHandler(): { seen: string[]; handler: (chunk: Uint8Array) => Promise<void>; next: () => Promise<void> } {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    seen,
    handler: (chunk) => {
      seen.push(textOf(chunk));
      return new Promise((resolve) => waiting.push(resolve));
    },
    next: async () => {
      waiting.shift()?.();
      await settle();
    },
  };
}

describe('Exec', () => {
  test('of a command line is the shell with pipes', async () => {
    const { guest, command } = await running({ command: 'ls "$X"', env: { X: 'a b' }, cwd: '/mnt/host' });
    const { body } = guest.last('Exec');
    expect(body).toMatchObject({ stdio: 0, rows: 0, cols: 0 });
    expect(body.argv.map(textOf)).toEqual(['/bin/sh', '-c', 'ls "$X"']);
    expect(body.env.map(textOf)).toEqual(['X=a b']);
    expect(textOf(body.cwd)).toBe('/mnt/host');
    expect(command.pid).toBe(100 + command.id);
  });

  test('with a pty has a size and TERM, which env may change', async () => {
    const pty = { rows: 24, cols: 80 };
    const { body } = (await running({ pty })).guest.last('Exec');
    expect(body).toMatchObject({ stdio: 1, rows: 24, cols: 80 });
    expect(body.env.map(textOf)).toEqual(['TERM=xterm-256color']);
    const older = await running({ pty: { ...pty, term: 'vt100' } });
    expect(older.guest.last('Exec').body.env.map(textOf)).toEqual(['TERM=vt100']);
    const changed = await running({ pty: { ...pty, term: 'vt100' }, env: { TERM: 'dumb' } });
    expect(changed.guest.last('Exec').body.env.map(textOf)).toEqual(['TERM=dumb']);
  });

  test('of an argument vector passes it on', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello();
    void agent.exec({ argv: ['printf', '%s', ''] }).catch(String);
    await settle();
    expect(guest.last('Exec').body.argv.map(textOf)).toEqual(['printf', '%s', '']);
    await expect(agent.exec({ argv: [] })).rejects.toThrow(TypeError);
  });

  test('that fails rejects with the agent’s words, and its id is free', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello();
    const starting = agent.exec({ argv: ['nothing'] });
    await settle();
    const { id } = guest.last('Exec');
    guest.reply(id, 2, 'the program nothing: No such file or directory');
    await expect(starting).rejects.toMatchObject({ errno: 2, message: /the program nothing/ });
    guest.started(id);
    expect((await agent.closed).message).toMatch(/Started for unknown id/);
  });

  test('of the console has no argv, and its frames no streams', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello();
    const starting = agent.startShell({ rows: 30, cols: 100, cwd: '/mnt/host' });
    await settle();
    const { id, body } = guest.last('Exec');
    expect(body).toMatchObject({ stdio: 2, argv: [], rows: 30, cols: 100 });
    guest.started(id);
    const shell = await starting;
    shell.resize({ rows: 40, cols: 90 });
    expect(guest.last('Resize')).toEqual({ name: 'Resize', id, body: { rows: 40, cols: 90 } });
    guest.exited(id, 0, 3);
    expect(await shell.exit).toEqual({ code: 3 });
  });
});

describe('Exited', () => {
  test.each([
    [0, 7, { code: 7 }, 7],
    [1, 9, { signal: 9 }, 137],
  ])('how %i, value %i', async (how, value, exit, status) => {
    const { guest, command, id } = await running();
    guest.exited(id, how, value);
    expect(await command.exit).toEqual(exit);
    expect(exitStatus(await command.exit)).toBe(status);
  });

  test('waits for the output handler', async () => {
    const { seen, handler, next } = slowHandler();
    const { guest, command, id } = await running({ onStdout: handler });
    guest.stdout(id, 'one');
    guest.stdout(id, 'two');
    guest.exited(id, 0, 0);
    let exited = false;
    void command.exit.then(() => {
      exited = true;
    });
    await next();
    expect(seen).toEqual(['one', 'two']);
    expect(exited).toBe(false);
    await next();
    expect(exited).toBe(true);
  });

  test('is the last frame of its id', async () => {
    const { guest, agent, id } = await running();
    guest.exited(id, 0, 0);
    guest.stdout(id, 'late');
    expect((await agent.closed).message).toMatch(/Stdout for unknown id/);
  });

  test('of an unknown kind closes the connection', async () => {
    const { guest, agent, command, id } = await running();
    guest.exited(id, 2, 0);
    await agent.closed;
    await expect(command.exit).rejects.toThrow(/in way 2/);
  });
});

describe('output', () => {
  test('goes to its handler, stdout and stderr apart, in memory of its own', async () => {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    const { guest, id } = await running({ onStdout: (c) => void out.push(c), onStderr: (c) => void err.push(c) });
    guest.stdout(id, 'to stdout');
    guest.send({ name: 'Stderr', id, body: { data: bytes('to stderr') } });
    guest.stdout(id, ' and more');
    expect(out.map(textOf).join('')).toBe('to stdout and more');
    expect(err.map(textOf)).toEqual(['to stderr']);
  });

  test('is credited when a quarter of the window is consumed', async () => {
    const { guest, id } = await running({ onStdout: () => {} });
    guest.stdout(id, new Uint8Array(WINDOW / 4 - 1));
    expect(guest.all('OutputCredit')).toEqual([]);
    guest.stdout(id, new Uint8Array(1));
    expect(guest.last('OutputCredit').body).toEqual({ stream: 1, count: WINDOW / 4 });
  });

  test('is not credited while its handler is busy, and no second chunk is delivered', async () => {
    const { seen, handler, next } = slowHandler();
    const { guest, id } = await running({ onStdout: handler });
    guest.stdout(id, 'a'.repeat(WINDOW / 2));
    guest.stdout(id, 'b'.repeat(WINDOW / 2));
    await settle();
    expect(seen.length).toBe(1);
    expect(guest.all('OutputCredit')).toEqual([]);
    await next();
    expect(seen.length).toBe(2);
    expect(guest.all('OutputCredit').length).toBe(1);
  });

  test('past the window closes the connection', async () => {
    const { guest, agent, id } = await running({ onStdout: () => new Promise(() => {}) });
    guest.stdout(id, new Uint8Array(WINDOW));
    guest.stdout(id, new Uint8Array(1));
    expect((await agent.closed).message).toMatch(/output past its window/);
  });

  test('in single bytes is put together while it waits', async () => {
    const { seen, handler, next } = slowHandler();
    const { guest, id } = await running({ onStdout: handler });
    const text = Array.from({ length: WINDOW - 1 }, (_, index) => String.fromCodePoint(97 + (index % 26))).join('');
    for (const letter of text) guest.stdout(id, letter);
    await next();
    await next();
    expect(seen.join('')).toBe(text);
    expect(seen.length).toBe(2);
  });

  test('without bytes closes the connection: it would cost memory and no credit', async () => {
    const { guest, agent, id } = await running();
    guest.stdout(id, new Uint8Array(0));
    expect((await agent.closed).message).toMatch(/without bytes/);
  });

  test('credit waits for room in the port and is then sent in one frame', async () => {
    const { guest, agent, id, command } = await running({ onStdout: () => {} });
    guest.room = 0;
    command.kill(1);
    guest.stdout(id, new Uint8Array(WINDOW / 2));
    guest.stdout(id, new Uint8Array(WINDOW / 2));
    guest.makeRoom(13);
    expect(guest.all('Signal').length).toBe(1);
    guest.makeRoom(1000);
    expect(guest.all('OutputCredit').map((frame) => frame.body)).toEqual([{ stream: 1, count: WINDOW }]);
    guest.stdout(id, new Uint8Array(WINDOW));
    expect(guest.all('OutputCredit').length).toBe(2);
    agent.close();
  });

  test('that was not credited for want of room counts against the window', async () => {
    const { guest, agent, id, command } = await running({ onStdout: () => {} });
    guest.room = 0;
    command.kill(1);
    guest.stdout(id, new Uint8Array(WINDOW));
    guest.stdout(id, new Uint8Array(1));
    expect((await agent.closed).message).toMatch(/output past its window/);
  });

  test('that is refused is dropped, and the guest is told once', async () => {
    const seen: string[] = [];
    const { guest, command, id } = await running({ onStdout: (chunk) => void seen.push(textOf(chunk)) });
    command.closeOutput('stdout');
    command.closeOutput('stdout');
    expect(guest.all('CloseOutput').map((frame) => frame.body)).toEqual([{ stream: 1 }]);
    guest.stdout(id, 'was under way');
    guest.exited(id, 1, 13);
    expect(await command.exit).toEqual({ signal: 13 });
    expect(seen).toEqual([]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ])('whose handler %s is refused, and exit rejects with the error', async (_, onStdout) => {
    const { guest, command, id } = await running({ onStdout });
    guest.stdout(id, 'x');
    await settle();
    expect(guest.last('CloseOutput').body).toEqual({ stream: 1 });
    guest.exited(id, 1, 13);
    await expect(command.exit).rejects.toThrow('disk full');
  });
});

test('a handler may close the connection: nothing more is taken from what came with its chunk', async () => {
  const seen: string[] = [];
  const { guest, agent, command, id } = await running({
    onStdout: (chunk) => {
      seen.push(textOf(chunk));
      agent.close('enough');
    },
  });
  const frames = ['one', 'two'].map((word) => guestFrame({ name: 'Stdout', id, body: { data: bytes(word) } }));
  guest.sendBytes(Buffer.concat(frames));
  expect(seen).toEqual(['one']);
  await expect(command.exit).rejects.toThrow('enough');
  expect((await agent.closed).message).toBe('enough');
});

describe('input', () => {
  test('is sent within the window and goes on with credit', async () => {
    const { guest, command, id } = await running();
    const input = Uint8Array.from({ length: INPUT_WINDOW + 10 }, (_, index) => index % 251);
    let taken: boolean | undefined;
    void command.write(input).then((result) => {
      taken = result;
    });
    await settle();
    expect(guest.all('Stdin').map((frame) => frame.body.data.length)).toEqual([
      STDIN_CHUNK,
      STDIN_CHUNK,
      INPUT_WINDOW - 2 * STDIN_CHUNK,
    ]);
    expect(taken).toBeUndefined();
    guest.send({ name: 'InputCredit', id, body: { count: 10 } });
    await settle();
    expect(taken).toBe(true);
    const sent = Buffer.concat(guest.all('Stdin').map((frame) => frame.body.data));
    expect(sent.equals(input)).toBe(true);
  });

  test('ends after what was written, once', async () => {
    const { guest, command, id } = await running();
    void command.write(new Uint8Array(INPUT_WINDOW));
    void command.write(bytes('last'));
    command.end();
    command.end();
    expect(guest.all('StdinEnd')).toEqual([]);
    guest.send({ name: 'InputCredit', id, body: { count: 4 } });
    expect(guest.received.slice(-2).map((frame) => frame.name)).toEqual(['Stdin', 'StdinEnd']);
    guest.send({ name: 'InputCredit', id, body: { count: 10 } });
    expect(guest.all('StdinEnd').length).toBe(1);
    await expect(command.write(bytes('more'))).rejects.toThrow(/after its end/);
  });

  test('that the program does not want any more is answered with false', async () => {
    const { guest, command, id } = await running();
    const pending = command.write(new Uint8Array(INPUT_WINDOW + 1));
    guest.send({ name: 'InputClosed', id, body: {} });
    expect(await pending).toBe(false);
    expect(await command.write(bytes('more'))).toBe(false);
    command.end();
    expect(guest.all('StdinEnd')).toEqual([]);
  });

  test('to a program that has ended is answered with false', async () => {
    const { guest, command, id } = await running();
    const pending = command.write(new Uint8Array(INPUT_WINDOW + 1));
    guest.exited(id, 0, 0);
    expect(await pending).toBe(false);
  });

  test('credit for what was not sent closes the connection', async () => {
    const { guest, agent, command, id } = await running();
    void command.write(new Uint8Array(5));
    guest.send({ name: 'InputCredit', id, body: { count: 6 } });
    expect((await agent.closed).message).toMatch(/credit for input that was not sent/);
    expect(await command.write(bytes('x'))).toBe(false);
  });
});

describe('Signal', () => {
  test('has a number from 1 to 64', async () => {
    const { guest, command, id } = await running();
    command.kill(15);
    expect(guest.last('Signal')).toEqual({ name: 'Signal', id, body: { number: 15 } });
    for (const number of [0, 65, 1.5, Number.NaN]) expect(() => command.kill(number)).toThrow(RangeError);
  });

  test('after the connection is gone does nothing', async () => {
    const { guest, command } = await running();
    guest.hangUp('stopped');
    command.kill(15);
    await expect(command.exit).rejects.toThrow('stopped');
    expect(guest.all('Signal')).toEqual([]);
  });
});
