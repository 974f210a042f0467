// Random locks of several processes, guests and processes of the host, against a model that knows each byte.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Client, make } from './client.ts';
import type { Sent } from './client.ts';
import {
  blocked,
  cellCount,
  clash,
  getlock,
  granted,
  guest,
  isAnswered,
  lock,
  makeData,
  Outsiders,
  read,
  unlock,
  wait,
  write,
} from './lock-bench.ts';
import { openFid } from './tree.ts';

const { Tclunk, Tflush } = make;
const cells = Array.from({ length: cellCount }, (_, cell) => cell);

/** Processes: two of each of two guests, each with a fid of its own. */
const processes = [
  { guest: 0, procId: 1, fid: 1 },
  { guest: 0, procId: 2, fid: 2 },
  { guest: 1, procId: 1, fid: 1 },
  { guest: 1, procId: 2, fid: 2 },
] as const;
type Place = 0 | 1 | 2 | 3;

interface Wish {
  readonly process: Place;
  readonly type: number;
  readonly from: number;
  /** The cell behind the last. */
  readonly to: number;
}

type Step =
  | (Wish & { readonly kind: 'lock' | 'wait' })
  | { readonly kind: 'flush'; readonly index: number }
  | { readonly kind: 'close'; readonly process: Place }
  | { readonly kind: 'reset'; readonly guest: 0 | 1 }
  | { readonly kind: 'outside'; readonly type: number; readonly from: number; readonly to: number };

class Model {
  /** By process and cell. */
  readonly held = processes.map(() => cells.map((): number | undefined => undefined));
  readonly waiting: (Wish & { readonly sent: Sent })[] = [];
  readonly outsiders: (number | undefined)[];

  constructor(outsiders: (number | undefined)[]) {
    this.outsiders = outsiders;
  }

  set({ process, type, from, to }: Wish): boolean {
    const range = cells.slice(from, to);
    const holders = [...this.held.filter((_, other) => other !== process), this.outsiders];
    if (type !== unlock && range.some((cell) => holders.some((holder) => clash(holder[cell], type)))) return false;
    for (const cell of range) this.held[process]![cell] = type === unlock ? undefined : type;
    return true;
  }

  /** Those whose wait ends, one after another. */
  served(): Sent[] {
    const served: Sent[] = [];
    for (let before = -1; before < served.length;) {
      before = served.length;
      const next = this.waiting.filter((wish) => this.set(wish));
      served.push(...this.remove((wish) => next.some((each) => each === wish)));
    }
    return served;
  }

  remove(which: (wish: Wish) => boolean): Sent[] {
    const gone = this.waiting.filter((wish) => which(wish));
    for (const wish of gone) this.waiting.splice(this.waiting.indexOf(wish), 1);
    return gone.map(({ sent }) => sent);
  }

  die(process: number): void {
    this.held[process]!.fill(undefined);
  }

  /** What one description for all of them has to hold. */
  get insiders(): (number | undefined)[] {
    return cells.map((cell) => {
      const types = this.held.map((holder) => holder[cell]);
      return types.includes(write) ? write : types.includes(read) ? read : undefined;
    });
  }
}

const place = fc.constantFrom<Place[]>(0, 1, 2, 3);
const type = fc.constantFrom(read, write, unlock);
const range = fc
  .tuple(fc.nat(cellCount - 1), fc.nat(cellCount - 1))
  .map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) + 1 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .record({ kind: fc.constantFrom('lock' as const, 'wait' as const), process: place, type, range })
      .map(({ range: { from, to }, ...rest }) => ({ ...rest, from, to })),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const), index: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), process: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), guest: fc.constantFrom<(0 | 1)[]>(0, 1) }) },
  {
    weight: 3,
    arbitrary: fc
      .record({ kind: fc.constant('outside' as const), type, range })
      .map(({ range: { from, to }, ...rest }) => ({ ...rest, from, to })),
  },
);

class Run {
  readonly #unit: bigint;
  readonly #backend: Outsiders;
  readonly #model: Model;
  readonly #guests: Client[] = [];
  #probe: Client | undefined;

  constructor(unit: bigint) {
    this.#unit = unit;
    this.#backend = new Outsiders(unit);
    this.#model = new Model(this.#backend.outsiders);
  }

  async run(steps: readonly Step[]): Promise<void> {
    await makeData(this.#backend);
    for (const _ of [0, 1]) {
      const client = await guest(this.#backend);
      await openFid(client, 2, 2, 'data');
      this.#guests.push(client);
    }
    this.#probe = await guest(this.#backend);
    for (const each of steps) {
      await this.#take(each);
      await this.#compare();
    }
  }

  async #take(step: Step): Promise<void> {
    const model = this.#model;
    switch (step.kind) {
      case 'lock':
        expect(await this.#client(step.process).send(this.#tlock(step, 0))).toEqual(
          model.set(step) ? granted : blocked,
        );
        break;
      case 'wait': {
        const sent = this.#client(step.process).post(this.#tlock(step, 1));
        if (model.set(step)) expect(await sent.reply).toEqual(granted);
        else model.waiting.push({ ...step, sent });
        break;
      }
      case 'flush': {
        const wish = model.waiting[step.index];
        if (wish === undefined) return;
        model.remove((each) => each === wish);
        await this.#client(wish.process).send(Tflush({ oldtag: wish.sent.tag }));
        expect(await wish.sent.reply).toBeUndefined();
        break;
      }
      case 'close': {
        model.die(step.process);
        const ended = model.remove(({ process }) => process === step.process);
        const { fid } = processes[step.process];
        await this.#client(step.process).send(Tclunk({ fid }));
        for (const { reply } of ended) expect((await reply)?.name).toBe('Rlerror');
        await openFid(this.#client(step.process), fid, 2, 'data');
        break;
      }
      case 'reset': {
        const own = (process: number): boolean => processes[process]!.guest === step.guest;
        for (const process of processes.keys()) if (own(process)) model.die(process);
        const ended = model.remove(({ process }) => own(process));
        const { server } = this.#guests[step.guest]!;
        server.reset();
        for (const { reply } of ended) expect(await reply).toBeUndefined();
        const client = (this.#guests[step.guest] = await Client.attached(server));
        for (const fid of [1, 2]) await openFid(client, fid, 2, 'data');
        break;
      }
      case 'outside': {
        const range = cells.slice(step.from, step.to);
        const isFree = step.type === unlock || !range.some((cell) => clash(model.insiders[cell], step.type));
        expect(this.#backend.set(step.type, range)).toBe(isFree);
      }
    }
    for (const { reply } of model.served()) expect(await reply).toEqual(granted);
  }

  async #compare(): Promise<void> {
    const { insiders, outsiders, waiting } = this.#model;
    expect(cells.map((cell) => this.#backend.insiders[cell])).toEqual(insiders);
    for (const { sent } of waiting) expect(await isAnswered(sent)).toBe(false);
    for (const cell of cells) {
      const found = this.#probe?.call(getlock(this.#bytes(cell, cell + 1)));
      const expected = insiders[cell] ?? outsiders[cell] ?? unlock;
      expect([cell, found?.body['type']]).toEqual([cell, expected]);
      if (insiders[cell] !== undefined) expect(this.#rangesOf(cell)).toContainEqual(found?.body);
    }
  }

  /** The locks of a cell, each as far as its owner has that type: what a program may be told. */
  #rangesOf(cell: number): unknown[] {
    return processes.flatMap(({ procId }, process) => {
      const own = this.#model.held[process]!;
      const of = own[cell];
      if (of === undefined) return [];
      let [from, to] = [cell, cell + 1];
      while (from > 0 && own[from - 1] === of) from--;
      while (to < cellCount && own[to] === of) to++;
      return [{ type: of, ...this.#bytes(from, to), procId, clientId: new TextEncoder().encode('guest') }];
    });
  }

  #client(process: Place): Client {
    return this.#guests[processes[process].guest]!;
  }

  #bytes(from: number, to: number): { start: bigint; length: bigint } {
    return { start: BigInt(from) * this.#unit, length: to === cellCount ? 0n : BigInt(to - from) * this.#unit };
  }

  #tlock({ process, type, from, to }: Wish, flags: number): ReturnType<typeof lock> {
    const { fid, procId } = processes[process];
    return (flags === 0 ? lock : wait)({ fid, procId, type, ...this.#bytes(from, to) });
  }
}

// Bytes one by one, and so many that the offsets need 63 bits.
test.each([1n, 2n ** 60n - 1n])('cells of %s bytes', async (unit) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => new Run(unit).run(steps)),
    { numRuns: 60 },
  );
});
