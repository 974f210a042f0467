// guest-images/agent/PROTOCOL.md, "Versions", "Requests" and "Errors".
import { describe, expect, test } from 'vitest';
import { Agent, AgentClosed, AgentError } from '../../src/agent.ts';
import { bytes, FakeGuest, MAX_PAYLOAD, settle, textOf } from './fake-guest.ts';

function greeted(): { guest: FakeGuest; agent: Agent } {
  const guest = new FakeGuest();
  const agent = new Agent(guest);
  guest.hello();
  return { guest, agent };
}

describe('Hello', () => {
  test('is answered by Welcome, and nothing is sent before it', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest, { outputWindow: 1000 });
    const mounted = agent.mount({ tag: 'host', path: '/mnt/host' });
    await settle();
    expect(guest.received).toEqual([]);
    guest.hello({ software: bytes('vm9-agent 1') });
    expect(await agent.ready).toEqual({ version: 2, software: 'vm9-agent 1' });
    await settle();
    expect(guest.received[0]).toEqual({ name: 'Welcome', id: 0, body: { version: 2, zero: 0, outputWindow: 1000 } });
    guest.reply(guest.last('Mount').id);
    await mounted;
  });

  test('of an agent that speaks version 2 and others is enough', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello({ oldest: 1, newest: 7 });
    expect((await agent.ready).version).toBe(2);
  });

  test('of an agent that is too new closes the connection and names both versions', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello({ oldest: 3, newest: 4 });
    await expect(agent.ready).rejects.toThrow(
      /versions 3 to 4, this host speaks 2: use guest images of the same release/,
    );
    expect(guest.closedByHost).toBe(true);
    await expect(agent.exec({ command: 'true' })).rejects.toBeInstanceOf(AgentClosed);
  });

  test.each([
    ['without the magic number', { magic: 0x12345678 }],
    ['with a payload limit too small for a stream', { maxPayload: 100 }],
    ['without an input window', { inputWindow: 0 }],
    ['with an input window that would fill the host', { inputWindow: 0xffffffff }],
  ])('%s closes the connection', async (_, changes) => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello(changes);
    await expect(agent.ready).rejects.toThrow(/broke the protocol/);
    expect(guest.closedByHost).toBe(true);
  });

  test('comes once', async () => {
    const { guest, agent } = greeted();
    guest.hello();
    expect((await agent.closed).message).toMatch(/a second Hello/);
  });
});

describe('Requests', () => {
  test('Mount carries tag, path and options', async () => {
    const { guest, agent } = greeted();
    const mounted = agent.mount({ tag: 'host', path: '/mnt/hóst', options: 'ro,msize=512000' });
    await settle();
    const { id, body } = guest.last('Mount');
    expect([body.tag, body.path, body.options].map(textOf)).toEqual(['host', '/mnt/hóst', 'ro,msize=512000']);
    guest.reply(id);
    await mounted;
  });

  test('an error is an AgentError with its number and words', async () => {
    const { guest, agent } = greeted();
    const mounted = agent.mount({ tag: 'x', path: '/mnt/x' });
    await settle();
    guest.reply(guest.last('Mount').id, 2, 'no virtio-9p device has this tag');
    await expect(mounted).rejects.toEqual(new AgentError(2, 'no virtio-9p device has this tag'));
    await expect(mounted).rejects.toMatchObject({ name: 'AgentError', errno: 2 });
  });

  test('replies may come in any order', async () => {
    const { guest, agent } = greeted();
    const done: string[] = [];
    const slow = agent.mount({ tag: 'slow', path: '/slow' }).then(() => done.push('slow'));
    const quick = agent.mount({ tag: 'quick', path: '/quick' }).then(() => done.push('quick'));
    await settle();
    const [first, second] = guest.all('Mount');
    guest.reply(second!.id);
    await quick;
    guest.reply(first!.id);
    await slow;
    expect(done).toEqual(['quick', 'slow']);
  });

  test('SetClock carries nanoseconds without loss', async () => {
    const { guest, agent } = greeted();
    const set = agent.setClock(1_795_368_073_123_456_789n);
    await settle();
    expect(guest.last('SetClock').body.nanoseconds).toBe(1_795_368_073_123_456_789n);
    guest.reply(guest.last('SetClock').id);
    await set;
  });

  test('Reseed carries 1 to 4096 bytes', async () => {
    const { guest, agent } = greeted();
    const done = agent.reseed(Uint8Array.of(1, 2, 3));
    await settle();
    expect([...guest.last('Reseed').body.entropy]).toEqual([1, 2, 3]);
    guest.reply(guest.last('Reseed').id);
    await done;
    await expect(agent.reseed(new Uint8Array(0))).rejects.toThrow(RangeError);
    await expect(agent.reseed(new Uint8Array(4097))).rejects.toThrow(RangeError);
  });

  test.each([
    ['powerOff', 0],
    ['reboot', 1],
  ] as const)('%s is Power %i', async (method, action) => {
    const { guest, agent } = greeted();
    const begun = agent[method]();
    await settle();
    expect(guest.last('Power').body.action).toBe(action);
    guest.reply(guest.last('Power').id);
    await begun;
  });

  test('text with a NUL is refused by name', async () => {
    const { agent } = greeted();
    await expect(agent.mount({ tag: 'a\0b', path: '/x' })).rejects.toThrow(/the tag holds a NUL/);
  });

  test('a request that is longer than the agent takes is refused, and the next one goes on', async () => {
    const { guest, agent } = greeted();
    await expect(agent.mount({ tag: 'x'.repeat(MAX_PAYLOAD), path: '/x' })).rejects.toThrow(/agent takes 262144/);
    const next = agent.mount({ tag: 'x', path: '/x' });
    await settle();
    guest.reply(guest.last('Mount').id);
    await next;
  });
});

describe('the port', () => {
  test('takes a frame in pieces, as it has room', async () => {
    const { guest, agent } = greeted();
    await agent.ready;
    guest.room = 5;
    const mounted = agent.mount({ tag: 'host', path: '/mnt/host' });
    await settle();
    expect(guest.all('Mount')).toEqual([]);
    guest.makeRoom(7);
    expect(guest.all('Mount')).toEqual([]);
    guest.makeRoom(1000);
    expect(textOf(guest.last('Mount').body.path)).toBe('/mnt/host');
    guest.reply(guest.last('Mount').id);
    await mounted;
  });

  test('may say that it has room while it is being written to', async () => {
    const { guest, agent } = greeted();
    await agent.ready;
    guest.room = 0;
    const mounts = ['a', 'b'].map((tag) => agent.mount({ tag, path: `/mnt/${tag}` }));
    await settle();
    guest.saysRoomWhileWritten = true;
    guest.makeRoom(10_000);
    expect(guest.all('Mount').map((frame) => textOf(frame.body.tag))).toEqual(['a', 'b']);
    for (const { id } of guest.all('Mount')) guest.reply(id);
    await Promise.all(mounts);
  });

  test('that closes rejects everything under way, with its reason', async () => {
    const { guest, agent } = greeted();
    const mounted = agent.mount({ tag: 'host', path: '/mnt/host' });
    const starting = agent.exec({ command: 'true' });
    await settle();
    guest.hangUp('the machine has stopped');
    await expect(mounted).rejects.toEqual(new AgentClosed('the machine has stopped'));
    await expect(starting).rejects.toThrow('the machine has stopped');
    expect((await agent.closed).message).toBe('the machine has stopped');
    await expect(agent.powerOff()).rejects.toBeInstanceOf(AgentClosed);
  });

  test('that closes before Hello rejects ready', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hangUp('the machine has stopped');
    await expect(agent.ready).rejects.toBeInstanceOf(AgentClosed);
  });

  test('is closed by close(), once', async () => {
    const { guest, agent } = greeted();
    const mounted = agent.mount({ tag: 'host', path: '/mnt/host' });
    await settle();
    agent.close('not needed');
    agent.close('again');
    await expect(mounted).rejects.toThrow('not needed');
    expect(guest.closedByHost).toBe(true);
    guest.reply(guest.last('Mount').id);
  });
});

describe('Errors', () => {
  test('Goodbye closes the connection with its reason', async () => {
    const { guest, agent } = greeted();
    guest.send({ name: 'Goodbye', id: 0, body: { reason: bytes('a malformed Exec') } });
    expect((await agent.closed).message).toBe("the guest's agent said goodbye: a malformed Exec");
  });

  test('a frame before Hello closes the connection', async () => {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.reply(1);
    await expect(agent.ready).rejects.toThrow(/Reply before Hello/);
  });

  test('a reply that nobody asked for closes the connection', async () => {
    const { guest, agent } = greeted();
    guest.reply(99);
    expect((await agent.closed).message).toMatch(/Reply for unknown id 99/);
  });

  test.each([
    ['a payload past the limit', /65535 bytes; the limit/, [0xff, 0xff, 0, 0, 0x12, 0, 0, 0, 1, 0, 0, 0]],
    ['a reserved field that is not 0', /reserved field/, [0, 0, 0, 0, 0x15, 0, 1, 0, 1, 0, 0, 0]],
    ['an unknown type', /unknown type 0x7f/, [0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 0, 0, 0]],
    ['a field that does not fit', /4 bytes with 0/, [4, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]],
    ['a string that does not fit', /9 bytes with 0/, [8, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]],
    ['bytes left over', /InputClosed frame with 1 bytes too many/, [1, 0, 0, 0, 0x15, 0, 0, 0, 1, 0, 0, 0, 0]],
  ])('%s closes the connection', async (_, words, raw) => {
    const { guest, agent } = greeted();
    guest.sendBytes(Uint8Array.from(raw));
    const { message } = await agent.closed;
    expect(message).toMatch(/^the guest's agent broke the protocol: /);
    expect(message).toMatch(words);
    expect(guest.closedByHost).toBe(true);
  });
});
