// When handlers run: at once where they can, else when their turn comes and what they wait for is there.
import { isCoroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import { claimsOf } from './order.ts';
import type { Postponed, Request, Session } from './request.ts';
import type { AnyBody } from './wire.ts';

/** The most requests that may wait at once; virtqueues hold fewer. Flushed ones count until their operation ends. */
export const maximumOutstanding = 1024;

type Reply = (request: Request, answer: AnyBody | Errno) => number;
type Refuse = (request: Request, error: unknown) => number;

export class Schedule {
  readonly #reply: Reply;
  readonly #refuse: Refuse;
  /** Requests of all sessions that wait for an operation or for their turn. */
  #waiting = 0;
  readonly #startable: Request[] = [];
  #isStarting = false;

  /** `reply` and `refuse` write an answer and return its length; `refuse` throws what is no Errno. */
  constructor(reply: Reply, refuse: Refuse) {
    this.#reply = reply;
    this.#refuse = refuse;
  }

  /** Requests that are not answered, flushed ones that still run included. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs the request's handler, at once if nobody who came before is in the way. Returns the length of the reply. */
  serve(request: Request): number | Promise<number> {
    const { session } = request;
    // As long as nothing waits there is no order to keep.
    if (this.#waiting > 0) {
      if (session.outstanding.has(request.tag)) throw new Errno('EINVAL', `tag ${request.tag} is in use`);
      if (this.#waiting >= maximumOutstanding) throw new Errno('EAGAIN', `more than ${maximumOutstanding} requests`);
      this.#enter(request);
      if (!session.order.mayRun(request)) return this.#outstand(request);
    }
    const length = this.#start(request);
    if (length === undefined) return this.#outstand(request);
    if (request.entered) this.#leave(request);
    return length;
  }

  /** Gives up an outstanding request: its promise becomes 0 and its buffers are free. What runs of it runs on without. */
  cancel(request: Request): void {
    this.#giveUp(request);
    this.#withdrawIdle(request);
  }

  /** Gives up all requests of a session, which is over, and drops its fids. Returns the requests. */
  close(session: Session): readonly Request[] {
    session.closed = true;
    const requests = [...session.outstanding.values()];
    for (const request of requests) this.#giveUp(request);
    for (const request of requests) this.#withdrawIdle(request);
    session.locks.end();
    // What an operation still uses goes when that ends.
    session.fids.dropAllBut((fid) => session.order.isClaimed(fid));
    return requests;
  }

  #enter(request: Request): void {
    const { route, body, session } = request;
    request.entered = true;
    if (route !== undefined && body !== undefined) request.claims = claimsOf(route.name, body);
    session.order.enter(request);
  }

  #outstand(request: Request): Promise<number> {
    if (!request.entered) this.#enter(request);
    this.#waiting++;
    request.session.outstanding.set(request.tag, request);
    return new Promise((resolve, reject) => {
      request.resolve = resolve;
      request.reject = reject;
    });
  }

  /** Begins to run the handler; returns the length of the reply, or undefined where it has to wait. */
  #start(request: Request): number | undefined {
    request.started = true;
    const { route, body } = request;
    if (route?.handler === undefined || body === undefined) throw new Error('a request without a handler');
    try {
      const answer = route.handler(request, body);
      if (typeof answer === 'function') return this.#postpone(request, answer);
      if (!isCoroutine(answer)) return this.#reply(request, answer);
      request.coroutine = answer;
    } catch (error) {
      return this.#refuse(request, error);
    }
    return this.#advance(request, undefined, false);
  }

  /** Leaves the order, and waits for others to decide on the answer. */
  #postpone(request: Request, postponed: Postponed<AnyBody>): undefined {
    request.abandon = postponed((answer) => this.#settle(request, () => this.#reply(request, answer)));
    if (request.entered) this.#leave(request);
    request.entered = true;
    request.claims = [];
  }

  /** Runs the handler on, with what it has waited for. */
  #advance(request: Request, value: unknown, isFailure: boolean): number | undefined {
    try {
      const { coroutine } = request;
      if (coroutine === undefined) throw new Error('a request that was not started');
      const step = isFailure ? coroutine.throw(value) : coroutine.next(value);
      if (step.done === true) return this.#reply(request, step.value);
      void step.value.then(
        (result) => this.#settle(request, () => this.#advance(request, result, false)),
        (error: unknown) => this.#settle(request, () => this.#advance(request, error, true)),
      );
      return undefined;
    } catch (error) {
      return this.#refuse(request, error);
    }
  }

  /** Goes on with a request whose promise is out. */
  #settle(request: Request, go: () => number | undefined): void {
    let length: number | undefined;
    try {
      length = go();
    } catch (error) {
      this.#end(request);
      // Our bug must reach somebody: whoever waits, or else the host, as an unhandled rejection.
      if (request.flushed) throw error;
      request.reject?.(error);
      return;
    }
    if (length === undefined) return;
    if (!request.flushed) request.resolve?.(length);
    this.#end(request);
  }

  #giveUp(request: Request): void {
    request.flushed = true;
    request.session.outstanding.delete(request.tag);
    request.abandon?.();
    request.resolve?.(0);
  }

  #end(request: Request): void {
    const { outstanding } = request.session;
    // The tag of a flushed request may be another's by now.
    if (outstanding.get(request.tag) === request) outstanding.delete(request.tag);
    this.#withdraw(request);
  }

  /** Withdraws a request that was given up, unless something of it runs. */
  #withdrawIdle(request: Request): void {
    if (!request.started || request.abandon !== undefined) this.#withdraw(request);
  }

  #withdraw(request: Request): void {
    this.#waiting--;
    this.#leave(request);
  }

  /** Takes the request out of the order, and starts those that it was in the way of. */
  #leave(request: Request): void {
    const { session, claims } = request;
    this.#startable.push(...session.order.leave(request));
    if (session.closed) for (const { fid } of claims) if (!session.order.isClaimed(fid)) session.fids.drop(fid);
    // A loop, not a recursion: a request that ends at once lets the next one start.
    if (this.#isStarting) return;
    this.#isStarting = true;
    for (let next = this.#startable.shift(); next !== undefined; next = this.#startable.shift()) {
      const starting = next;
      // Another that left may have let it start already, or put it into the list twice.
      if (!starting.flushed && !starting.started) this.#settle(starting, () => this.#start(starting));
    }
    this.#isStarting = false;
  }
}
