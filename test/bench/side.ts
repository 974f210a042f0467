// A 9P server as the comparison of several drives it. What a request or an answer costs the driver is a few calls, the same for
// all, and no promise that the server has not made itself.
import type { Awaitable } from '../../devices/9p/backend.ts';
import type { Exchange } from '../../devices/9p/request.ts';
import type { Server } from '../../devices/9p/server.ts';
import type { Bytes } from '../../devices/ports.ts';
import { decode, encode, make, type Message } from '../devices/9p/client.ts';
import { transfer, type Operation } from './server-load.ts';

/** A server, of which one thing is asked at a time. */
export interface Side {
  /** Bytes of the last answer. */
  length: number;
  /** The answer is there on return, or once the promise is kept. */
  send(exchange: Exchange): void | Promise<void>;
}

export function withoutDevice(server: Server): Side {
  const side: Side = {
    length: 0,
    send(exchange) {
      const length = server.answer(exchange);
      if (typeof length !== 'number') return length.then((late) => void (side.length = late));
      side.length = length;
      return undefined;
    },
  };
  return side;
}

/** For what the driver itself takes. */
export function nobody(): Side {
  return { length: transfer + 11, send: () => undefined };
}

/** What does a round of an operation, in turn; resolves, or returns, once it is answered. */
export function roundsOf(side: Side, { name, rounds }: Operation): () => Awaitable<void> {
  let next = 0;
  const check = (least: number): void => {
    if (side.length < least) throw new Error(`${name}: an answer of ${side.length} bytes`);
  };
  const goOn = async (steps: Operation['rounds'][number], from: number, sent: Promise<void>): Promise<void> => {
    await sent;
    check(steps[from]![1]);
    for (const [exchange, least] of steps.slice(from + 1)) {
      const later = side.send(exchange);
      if (later !== undefined) await later;
      check(least);
    }
  };
  return () => {
    const steps = rounds[next]!;
    next = next + 1 === rounds.length ? 0 : next + 1;
    for (let step = 0; step < steps.length; step++) {
      const [exchange, least] = steps[step]!;
      const later = side.send(exchange);
      if (later !== undefined) return goOn(steps, step, later);
      check(least);
    }
    return undefined;
  };
}

export const writers = 64;
const piece = 8192;

/** Lets many write at once to a file that grows, in no order. Resolves with what became of that. */
export async function writeAtOnce(side: Side): Promise<string> {
  const ask = async (message: Message): Promise<Message> => {
    const writable = new Uint8Array(piece + 64);
    await side.send({ readable: [encode(message, 1)], writable: [writable] });
    return decode(writable.slice(0, new DataView(writable.buffer).getUint32(0, true)));
  };
  const contents = (index: number): Bytes => new Uint8Array(piece).fill(index + 1);
  const indices = Array.from({ length: writers }, (_, index) => (index * 37) % writers);
  await ask(make.Tversion({ msize: 512_000, version: '9P2000.L' }));
  await ask(make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
  await ask(make.Twalk({ fid: 0, newfid: 1, names: [] }));
  await ask(make.Tlcreate({ fid: 1, name: 'growing', flags: 2, mode: 0o644, gid: 0 }));
  const outcomes = await Promise.allSettled(
    indices.map(async (index) => ask(make.Twrite({ fid: 1, offset: index * piece, data: contents(index) }))),
  );
  // An exception in the device: its guest waits for the answer for ever.
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  let lost = 0;
  for (const index of indices) {
    const { data } = await ask(make.Tread({ fid: 1, offset: index * piece, count: piece }));
    if (data === undefined || Buffer.compare(data, contents(index)) !== 0) lost++;
  }
  return `${failed} got no answer, what ${lost} wrote is not there`;
}
