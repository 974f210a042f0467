// Whatever goes wrong, and wherever, references to nodes and open files are exactly those of the fids.
import { expect, test } from 'vitest';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { make } from './client.ts';
import type { Message } from './client.ts';
import { everyMessage, prepare } from './every-message.ts';

const { Tread, Tfsync } = make;

async function prepared(): Promise<Bench> {
  const bench = await attachedServer();
  await prepare(bench.client);
  return bench;
}

/** The references that the fids hold: one each, two where a file is open, none where an attribute is read. */
async function heldByFids({ client, server }: Bench): Promise<number> {
  const succeeds = async (message: Message): Promise<boolean> => (await client.send(message)).name !== 'Rlerror';
  let held = server.fidCount;
  for (const fid of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    if (await succeeds(Tfsync({ fid, datasync: 0 }))) held++;
    else if (await succeeds(Tread({ fid, offset: 0, count: 0 }))) held--;
  }
  return held;
}

test.each(everyMessage.map((message, place) => ({ name: `${message.name} (${place})`, message })))(
  '$name: a failure at any of its steps leaks nothing',
  async ({ message }) => {
    for (let step = 1; ; step++) {
      for (const waits of [false, true]) {
        const bench = await prepared();
        const { client, ledger, gate } = bench;
        if (waits) gate.holdAll();
        ledger.failing = ledger.calls + step;
        const sent = client.post(message);
        await gate.releaseAll();
        const reply = await sent.reply;
        const hasFailed = ledger.calls >= ledger.failing;
        gate.open();
        ledger.failing = Infinity;
        // A walk that fails after its first name is a shorter walk.
        if (hasFailed && message.name !== 'Twalk') expect(reply).toMatchObject({ name: 'Rlerror', body: { ecode: 5 } });
        expect(ledger.held).toBe(await heldByFids(bench));
        bench.server.reset();
        expect(ledger.held).toBe(0);
        expect(bench.backend.handleCount).toBe(0);
        if (!hasFailed && waits) return;
      }
    }
  },
);
