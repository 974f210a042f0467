// One request on its way through the server.
import type { Bytes } from '../ports.ts';
import type { Attributes, Backend } from './backend.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import type { FidTable } from './fids.ts';
import type { SessionLocks } from './locks.ts';
import { payloadHeaderLength, writeHeaderLength } from './messages.ts';
import type { Body, Format, ReplyName, RequestName } from './messages.ts';
import type { Claim, Order } from './order.ts';
import { slice } from './scatter.ts';
import type { AnyBody, Reader, Writer } from './wire.ts';

/**
 * An answer that other requests decide on: it may never come. Is called with what takes the answer later, once; returns what
 * is to be called if nobody waits for it any more. Such a request holds up no other, not even on its own fids.
 */
export type Postponed<R> = (answer: (reply: R | Errno) => void) => () => void;

/** What a handler answers with: the body of the reply, but for what is written without one (qid.ts). */
export type Answer<T extends RequestName> = T extends 'Tgetattr' ? Attributes : Body<ReplyName<T>>;

/**
 * Answers one kind of message: returns the answer, at once or as a coroutine, or throws Errno. Errors that are daily
 * business may be returned, because an exception costs several microseconds.
 */
export type Handler<T extends RequestName> = (
  request: Request,
  body: Body<T>,
) => Coroutine<Answer<T> | Errno> | Postponed<Answer<T>> | Answer<T> | Errno;

/** A handler as the code sees it that does not care which message it answers. */
export type AnyHandler = (
  request: Request,
  body: AnyBody,
) => Coroutine<AnyBody | Errno> | Postponed<AnyBody> | AnyBody | Errno;

/** Where the type of a message leads. */
export interface Route {
  readonly name: RequestName;
  readonly reply: Format;
  /** Whether bytes follow the fields, which stay where they are. */
  readonly hasPayload: boolean;
  /** Reads the whole body, of which `payloadLength` bytes are outside the reader's memory. Throws EINVAL. */
  readonly decode: (reader: Reader, payloadLength: number) => AnyBody;
  /** Writes the body of the reply from the answer of the handler. */
  readonly encode: (writer: Writer, answer: AnyBody) => void;
  /** The body itself, for who looks at messages. */
  readonly bodyOf: (answer: AnyBody) => AnyBody;
  /** None for Tversion and Tflush, which act on other requests. */
  readonly handler: AnyHandler | undefined;
  readonly answeredReadOnly: boolean;
}

export type Handlers<T extends RequestName> = { readonly [M in T]: Handler<M> };

/** What a handler works on besides the session. */
export interface Share {
  readonly backend: Backend;
  readonly readOnly: boolean;
  readonly writeBack: boolean;
}

/** What Tversion begins and ends. */
export interface Session {
  readonly fids: FidTable;
  readonly order: Order<Request>;
  readonly locks: SessionLocks;
  /** The requests that are not answered yet, by tag. */
  readonly outstanding: Map<number, Request>;
  /** The agreed size of a message in bytes; undefined before a Tversion was accepted. */
  messageSize: number | undefined;
  /** A later session has begun: what still runs is answered to nobody, and its fids go when it ends. */
  closed: boolean;
}

/** One message of the client and the room for its reply, each in guest memory and cut into segments anywhere. */
export interface Exchange {
  readonly readable: readonly Bytes[];
  readonly writable: readonly Bytes[];
  /** Where both are in a virtqueue: index of the first descriptor. Undefined on a transport without. */
  readonly head?: number;
}

const nothingClaimed: readonly Claim[] = [];

/**
 * A request. There is one for every message, so its fields are only declared: V8 takes as long to define those of a class as to
 * read the message.
 */
export class Request {
  declare readonly share: Share;
  declare readonly session: Session;
  declare readonly tag: number;
  declare readonly readable: readonly Bytes[];
  declare readonly writable: readonly Bytes[];
  declare readonly head: number | undefined;
  /** Bytes of the request. */
  declare readonly size: number;
  /** The most bytes that the reply may have: those of its buffer and of the agreed message size. */
  declare readonly room: number;
  /** The type as it came, and where it leads: nowhere if there is no such message. */
  declare readonly type: number;
  declare readonly route: Route | undefined;
  /** Undefined until it is decoded. */
  declare body: AnyBody | undefined;
  /** The time of arrival, where events are wanted. */
  declare arrival: number | undefined;

  /** The client does not wait for it any more: its buffers are gone, and what it would do to fids must not happen. */
  declare flushed: boolean;
  /** Whether the handler has begun. */
  declare started: boolean;
  /** Whether it stands in the session's order, and what it claims there. */
  declare entered: boolean;
  declare claims: readonly Claim[];
  declare coroutine: Coroutine<AnyBody | Errno> | undefined;
  /** Tells, of a request whose answer is postponed, that nobody waits for it any more. */
  declare abandon: (() => void) | undefined;
  /** Settle the promise of the reply's length, where there is one. */
  declare resolve: ((length: number) => void) | undefined;
  declare reject: ((error: unknown) => void) | undefined;

  constructor(
    share: Share,
    session: Session,
    type: number,
    route: Route | undefined,
    tag: number,
    exchange: Exchange,
    size: number,
    room: number,
  ) {
    this.share = share;
    this.session = session;
    this.tag = tag;
    this.readable = exchange.readable;
    this.writable = exchange.writable;
    this.head = exchange.head;
    this.size = size;
    this.room = room;
    this.type = type;
    this.route = route;
    this.body = undefined;
    this.arrival = undefined;
    this.flushed = false;
    this.started = false;
    this.entered = false;
    this.claims = nothingClaimed;
    this.coroutine = undefined;
    this.abandon = undefined;
    this.resolve = undefined;
    this.reject = undefined;
  }

  /** The most bytes of payload that the reply may have. */
  get payloadRoom(): number {
    return this.room - payloadHeaderLength;
  }

  /** Where the first `length` bytes of the reply's payload go. */
  replyPayload(length: number): readonly Bytes[] {
    return slice(this.writable, payloadHeaderLength, length);
  }

  /** The `length` bytes of a Twrite's payload. */
  writePayload(length: number): readonly Bytes[] {
    return slice(this.readable, writeHeaderLength, length);
  }

  /** To be called before a fid is changed, after the last wait: a flushed request was never sent (flush(5)). */
  throwIfFlushed(): void {
    if (this.flushed) throw new Errno('EINTR');
  }
}
