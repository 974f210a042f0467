// A 9P2000.L client: requests as calls, over whatever carries a message to a server and its reply back. Written once for
// carriers that answer at once and for those that take their time (coroutine.ts).
import type { Bytes } from '../ports.ts';
import type { Awaitable } from './backend.ts';
import { decodeMessage, encodeMessage } from './client-message.ts';
import { run, wait } from './coroutine.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno, errnos } from './errno.ts';
import type { ErrnoName } from './errno.ts';
import { noFid, payloadHeaderLength, version9P2000L } from './messages.ts';
import type { Body, ReplyName, RequestName } from './messages.ts';

export interface Transport {
  /**
   * Carries one message to the server and returns its reply, which has at most `room` bytes and may be in memory that the
   * next reply overwrites where it is returned at once. Throws, or rejects with, whatever tells that there is no server.
   */
  request(message: Uint8Array<ArrayBuffer>, room: number): Awaitable<Bytes>;
}

/** The reply to a message; `data` are the bytes of a read. */
export type Reply<T extends RequestName> = Body<ReplyName<T>> & { readonly data: Bytes };

/** More than any reply without a payload takes: the longest is a symbolic link's, of 4,095 bytes. */
const ampleRoom = 8192;
/** Bytes that a request's reply takes at most; `asked` is the count of a request that reads. */
export function replyRoom(name: RequestName | undefined, asked: number): number {
  return name === 'Tread' || name === 'Treaddir' ? Math.max(ampleRoom, payloadHeaderLength + asked) : ampleRoom;
}

/** Requests under way at once. A server holds 1,024, and the next would be refused. */
const maximumOutstanding = 256;
const nothing = new Uint8Array(0);

const errnoNames: ReadonlyMap<number, ErrnoName> = new Map(
  Object.entries(errnos).map(([name, number]) => [number, name as ErrnoName]),
);

/** The error of an Rlerror. */
export function errnoOf(number: number): Errno {
  const name = errnoNames.get(number);
  return name === undefined ? new Errno('EIO', `error ${number} of the server`) : new Errno(name);
}

export class Client {
  readonly #transport: Transport;
  readonly #freeTags: number[] = Array.from({ length: maximumOutstanding }, (_, tag) => tag);
  /** Requests that wait for a tag. */
  readonly #waiting: (() => void)[] = [];
  readonly #freeFids: number[] = [];
  #nextFid = 1;
  #messageSize = ampleRoom;
  /** The fid of the share's root folder. */
  readonly root = 0;

  private constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Begins a session as the user `uid`; messages have at most `messageSize` bytes, or what the server allows. */
  static *connect(transport: Transport, messageSize: number, uid = 0): Coroutine<Client> {
    const client = new Client(transport);
    const version = new TextEncoder().encode(version9P2000L);
    const agreed = yield* client.call('Tversion', { msize: messageSize, version });
    client.#messageSize = agreed.msize;
    yield* client.call('Tattach', { fid: client.root, afid: noFid, uname: nothing, aname: nothing, uid });
    return client;
  }

  /** Bytes that a message may have. */
  get messageSize(): number {
    return this.#messageSize;
  }

  /** Sends a message and waits for its reply. Throws the Errno of an Rlerror. */
  *call<T extends RequestName>(name: T, body: Body<T>, payload?: Bytes): Coroutine<Reply<T>> {
    const tag = yield* this.#takeTag();
    let reply: Bytes;
    try {
      const asked = 'count' in body ? (body.count as number) : 0;
      const message = encodeMessage(name, tag, body, payload);
      reply = yield* wait(this.#transport.request(message, replyRoom(name, asked)));
    } finally {
      this.#freeTags.push(tag);
      this.#waiting.shift()?.();
    }
    const decoded = decodeMessage(reply);
    if (decoded.name === 'Rlerror') throw errnoOf(decoded.body['ecode'] as number);
    if (decoded.name !== `R${name.slice(1)}`) throw new Error(`${name} was answered by ${decoded.name}`);
    return { ...(decoded.body as Body<ReplyName<T>>), data: decoded.payload ?? nothing };
  }

  /** A number for a fid. */
  takeFid(): number {
    return this.#freeFids.pop() ?? this.#nextFid++;
  }

  /** Takes back a number that no fid came of. */
  returnFid(fid: number): void {
    this.#freeFids.push(fid);
  }

  /** A new fid of what a folder has by that name; of the folder itself without one. */
  *child(folder: number, name?: Bytes): Coroutine<number> {
    const fid = this.takeFid();
    try {
      yield* this.call('Twalk', { fid: folder, newfid: fid, names: name === undefined ? [] : [name] });
      return fid;
    } catch (error) {
      this.returnFid(fid);
      throw error;
    }
  }

  /** Closes a fid, and tells of what came of that: data that could not be stored. */
  *clunk(fid: number): Coroutine<void> {
    try {
      yield* this.call('Tclunk', { fid });
    } finally {
      // clunk(5): the fid is gone even if the reply is an error.
      this.returnFid(fid);
    }
  }

  /** Closes a fid of which nothing has to be told, without waiting: what is sent later is answered later. */
  drop(fid: number): void {
    const ignore = (error: unknown): void => {
      if (!(error instanceof Errno)) throw error;
    };
    try {
      const dropped = run(this.clunk(fid));
      // Where there is no server any more, the requests that somebody waits for tell it.
      if (dropped instanceof Promise) dropped.catch(() => undefined);
    } catch (error) {
      ignore(error);
    }
  }

  *#takeTag(): Coroutine<number> {
    for (;;) {
      const tag = this.#freeTags.pop();
      if (tag !== undefined) return tag;
      yield new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
