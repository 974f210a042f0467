// Requests to a 9P server whose session or share is large.
import type { Backend } from '../../devices/9p/backend.ts';
import { messages, type MessageName } from '../../devices/9p/messages.ts';
import { Server } from '../../devices/9p/server.ts';
import type { Bytes } from '../../devices/ports.ts';
import { decode, encode, make, type Message } from '../devices/9p/client.ts';
import { parseEntries } from '../devices/9p/tree.ts';
import { measureRate, type Rate } from './rate.ts';

const { Tversion, Tattach, Twalk, Tgetattr, Tlcreate, Tlopen, Treaddir, Tclunk, Tunlinkat } = make;

/** Fids of the session: the root, one that comes and goes, a folder, and from then on what is counted. */
const [root, passing, folder, counted] = [0, 1, 2, 3];
/**
 * So many messages are prepared for one measurement, however few things there are to ask for: they are the client's, and a
 * request must not seem to cost more because more of them do not fit into the processor's caches.
 */
const preparedMessages = 16_384;
/** Bytes of entries that are asked for at once. */
const listed = 8192;
/** A prime. As a stride through any count that is no multiple of it, it meets each once, in no order. */
const stride = 7919;

export class GrowthLoad {
  readonly #server: Server;
  readonly #folders: number;
  readonly #perFolder: number;
  readonly #writable = new Uint8Array(16_384);
  #fids = 0;

  private constructor(backend: Backend, folders: number, perFolder: number) {
    this.#server = new Server({ backend });
    this.#folders = folders;
    this.#perFolder = perFolder;
  }

  /** Attaches to a share with folders that have numbers for names, and in each files that have. */
  static async of(backend: Backend, folders: number, perFolder: number): Promise<GrowthLoad> {
    const load = new GrowthLoad(backend, folders, perFolder);
    await load.#send(Tversion({ msize: 16_384, version: '9P2000.L' }));
    await load.#send(Tattach({ fid: root, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
    await load.#send(Twalk({ fid: root, newfid: folder, names: ['0'] }));
    return load;
  }

  /** Adds fids, each of a file of its own, until there are `count`, and measures what is done with one of them. */
  async measureFids(count: number): Promise<Rate[]> {
    for (; this.#fids < count; this.#fids++) {
      await this.#send(Twalk({ fid: root, newfid: counted + this.#fids, names: this.#path(this.#fids) }));
    }
    const chosen = scattered(count).map((index) => counted + index);
    const attributes = chosen.map((fid) => encode(Tgetattr({ fid, requestMask: 0x7ffn }), 1));
    const copies = chosen.map((fid) => encode(Twalk({ fid, newfid: passing, names: [] }), 1));
    const clunk = encode(Tclunk({ fid: passing }), 1);
    return [
      measureRate(
        'Tgetattr',
        inTurn(attributes, (message) => this.#ask(message, 'Rgetattr')),
      ),
      measureRate(
        'Twalk of no name, Tclunk',
        inTurn(copies, (message) => {
          this.#ask(message, 'Rwalk');
          this.#ask(clunk, 'Rclunk');
        }),
      ),
    ];
  }

  measureWalk(): Rate {
    const walks = scattered(this.#folders * this.#perFolder).map((index) =>
      encode(Twalk({ fid: root, newfid: passing, names: this.#path(index) }), 1),
    );
    const clunk = encode(Tclunk({ fid: passing }), 1);
    return measureRate(
      'Twalk of two names, Tclunk',
      inTurn(walks, (message) => {
        this.#ask(message, 'Rwalk');
        this.#ask(clunk, 'Rclunk');
      }),
    );
  }

  /** In the first folder. */
  measureCreation(): Rate {
    const copy = encode(Twalk({ fid: folder, newfid: passing, names: [] }), 1);
    const create = encode(Tlcreate({ fid: passing, name: 'new', flags: 1, mode: 0o644, gid: 0 }), 1);
    const clunk = encode(Tclunk({ fid: passing }), 1);
    const remove = encode(Tunlinkat({ dirfid: folder, name: 'new', flags: 0 }), 1);
    return measureRate('Twalk, Tlcreate, Tclunk, Tunlinkat', () => {
      this.#ask(copy, 'Rwalk');
      this.#ask(create, 'Rlcreate');
      this.#ask(clunk, 'Rclunk');
      this.#ask(remove, 'Runlinkat');
    });
  }

  /** Of the first folder. */
  async measureListing(): Promise<Rate> {
    await this.#send(Twalk({ fid: folder, newfid: passing, names: [] }));
    await this.#send(Tlopen({ fid: passing, flags: 0 }));
    const request = (offset: bigint): Bytes => encode(Treaddir({ fid: passing, offset, count: listed }), 1);
    const places: bigint[] = [];
    for (let offset: bigint | undefined = 0n; offset !== undefined;) {
      const reply = await this.#send(Treaddir({ fid: passing, offset, count: listed }));
      const last = parseEntries(reply.data!).at(-1)?.offset;
      if (last !== undefined) places.push(offset);
      offset = last;
    }
    // The last one gives fewer.
    places.pop();
    const rate = measureRate(
      `Treaddir of ${listed / 1024} KiB, anywhere`,
      inTurn(
        scattered(places.length).map((index) => request(places[index]!)),
        (message) => this.#ask(message, 'Rreaddir'),
      ),
    );
    await this.#send(Tclunk({ fid: passing }));
    return rate;
  }

  #path(index: number): [folder: string, name: string] {
    return pathOf(index, this.#perFolder);
  }

  async #send(message: Message): Promise<Message> {
    const length = await this.#server.answer({ readable: [encode(message, 1)], writable: [this.#writable] });
    const reply = decode(this.#writable.slice(0, length));
    if (reply.name === 'Rlerror') throw new Error(`${message.name} got ${JSON.stringify(reply.body)}`);
    return reply;
  }

  /** The answer must be there at once. */
  #ask(message: Bytes, reply: MessageName): void {
    const length = this.#server.answer({ readable: [message], writable: [this.#writable] });
    if (typeof length !== 'number') throw new Error(`${reply} is late`);
    // The type follows the size.
    if (this.#writable[4] !== messages[reply].type) throw new Error(`no ${reply}, but type ${this.#writable[4]}`);
  }
}

/** Names from the root down of one of all the files. */
export function pathOf(index: number, perFolder: number): [folder: string, name: string] {
  return [String(Math.floor(index / perFolder)), String(index % perFolder)];
}

export function inTurn<T>(things: readonly T[], use: (thing: T) => void): () => void {
  let next = 0;
  return () => {
    use(things[next]!);
    next = next + 1 === things.length ? 0 : next + 1;
  };
}

/** Numbers below `count`, as many as messages are prepared, from all over it and in no order. */
export function scattered(count: number): number[] {
  return Array.from({ length: preparedMessages }, (_, index) => (index * stride) % count);
}
