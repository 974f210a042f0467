// Makes up what a hostile driver could write: rings that mean something in most of their parts, 9P messages in them, and
// registers in any order.
import { encodeMessage } from '../../devices/9p/client-message.ts';
import { noFid } from '../../devices/9p/messages.ts';
import { configRegister, pciCommand } from '../../devices/pci/configuration.ts';
import { descriptorFlag, ramBase } from '../driver.ts';
import type { TransportName } from '../transports.ts';
import type { Dice } from './dice.ts';
import { FidModel } from './fid-model.ts';
import { encoded } from './message-run.ts';
import { MessageSource } from './message-source.ts';
import { place, queueSize, ramLength, tableEntries } from './ring-case.ts';
import type { RingStep } from './ring-case.ts';
import { usualFeatures } from './ring-run.ts';
import { registerOffsets, registerSpace } from './ring-transport.ts';

const { next, write, indirect } = descriptorFlag;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const words = [
  0, 0, 1, 1, 2, 3, 4, 7, 8, 11, 15, 64, 128, 256, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const lengths = [
  0,
  1,
  7,
  11,
  16,
  32,
  24,
  100,
  192,
  4096,
  ramLength,
  ramLength + 1,
  0x7fff_ffff,
  0xffff_fff0,
  0xffff_ffff,
];

/** A version, the root as fid 0, its file as fid 1. */
const beginning = [
  encodeMessage('Tversion', 0xffff, { msize: 8192, version: bytes('9P2000.L') }),
  encodeMessage('Tattach', 1, { fid: 0, afid: noFid, uname: bytes(''), aname: bytes(''), uid: 0 }),
  encodeMessage('Twalk', 2, { fid: 0, newfid: 1, names: [bytes('file')] }),
];

type Address = readonly [low: number, high: number];

function at(offset: number): Address {
  return [ramBase + offset, 0];
}

/** As a processor makes its accesses to devices. */
function aligned(at: number, size: 1 | 2 | 4): { readonly offset: number; readonly size: 1 | 2 | 4 } {
  return { offset: at - (at % size), size };
}

/** Where the capability is that reaches into the BAR: the first. */
const accessCapability = 0x40;

export class RingSource {
  readonly #dice: Dice;
  readonly #transport: TransportName;
  readonly #messages: MessageSource;
  /** Fids that a case has, if its first requests came through. */
  readonly #model = new FidModel();

  constructor(dice: Dice, transport: TransportName = 'mmio') {
    this.#dice = dice;
    this.#transport = transport;
    this.#messages = new MessageSource(dice, 'memory');
    this.#model.fids.set(0, 'folder').set(1, 'file').set(2, 'open file').set(3, 'folder');
  }

  /** What comes next: a few steps that belong together. */
  next(): readonly RingStep[] {
    const dice = this.#dice;
    switch (dice.below(16)) {
      case 0:
        return this.start();
      case 1:
        if (this.#transport === 'pci' && dice.once(2)) return this.#configuration();
        return [this.#write(this.#register(), dice.pick([4, 4, 4, 1, 2]))];
      case 2:
        return [{ do: 'read', ...aligned(this.#register(), dice.pick([4, 4, 1, 2])) }];
      case 3:
        return [this.#descriptor(dice.below(3), dice.below(queueSize))];
      case 4:
        return [...this.#chaos(), this.#offer(), { do: 'notify', value: this.#queue() }];
      case 5:
        return [
          { do: 'jump', by: dice.pick([1, 2, queueSize, queueSize + 1, 0x7fff, 0xffff]) },
          { do: 'notify', value: 0 },
        ];
      case 6:
        return [
          {
            do: 'store',
            at: dice.below(ramLength),
            bytes: Buffer.from(dice.bytes(dice.between(1, 8))).toString('hex'),
          },
        ];
      case 7:
        return [{ do: 'race', on: dice.once(3) }];
      case 8:
        return [{ do: 'poll' }];
      case 9:
      case 10:
        return [{ do: 'settle', which: dice.below(8), ...(dice.once(5) && { error: 'EIO' as const }) }];
      default:
        return this.#request();
    }
  }

  /** A driver that means it, with a version and a fid. */
  start(): readonly RingStep[] {
    const steps: RingStep[] = [{ do: 'start', features: this.#dice.pick(usualFeatures) }];
    for (const [index, message] of beginning.entries()) steps.push(...this.#chain(message, [], 300, 2 * index, false));
    return steps;
  }

  /** A T-message in a chain of its own, cut anywhere, by an indirect table or not, and mostly right. */
  #request(): readonly RingStep[] {
    const dice = this.#dice;
    const step = this.#messages.next(this.#model);
    if (step.do !== 'send') return [];
    const head = dice.below(queueSize);
    const byTable = dice.once(2);
    const isLong = byTable && dice.once(8);
    const cuts = isLong
      ? Array.from({ length: tableEntries - 2 }, () => 1)
      : Array.from({ length: dice.once(3) ? dice.below(4) : 0 }, () => dice.below(30));
    const steps = this.#chain(encoded(step), cuts, Math.min(step.room, 3000), head, byTable);
    if (dice.once(4)) steps.splice(dice.below(steps.length), 0, this.#descriptor(dice.below(3), dice.below(queueSize)));
    return steps;
  }

  #chain(message: Uint8Array, cuts: readonly number[], room: number, head: number, byTable: boolean): RingStep[] {
    const dice = this.#dice;
    const start = place.messages + 256 * dice.below(32);
    const replies = place.replies + 256 * dice.below(32);
    const steps: RingStep[] = [{ do: 'store', at: start, bytes: Buffer.from(message).toString('hex') }];
    const parts: number[] = [];
    let left = message.length;
    for (const cut of cuts) {
      if (cut === 0 || cut >= left) continue;
      parts.push(cut);
      left -= cut;
    }
    parts.push(left);
    let offset = start;
    const buffers = parts.map((length) => {
      const buffer = { address: at(offset), length, flags: 0 };
      offset += length;
      return buffer;
    });
    if (room > 0) buffers.push({ address: at(replies), length: room, flags: write });
    const table = byTable ? dice.between(1, 2) : 0;
    const size = byTable ? tableEntries : queueSize;
    const first = byTable ? 0 : head;
    for (const [index, buffer] of buffers.entries()) {
      const isLast = index === buffers.length - 1;
      steps.push({
        do: 'describe',
        table,
        index: (first + index) % size,
        ...buffer,
        flags: buffer.flags | (isLast ? 0 : next),
        next: isLast ? 0 : (first + index + 1) % size,
      });
    }
    if (byTable) {
      const address = at(place.indirect[table - 1] ?? 0);
      steps.push({
        do: 'describe',
        table: 0,
        index: head,
        address,
        length: 16 * buffers.length,
        flags: indirect,
        next: 0,
      });
    }
    steps.push({ do: 'offer', head });
    if (!dice.once(3)) steps.push({ do: 'notify', value: 0 });
    return steps;
  }

  /** Several descriptors, each of them anything. */
  #chaos(): readonly RingStep[] {
    const table = this.#dice.below(3);
    return Array.from({ length: this.#dice.between(1, 6) }, (_, index) => this.#descriptor(table, index));
  }

  #descriptor(table: number, index: number): RingStep {
    const dice = this.#dice;
    return {
      do: 'describe',
      table,
      index,
      address: this.#address(),
      length: dice.once(2) ? dice.between(1, 0x180) : dice.pick(lengths),
      flags: dice.once(12)
        ? dice.below(0x1_0000)
        : dice.pick([0, next, write, next | write, next, indirect, indirect | next]),
      next: dice.once(12) ? dice.below(0x1_0000) : dice.below(queueSize),
    };
  }

  #address(): Address {
    const dice = this.#dice;
    switch (dice.below(8)) {
      case 0:
        return at(dice.pick([place.table, place.available, place.used, ...place.indirect]));
      case 1:
        return at(ramLength - dice.below(32));
      case 2:
        return [dice.pick([0, ramBase - 8, 0xffff_fff0, dice.word()]), dice.pick([0, 0xffff_ffff, 1, dice.word()])];
      default:
        return at(place.messages + dice.below(ramLength - place.messages));
    }
  }

  #offer(): RingStep {
    const dice = this.#dice;
    return { do: 'offer', head: dice.once(12) ? dice.below(0x1_0000) : dice.below(queueSize) };
  }

  #queue(): number {
    const dice = this.#dice;
    return dice.once(6) ? dice.word() : 0;
  }

  #register(): number {
    const dice = this.#dice;
    const space = registerSpace[this.#transport];
    return dice.once(6) ? 4 * dice.below(space / 4) : dice.pick(registerOffsets[this.#transport]);
  }

  #write(at: number, size: 1 | 2 | 4): RingStep & { readonly do: 'write' } {
    return { do: 'write', ...aligned(at, size), value: this.#word() % 2 ** (8 * size) };
  }

  /** Memory and bus mastering go and come, the BAR moves, and configuration space is a way into it. */
  #configuration(): readonly RingStep[] {
    const dice = this.#dice;
    const write = (offset: number, size: 1 | 2 | 4, value: number): RingStep => ({
      do: 'write',
      config: true,
      offset,
      size,
      value,
    });
    switch (dice.below(5)) {
      case 0: {
        const { memorySpace, busMaster, interruptDisable } = pciCommand;
        const command = dice.pick([
          0,
          memorySpace,
          memorySpace | busMaster,
          memorySpace | busMaster | interruptDisable,
        ]);
        return [write(configRegister.command, 2, command)];
      }
      case 1:
        return [write(configRegister.bar0 + 4 * dice.below(2), 4, dice.pick([0, ramBase, 0xffff_ffff, dice.word()]))];
      case 2:
      case 3: {
        const size = dice.pick([1, 2, 4] as const);
        const target = this.#register();
        return [
          write(accessCapability + 4, 1, dice.once(8) ? dice.below(8) : 0),
          write(accessCapability + 8, 4, dice.once(8) ? dice.word() : target - (target % size)),
          write(accessCapability + 12, 4, dice.once(8) ? dice.word() : size),
          dice.once(2)
            ? { do: 'read', config: true, offset: accessCapability + 16, size: 4 }
            : write(accessCapability + 16, 4, this.#word()),
        ];
      }
      default: {
        const size = dice.pick([1, 2, 4] as const);
        return [write(size * dice.below(0x1000 / size), size, this.#word() % 2 ** (8 * size))];
      }
    }
  }

  #word(): number {
    const dice = this.#dice;
    return dice.once(3) ? dice.pick([ramBase, ramBase + place.used, ramBase + place.messages]) : dice.pick(words);
  }
}
