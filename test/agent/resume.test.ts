// A connection goes on from a snapshot: the guest's end is in the guest's RAM and knows nothing of it.
import { expect, test } from 'vitest';
import { Agent, type Command } from '../../src/agent.ts';
import { resumeAgent, saveAgent } from '../../src/agent/agent-state.ts';
import { guestFrame } from '../../src/agent/frames.ts';
import { bytes, FakeGuest, settle } from './fake-guest.ts';

async function connected(): Promise<{ guest: FakeGuest; agent: Agent }> {
  const guest = new FakeGuest();
  const agent = new Agent(guest, { outputWindow: 1000 });
  guest.hello();
  await agent.ready;
  return { guest, agent };
}

/** Another host with the state of the first; its guest goes on with what `guest` had heard. */
function goOn(agent: Agent) {
  const guest = new FakeGuest();
  const next = new Agent(guest);
  const output: string[] = [];
  const programs = resumeAgent(next, structuredClone(saveAgent(agent)!), () => ({
    onStdout: (chunk) => void output.push(`out ${Buffer.from(chunk).toString()}`),
    onStderr: (chunk) => void output.push(`err ${Buffer.from(chunk).toString()}`),
  }));
  return { guest, agent: next, output, ...programs };
}

async function started(guest: FakeGuest, agent: Agent): Promise<Command> {
  const executing = agent.exec({ command: 'x', onStdout: () => undefined });
  await settle();
  const { id } = guest.last('Exec');
  guest.send({ name: 'Started', id, body: { pid: 77 } });
  return executing;
}

test('there is no state before Hello and after the end', async () => {
  expect(saveAgent(new Agent(new FakeGuest()))).toBeUndefined();
  const { agent } = await connected();
  agent.close();
  expect(saveAgent(agent)).toBeUndefined();
});

test('a command that ran goes on: its output, its input, its windows, its end', async () => {
  const first = await connected();
  const command = await started(first.guest, first.agent);
  // 200 are consumed: too few to be credited by themselves.
  first.guest.send({ name: 'Stdout', id: command.id, body: { data: new Uint8Array(200).fill(0x61) } });
  void command.write(bytes('abc'));
  await settle();
  const { guest, agent, output, commands, shell } = goOn(first.agent);
  expect(shell).toBeUndefined();
  expect(commands.map(({ id, pid }) => ({ id, pid }))).toEqual([{ id: command.id, pid: 77 }]);
  expect((await agent.ready).version).toBe(2);
  expect(guest.received).toEqual([]);

  // 800 more fill the window, and are credited with those of before.
  guest.send({ name: 'Stdout', id: command.id, body: { data: new Uint8Array(800).fill(0x62) } });
  guest.send({ name: 'Stderr', id: command.id, body: { data: bytes('oops') } });
  expect(output).toEqual([`out ${'b'.repeat(800)}`, 'err oops']);
  expect(guest.last('OutputCredit').body).toEqual({ stream: 1, count: 1000 });
  commands[0]!.end();
  expect(guest.last('StdinEnd').id).toBe(command.id);
  guest.send({ name: 'Exited', id: command.id, body: { how: 0, value: 4 } });
  expect(await commands[0]!.exit).toEqual({ code: 4 });
});

test('what the old handler had not taken is given to the new one', async () => {
  const { guest, agent } = await connected();
  const executing = agent.exec({ command: 'x', onStdout: () => new Promise(() => undefined) });
  await settle();
  const { id } = guest.last('Exec');
  guest.send({ name: 'Started', id, body: { pid: 5 } });
  await executing;
  for (const text of ['one ', 'two ', 'three']) guest.send({ name: 'Stdout', id, body: { data: bytes(text) } });
  const { output } = goOn(agent);
  await settle();
  expect(output.join('')).toBe('out two three');
});

test('a frame that had come half is completed', async () => {
  const first = await connected();
  const command = await started(first.guest, first.agent);
  const frame = guestFrame({ name: 'Stdout', id: command.id, body: { data: bytes('whole') } });
  for (const cut of [5, 12, 14]) {
    const host = await connected();
    const running = await started(host.guest, host.agent);
    host.guest.sendBytes(frame.slice(0, cut));
    const { guest, output } = goOn(host.agent);
    guest.sendBytes(frame.slice(cut));
    expect(output).toEqual(['out whole']);
    expect(running.id).toBe(command.id);
  }
});

test('the answer to a request of the time before is no fault, and its number is not given out again', async () => {
  const first = await connected();
  const pending = first.agent.setClock(1n);
  pending.catch(() => undefined);
  await settle();
  const { id } = first.guest.last('SetClock');
  const { guest, agent } = goOn(first.agent);
  const thawing = agent.thaw();
  await settle();
  expect(guest.last('Thaw').id).not.toBe(id);
  guest.reply(id);
  guest.reply(guest.last('Thaw').id);
  await thawing;
  expect(guest.closedByHost).toBe(false);
  // Once.
  guest.reply(id);
  expect(guest.closedByHost).toBe(true);
});

test('the shell on the console goes on as such', async () => {
  const first = await connected();
  const starting = first.agent.startShell({ rows: 1, cols: 1 });
  await settle();
  const { id } = first.guest.last('Exec');
  first.guest.send({ name: 'Started', id, body: { pid: 3 } });
  await starting;
  const { guest, commands, shell } = goOn(first.agent);
  expect(commands).toEqual([]);
  guest.send({ name: 'Exited', id, body: { how: 1, value: 9 } });
  expect(await shell?.exit).toEqual({ signal: 9 });
});
