// The driver's half of a 9P connection: encodes T-messages into segments, decodes the R-messages it finds there.
import { decodeMessage, encodeMessage } from '../../../devices/9p/client-message.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import { formats, messages, version9P2000L } from '../../../devices/9p/messages.ts';
import type { Body, MessageName, ReplyName, RequestName } from '../../../devices/9p/messages.ts';
import type { Exchange } from '../../../devices/9p/request.ts';
import { gather, totalLength } from '../../../devices/9p/scatter.ts';
import type { Server } from '../../../devices/9p/server.ts';
import type { AnyBody, Qid } from '../../../devices/9p/wire.ts';
import type { Bytes } from '../../../devices/ports.ts';

const encoder = new TextEncoder();

export function bytes(text: string | Bytes): Bytes {
  return typeof text === 'string' ? encoder.encode(text) : text;
}

export function text(value: Bytes): string {
  return new TextDecoder().decode(new Uint8Array(value));
}

/** A field as a test writes it: text for bytes. */
type Written<V> = V extends Bytes ? string | Bytes : V extends readonly Bytes[] ? readonly (string | Bytes)[] : V;

/** A body as a test writes it: `data` is a payload. */
type WrittenBody<M extends MessageName> = M extends 'Twrite' | 'Rread' | 'Rreaddir'
  ? { readonly [K in Exclude<keyof Body<M>, 'count'>]: Written<Body<M>[K]> } & { readonly data: string | Bytes }
  : { readonly [K in keyof Body<M>]: Written<Body<M>[K]> };

export interface Message {
  readonly name: MessageName;
  readonly body: AnyBody;
  readonly data?: Bytes;
}

type Constructors = { readonly [M in Exclude<MessageName, 'Rlerror'>]: (body: WrittenBody<M>) => Message };

function construct(name: MessageName, written: Record<string, unknown>): Message {
  const body: AnyBody = {};
  for (const {
    name: field,
    field: { kind },
  } of formats[name].fields) {
    const value = written[field];
    if (kind === 'str') body[field] = bytes(value as string | Bytes);
    else if (kind === 'list') body[field] = (value as (string | Bytes | Qid)[]).map(bytesOrQid);
    else if (kind !== 'payload') body[field] = value as number;
  }
  if (!formats[name].hasPayload) return { name, body };
  const data = bytes(written['data'] as string | Bytes);
  return { name, body: { ...body, count: data.length }, data };
}

function bytesOrQid(element: string | Bytes | Qid): Bytes | Qid {
  return typeof element === 'string' ? bytes(element) : element;
}

/** A constructor for every message: `const { Tclunk, Rclunk } = make`. */
export const make = Object.fromEntries(
  (Object.keys(messages) as MessageName[]).map((name) => [
    name,
    (written: Record<string, unknown>) => construct(name, written),
  ]),
) as unknown as Constructors;

export function Rlerror(code: ErrnoName): Message {
  return { name: 'Rlerror', body: { ecode: new Errno(code).number } };
}

export function encode({ name, body, data }: Message, tag: number): Bytes {
  return encodeMessage(name, tag, body, data);
}

/** Decodes one whole message, and insists that it is one. */
export function decode(encoded: Bytes): Message & { readonly tag: number } {
  const { tag, name, body, payload } = decodeMessage(encoded);
  return { tag, name, body, ...(payload !== undefined && { data: payload }) };
}

/** Cuts `whole` into pieces with the given lengths, and one of the rest. */
export function cut(whole: Bytes, lengths: readonly number[]): Bytes[] {
  const pieces: Bytes[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(whole.slice(at, at + length));
    at += length;
  }
  pieces.push(whole.slice(at));
  return pieces;
}

/** Bytes in the room for a reply where a test does not care. */
const ampleRoom = 70_000;

/** A request that was sent. */
export interface Sent {
  readonly tag: number;
  readonly exchange: Exchange;
  /** The reply; undefined for a request that was flushed. */
  readonly reply: Promise<Message | undefined>;
  /** Whether the server has finished with the buffers. */
  isDone: boolean;
}

export class Client {
  readonly server: Server;
  #nextTag = 0;

  constructor(server: Server) {
    this.server = server;
  }

  /** A client that has agreed on a version and attached fid 0 to the root. */
  static async attached(server: Server, { msize = 512_000, uid = 0 } = {}): Promise<Client> {
    const client = new Client(server);
    const { Tversion, Tattach } = make;
    await client.expect('Rversion', Tversion({ msize, version: version9P2000L }));
    await client.expect('Rattach', Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid }));
    return client;
  }

  /** Sends and waits for the reply. */
  async send(message: Message, room = ampleRoom): Promise<Message> {
    const reply = await this.post(message, { writable: [new Uint8Array(room)] }).reply;
    if (reply === undefined) throw new Error(`${message.name} was flushed`);
    return reply;
  }

  /** Sends and gives the body of the expected reply. */
  async expect<R extends ReplyName>(name: R, message: Message): Promise<Body<R>> {
    const reply = await this.send(message);
    if (reply.name !== name) throw new Error(`${message.name} got ${reply.name} ${JSON.stringify(reply.body)}`);
    return reply.body as Body<R>;
  }

  /** Sends what has to be answered without a promise. */
  call(message: Message): Message {
    const exchange = { readable: [encode(message, 7)], writable: [new Uint8Array(ampleRoom)] };
    const length = this.server.answer(exchange);
    if (typeof length !== 'number') throw new Error(`${message.name} was answered by a promise`);
    return this.#reply(message.name, 7, exchange, length);
  }

  /** Sends without waiting. */
  post(
    message: Message,
    options: { tag?: number; readable?: readonly Bytes[]; writable?: readonly Bytes[] } = {},
  ): Sent {
    const tag = options.tag ?? this.#nextTag++ % 0xffff;
    const exchange = {
      readable: options.readable ?? [encode(message, tag)],
      writable: options.writable ?? [new Uint8Array(ampleRoom)],
    };
    const answer = this.server.answer(exchange);
    const finish = (length: number): Message | undefined => {
      sent.isDone = true;
      return length === 0 ? undefined : this.#reply(message.name, tag, exchange, length);
    };
    const reply = typeof answer === 'number' ? Promise.resolve(answer) : answer;
    const sent: Sent = { tag, exchange, isDone: typeof answer === 'number', reply: reply.then(finish) };
    return sent;
  }

  #reply(asked: MessageName, tag: number, { writable }: Exchange, length: number): Message {
    if (length > totalLength(writable)) throw new Error(`a reply of ${length} bytes in a smaller buffer`);
    const encoded = new Uint8Array(length);
    gather(writable, 0, length, encoded, 0);
    const { tag: replyTag, ...reply } = decode(encoded);
    if (replyTag !== tag) throw new Error(`a reply to tag ${replyTag} instead of ${tag}`);
    if (reply.name !== 'Rlerror' && reply.name !== replyTo(asked)) throw new Error(`${asked} got ${reply.name}`);
    return reply;
  }
}

function replyTo(name: MessageName): string {
  return `R${(name as RequestName).slice(1)}`;
}
