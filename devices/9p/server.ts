// A 9P2000.L server: takes a message in guest memory, answers it there. Specification: diod's protocol.md, and the Plan 9
// manual, section 5, for what 9P2000.L has kept. It knows no transport: virtio, or whatever else has buffers, is outside.
import { GuestFault } from '../guest-fault.ts';
import type { Backend } from './backend.ts';
import { Errno } from './errno.ts';
import type { ErrnoName } from './errno.ts';
import { FidTable } from './fids.ts';
import { decoders, encoders } from './frequent-bodies.ts';
import { answeredReadOnly, handlers } from './handlers/index.ts';
import { SessionLocks } from './locks.ts';
import {
  formatByType,
  formats,
  headerLength,
  payloadHeaderLength,
  version9P2000L,
  writeHeaderLength,
} from './messages.ts';
import type { Body, Format, MessageName, RequestName } from './messages.ts';
import { Order } from './order.ts';
import { attributesReply, writeAttributes } from './qid.ts';
import { Request } from './request.ts';
import type { AnyHandler, Exchange, Route, Session, Share } from './request.ts';
import { Schedule } from './schedule.ts';
import { gather, scatter, totalLength } from './scatter.ts';
import { sessionParts } from './session-parts.ts';
import type { PresentSession } from './session-parts.ts';
import type { P9Event, Statistics } from './trace.ts';
import { Reader, Writer } from './wire.ts';
import type { AnyBody } from './wire.ts';

/** The most that Linux's virtio transport can use: 125 pages of 4 KiB. */
export const defaultMaximumMessageSize = 512_000;
/** The least message size that Linux works with. */
export const minimumMessageSize = 4096;
export interface ServerOptions {
  readonly backend: Backend;
  /** Bytes. Default 512,000. */
  readonly maximumMessageSize?: number;
  /** Answers EROFS to whatever would change the share. */
  readonly readOnly?: boolean;
  /**
   * The client stores what it has written later, whole pages of it (Linux: cache=mmap and what caches more): files that it opens
   * to append are written where it says.
   */
  readonly writeBack?: boolean;
  /** Gets an event for every message once it is answered. Without it none is made. */
  readonly onEvent?: (event: P9Event) => void;
  /** Milliseconds, for the latency of events. */
  readonly now?: () => number;
}

function decoderOf({ name, fields, hasPayload }: Format): Route['decode'] {
  const read = (decoders as Partial<Record<MessageName, (reader: Reader) => AnyBody>>)[name];
  if (read === undefined) return (reader, payloadLength) => reader.body(fields, payloadLength);
  return (reader, payloadLength) => {
    const body = read(reader);
    reader.finish(hasPayload ? (body['count'] as number) : 0, payloadLength);
    return body;
  };
}

function encoderOf({ name, fields }: Format): Route['encode'] {
  const write = (encoders as Partial<Record<MessageName, Route['encode']>>)[name];
  return write ?? ((writer, body) => writer.body(fields, body));
}

function routeOf(format: Format | undefined): Route | undefined {
  if (format === undefined || !format.name.startsWith('T')) return undefined;
  const name = format.name as RequestName;
  const reply = formatByType[format.type + 1];
  if (reply === undefined) throw new Error(`${name} has no reply`);
  // Each handler takes the body that its own format decodes.
  const handler = (handlers as Partial<Record<RequestName, unknown>>)[name] as AnyHandler | undefined;
  const { hasPayload } = format;
  const decode = decoderOf(format);
  return {
    name,
    reply,
    hasPayload,
    decode,
    encode: name === 'Tgetattr' ? (writeAttributes as unknown as Route['encode']) : encoderOf(reply),
    bodyOf: name === 'Tgetattr' ? (attributesReply as unknown as Route['bodyOf']) : (answer) => answer,
    handler,
    answeredReadOnly: answeredReadOnly.has(name),
  };
}

const routes = formatByType.map(routeOf);

export class Server {
  /** Gets an event for every message that arrives from now on, once it is answered. Without it none is made. */
  onEvent: ((event: P9Event) => void) | undefined;
  readonly statistics: Statistics = { requests: 0, bytesIn: 0, bytesOut: 0, errors: 0, flushed: 0 };
  readonly #share: Share;
  readonly #maximumMessageSize: number;
  readonly #now: () => number;
  readonly #reader = new Reader(new Uint8Array(4096));
  readonly #writer = new Writer();
  readonly #schedule = new Schedule(
    (request, answer) => this.#reply(request, answer),
    (request, error) => this.#refuse(request, error),
  );
  #session: Session;

  constructor({ backend, maximumMessageSize, readOnly, writeBack, onEvent, now }: ServerOptions) {
    this.#share = { backend, readOnly: readOnly ?? false, writeBack: writeBack ?? false };
    this.#maximumMessageSize = maximumMessageSize ?? defaultMaximumMessageSize;
    this.onEvent = onEvent;
    this.#now = now ?? (() => 0);
    this.#session = this.#newSession();
  }

  /** Fids of the session. */
  get fidCount(): number {
    return this.#session.fids.size;
  }

  /** Requests that are not answered yet, flushed ones that still run included. */
  get waiting(): number {
    return this.#schedule.waiting;
  }

  /** Of those, how many wait for locks: they can as well be asked anew. */
  get repeatable(): number {
    return this.#session.locks.waiting;
  }

  /** For session-state.ts. */
  get present(): PresentSession {
    return { share: this.#share, session: this.#session, parts: sessionParts };
  }

  /**
   * Answers a message. Returns how many bytes of the reply are in `writable`, from its start on; 0 when there is no reply
   * because the request was flushed. The result is there at once where the backend needs no time. Once it is there the
   * buffers are not touched any more. Throws GuestFault for what is no message, or has no room for a reply.
   */
  answer(exchange: Exchange): number | Promise<number> {
    const request = this.#receive(exchange);
    const { route } = request;
    try {
      if (route === undefined) throw new Errno('EOPNOTSUPP', `no message has the type ${request.type}`);
      request.body = this.#decode(request, route);
      if (route.handler !== undefined) return this.#serve(request, route);
    } catch (error) {
      return this.#refuse(request, error);
    }
    // Behind every reply that is on its way through a promise: after Rflush nobody touches the old request's buffers.
    return Promise.resolve(this.#control(request, route.name, request.body));
  }

  /**
   * Ends the session: fids are gone, and requests that are under way are answered to nobody (their promises become 0). For
   * a reset of the device, after which the old buffers belong to the guest again.
   */
  reset(): void {
    const session = this.#session;
    this.#session = this.#newSession();
    for (const request of this.#schedule.close(session)) this.#noteFlushed(request);
  }

  #newSession(): Session {
    return {
      fids: new FidTable(this.#share.backend),
      order: new Order(),
      locks: new SessionLocks(this.#share.backend),
      outstanding: new Map(),
      messageSize: undefined,
      closed: false,
    };
  }

  /** Checks the frame, and copies the header. */
  #receive(exchange: Exchange): Request {
    const { readable, writable } = exchange;
    const size = totalLength(readable);
    const room = totalLength(writable);
    if (size < headerLength) throw new GuestFault('9P message shorter than its header', { length: size });
    if (room < payloadHeaderLength) throw new GuestFault('no room for a 9P reply', { length: room });
    const reader = this.#reader;
    const head = Math.min(size, writeHeaderLength);
    gather(readable, 0, head, reader.reserve(head), 0);
    reader.seek(0, head);
    const declared = reader.u32();
    const type = reader.u8();
    const tag = reader.u16();
    if (declared !== size) throw new GuestFault('9P size field is not the length', { size: declared, length: size });

    this.statistics.requests++;
    this.statistics.bytesIn += size;
    const agreed = this.#session.messageSize ?? this.#maximumMessageSize;
    const limit = Math.min(room, agreed);
    const request = new Request(this.#share, this.#session, type, routes[type], tag, exchange, size, limit);
    if (this.onEvent !== undefined) request.arrival = this.#now();
    return request;
  }

  /** Copies the rest of the message, except a payload, and decodes it. */
  #decode({ size, readable, session }: Request, route: Route): AnyBody {
    const agreed = session.messageSize ?? this.#maximumMessageSize;
    if (size > agreed) throw new Errno('EMSGSIZE', `a message of ${size} bytes where ${agreed} are agreed`);
    const copied = Math.min(size, writeHeaderLength);
    const length = route.hasPayload ? copied : size;
    if (length > copied) gather(readable, copied, length - copied, this.#reader.reserve(length), copied);
    this.#reader.seek(headerLength, length);
    return route.decode(this.#reader, size - length);
  }

  /** Answers what acts on other requests. */
  #control(request: Request, name: RequestName, body: AnyBody): number {
    try {
      if (name === 'Tversion') return this.#reply(request, this.#version(request, body as Body<'Tversion'>));
      const old = request.session.outstanding.get((body as Body<'Tflush'>).oldtag);
      if (old !== undefined) {
        this.#schedule.cancel(old);
        this.#noteFlushed(old);
      }
      return this.#reply(request, {});
    } catch (error) {
      return this.#refuse(request, error);
    }
  }

  #version(request: Request, { msize, version }: Body<'Tversion'>): Body<'Rversion'> {
    // version(5): whatever comes of it, the old session is over.
    this.reset();
    if (msize < minimumMessageSize) throw new Errno('EMSGSIZE', `an msize of ${msize}`);
    const agreed = Math.min(msize, this.#maximumMessageSize);
    // Names are bytes, and a version is ASCII.
    if (String.fromCharCode(...version.subarray(0, 64)) !== version9P2000L) {
      return { msize: agreed, version: new TextEncoder().encode('unknown') };
    }
    // What can not be told to the client is not agreed.
    if (request.room < formats.Rversion.minimumLength + version.length) throw new Errno('EMSGSIZE');
    this.#session.messageSize = agreed;
    return { msize: agreed, version };
  }

  /** Lets the handler run if the message may be answered at all. */
  #serve(request: Request, route: Route): number | Promise<number> {
    if (request.session.messageSize === undefined) throw new Errno('EPROTO', 'no Tversion came before');
    if (this.#share.readOnly && !route.answeredReadOnly) throw new Errno('EROFS');
    if (request.room < route.reply.minimumLength) throw new Errno('EMSGSIZE', `room of ${request.room} bytes`);
    return this.#schedule.serve(request);
  }

  #noteFlushed(request: Request): void {
    this.statistics.flushed++;
    this.#report(request, undefined, 'flushed', 0);
  }

  /** Writes the reply into the client's buffers; returns its length, 0 where nobody waits for it. */
  #reply(request: Request, answer: AnyBody | Errno): number {
    if (request.flushed || request.route === undefined) return 0;
    if (answer instanceof Errno) return this.#refuse(request, answer);
    const { reply, encode } = request.route;
    const writer = this.#writer;
    writer.begin(reply.type, request.tag);
    encode(writer, answer);
    const size = writer.end(reply.hasPayload ? (answer['count'] as number) : 0);
    if (size > request.room) throw new Errno('EMSGSIZE', `a reply of ${size} bytes where ${request.room} have room`);
    scatter(writer.written(), writer.length, request.writable, 0);
    this.statistics.bytesOut += size;
    this.#report(request, answer, undefined, size);
    return size;
  }

  /** Writes Rlerror for what the guest is to be told; anything else is thrown on. */
  #refuse(request: Request, error: unknown): number {
    if (!(error instanceof Errno)) throw error;
    if (request.flushed) return 0;
    const writer = this.#writer;
    writer.begin(formats.Rlerror.type, request.tag);
    writer.u32(error.number);
    const size = writer.end(0);
    scatter(writer.written(), size, request.writable, 0);
    this.statistics.errors++;
    this.statistics.bytesOut += size;
    this.#report(request, undefined, error.code, size);
    return size;
  }

  #report(
    request: Request,
    answer: AnyBody | undefined,
    error: ErrnoName | 'flushed' | undefined,
    replySize: number,
  ): void {
    // One that arrived before somebody listened has no time of arrival.
    if (this.onEvent === undefined || request.arrival === undefined) return;
    const { tag, head, type, route, body, size, arrival } = request;
    this.onEvent({
      tag,
      head,
      type: route?.name ?? `type ${type}`,
      request: body,
      reply: answer && route?.bodyOf(answer),
      error,
      size,
      replySize,
      latency: this.#now() - arrival,
    });
  }
}
