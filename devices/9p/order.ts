// Who may run beside whom. Requests on one fid run in the order of arrival where one of them changes the fid; all others
// run side by side. Without it Tlcreate beside Twalk on one fid sees a half-changed fid, a known way out of a share.
import type { AnyBody } from './wire.ts';
import type { Body, RequestName } from './messages.ts';

/** A request's use of one fid. */
export interface Claim {
  readonly fid: number;
  readonly exclusive: boolean;
}

interface Uses<Field> {
  /** Members of the body that are fids whose file or number the request changes. */
  readonly exclusive?: readonly Field[];
  readonly shared?: readonly Field[];
}

/** The fids of every message. A new fid is changed by the message that makes it. */
const uses: { readonly [T in RequestName]: Uses<keyof Body<T>> } = {
  Tversion: {},
  Tflush: {},
  Tauth: { exclusive: ['afid'] },
  Tattach: { exclusive: ['fid'] },
  Twalk: { exclusive: ['newfid'], shared: ['fid'] },
  Tlopen: { exclusive: ['fid'] },
  Tlcreate: { exclusive: ['fid'] },
  Tclunk: { exclusive: ['fid'] },
  Tremove: { exclusive: ['fid'] },
  Trename: { exclusive: ['fid'], shared: ['dfid'] },
  Txattrcreate: { exclusive: ['fid'] },
  Txattrwalk: { exclusive: ['newfid'], shared: ['fid'] },
  Tstatfs: { shared: ['fid'] },
  Tsymlink: { shared: ['dfid'] },
  Tmknod: { shared: ['dfid'] },
  Treadlink: { shared: ['fid'] },
  Tgetattr: { shared: ['fid'] },
  Tsetattr: { shared: ['fid'] },
  Treaddir: { shared: ['fid'] },
  Tfsync: { shared: ['fid'] },
  Tlock: { shared: ['fid'] },
  Tgetlock: { shared: ['fid'] },
  Tlink: { shared: ['dfid', 'fid'] },
  Tmkdir: { shared: ['dfid'] },
  Trenameat: { shared: ['olddirfid', 'newdirfid'] },
  Tunlinkat: { shared: ['dirfid'] },
  Tread: { shared: ['fid'] },
  Twrite: { shared: ['fid'] },
};

/** The claims of a message: each fid once, exclusive if any of its uses is. */
export function claimsOf(name: RequestName, body: AnyBody): readonly Claim[] {
  const { exclusive = [], shared = [] }: Uses<string> = uses[name];
  const claims = new Map<number, Claim>();
  for (const field of shared) claims.set(body[field] as number, { fid: body[field] as number, exclusive: false });
  for (const field of exclusive) claims.set(body[field] as number, { fid: body[field] as number, exclusive: true });
  return [...claims.values()];
}

/** A request as the order sees it. */
export interface Ticket {
  readonly claims: readonly Claim[];
  readonly started: boolean;
}

/**
 * A queue per fid that is in use. A request enters all its queues in one go, on arrival, so that no two requests can wait
 * for each other. Empty, and free of cost, as long as every request runs to its end at once.
 */
export class Order<T extends Ticket> {
  readonly #queues = new Map<number, { readonly ticket: T; readonly exclusive: boolean }[]>();

  /** Whether nobody is in the order: whoever comes may run without entering. */
  get idle(): boolean {
    return this.#queues.size === 0;
  }

  /** Whether a request that has not left claims the fid. */
  isClaimed(fid: number): boolean {
    return this.#queues.has(fid);
  }

  enter(ticket: T): void {
    for (const { fid, exclusive } of ticket.claims) {
      const queue = this.#queues.get(fid);
      if (queue === undefined) this.#queues.set(fid, [{ ticket, exclusive }]);
      else queue.push({ ticket, exclusive });
    }
  }

  /** Whether nobody who came before has to be waited for. */
  mayRun(ticket: T): boolean {
    return ticket.claims.every(({ fid, exclusive }) => {
      const queue = this.#queues.get(fid) ?? [];
      if (exclusive) return queue[0]?.ticket === ticket;
      for (const before of queue) {
        if (before.ticket === ticket) return true;
        if (before.exclusive) return false;
      }
      return false;
    });
  }

  /** Takes the request out, and returns those that may start now, in their order. */
  leave(ticket: T): readonly T[] {
    const startable = new Set<T>();
    for (const { fid } of ticket.claims) {
      const queue = this.#queues.get(fid)?.filter((entry) => entry.ticket !== ticket) ?? [];
      if (queue.length === 0) this.#queues.delete(fid);
      else this.#queues.set(fid, queue);
      for (const [place, entry] of queue.entries()) {
        if (!entry.exclusive || place === 0) startable.add(entry.ticket);
        if (entry.exclusive) break;
      }
    }
    return [...startable].filter((candidate) => !candidate.started && this.mayRun(candidate));
  }
}
