// Whatever a guest sends, the host's half ends with a result or with AgentClosed: it neither hangs nor throws.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Agent, AgentClosed } from '../../src/agent.ts';
import { guestFrame, type GuestFrame } from '../../src/agent/frames.ts';
import { bytes, FakeGuest, settle } from './fake-guest.ts';

const id = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffffffff }));
const u32 = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 0xffffffff }));
const data = fc.uint8Array({ maxLength: 40 });

/** Well-formed frames, mostly about ids that exist, in an order that makes no sense. */
const frame: fc.Arbitrary<GuestFrame> = fc.oneof(
  fc.record({ name: fc.constant('Reply'), id, body: fc.record({ errno: u32, text: data }) }),
  fc.record({ name: fc.constant('Started'), id, body: fc.record({ pid: u32 }) }),
  fc.record({ name: fc.constantFrom('Stdout', 'Stderr'), id, body: fc.record({ data }) }),
  fc.record({ name: fc.constant('InputCredit'), id, body: fc.record({ count: u32 }) }),
  fc.record({ name: fc.constant('InputClosed'), id, body: fc.constant({}) }),
  fc.record({ name: fc.constant('Exited'), id, body: fc.record({ how: fc.nat(3), value: fc.nat(255) }) }),
);

const stream = fc.oneof(
  { weight: 3, arbitrary: fc.array(frame, { maxLength: 20 }).map((frames) => Buffer.concat(frames.map(guestFrame))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);

async function serve(raw: Uint8Array, cuts: readonly number[], reads: boolean): Promise<void> {
  const guest = new FakeGuest();
  const agent = new Agent(guest, { outputWindow: 64 });
  guest.hello();
  const results = [
    agent.mount({ tag: 'host', path: '/mnt' }),
    agent.exec({ command: 'a', onStdout: () => {} }).then(async (command) => {
      void command.write(bytes('input'));
      return await command.exit;
    }),
    agent.startShell({ rows: 1, cols: 1 }).then((shell) => shell.exit),
  ];
  const outcomes = Promise.allSettled(results);
  await settle();
  if (!reads) guest.room = 0;
  let at = 0;
  for (const cut of [...cuts, raw.length]) {
    guest.sendBytes(raw.subarray(at, at + cut));
    at += cut;
    await settle();
  }
  guest.hangUp('the end');
  for (const outcome of await outcomes) {
    if (outcome.status === 'rejected') {
      expect(['AgentClosed', 'AgentError']).toContain((outcome.reason as Error).name);
    }
  }
  expect(await agent.closed).toBeInstanceOf(AgentClosed);
}

test('any stream of frames and of bytes, cut anywhere, ends in results or AgentClosed', async () => {
  await fc.assert(
    fc.asyncProperty(stream, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 5 }), fc.boolean(), serve),
    { numRuns: 400 },
  );
});

test('a frame cut at every place is the same frame', async () => {
  const raw = guestFrame({ name: 'Reply', id: 1, body: { errno: 5, text: bytes('Input/output error') } });
  for (let cut = 1; cut < raw.length; cut++) {
    const guest = new FakeGuest();
    const agent = new Agent(guest);
    guest.hello();
    const mounted = agent.mount({ tag: 'host', path: '/mnt' });
    await settle();
    guest.sendBytes(raw.subarray(0, cut));
    guest.sendBytes(raw.subarray(cut));
    await expect(mounted).rejects.toMatchObject({ errno: 5, message: 'Input/output error' });
  }
});
