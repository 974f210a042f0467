// Makes up what a hostile client could send, by the tables of messages.ts: whatever message is added there is sent too.
import type { ErrnoName } from '../../devices/9p/errno.ts';
import { formats, messages } from '../../devices/9p/messages.ts';
import type { Format, MessageName } from '../../devices/9p/messages.ts';
import type { AnyBody, Field } from '../../devices/9p/wire.ts';
import type { Dice } from './dice.ts';
import type { FidModel } from './fid-model.ts';
import type { MessageStep, SendStep, WorldName } from './message-case.ts';
import { hostActions, hostNames } from './host-place.ts';
import { hostWorlds } from './message-case.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** What is there at the start, what may come, and the ways of it. */
const likelyNames = ['file', 'folder', 'inner', 'deep', 'link', 'out', 'up', 'new', 'other', 'hush', '..', '.'].map(
  bytes,
);
const hostileNames = [
  '',
  '/',
  'a/b',
  '../secret',
  '/etc/passwd',
  '\0',
  'file\0',
  '..\0',
  '...',
  ' ',
  '\\',
  '..\\secret',
  'C:',
  'file:stream',
  'CON',
  '%2e%2e',
  '\xc0\xae\xc0\xae',
  '\xff\xfe',
  '\xe2\x80\xae',
  'e\xcc\x81',
  '.virtfs_metadata',
  'proc',
  'x'.repeat(255),
  'y'.repeat(256),
  '../'.repeat(60),
].map(bytes);
const xattrNames = ['user.a', 'user.b', '', 'trusted.x', 'security.capability', 'system.posix_acl_access', 'x'].map(
  bytes,
);
const targets = ['file', '../outside/secret', '/', '..', '', 'x'.repeat(4095), 'y'.repeat(4096), 'a\0b'].map(bytes);

const bits32 = [0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const counts = [0, 1, 3, 5, 11, 24, 100, 4085, 4096, 65_536, 512_000, 0x7fff_ffff, 0xffff_ffff];
const sizes = [
  0,
  0,
  0,
  1,
  3,
  5,
  8,
  4095,
  4096,
  65_536,
  65_537,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  2 ** 64 - 2048,
];
const bits64 = [0n, 1n, 2n, 3n, 4n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
const openings = [0, 0, 1, 2, 2, 3, 0o1000, 0o1001, 0o1002, 0o2001, 0o2002, 0o102, 0o302, 0o40002, 0o200000, 0o400000];
const modes = [
  0o644, 0o755, 0o444, 0, 0o7777, 0o2755, 0o4755, 0o010644, 0o020600, 0o060600, 0o140600, 0o100644, 0o120777,
];
const versions = [
  '9P2000.L',
  '9P2000.L',
  '9P2000.L',
  '9P2000.u',
  '9P2000',
  'unknown',
  '',
  '9P2000.L\0',
  'x'.repeat(70),
].map(bytes);
const messageSizes = [4096, 8192, 65_536, 512_000, 0xffff_ffff, 4095, 0];
const errors: readonly ErrnoName[] = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'ENFILE', 'ENOENT', 'ESTALE', 'EDQUOT'];

const requests = (Object.keys(messages) as MessageName[]).filter((name) => name.startsWith('T'));
/** Tversion ends everything that makes a sequence interesting, and Tauth is always refused. */
const seldom: ReadonlySet<MessageName> = new Set<MessageName>(['Tversion', 'Tauth']);
/** What means something on open files only, which few fids are. */
const onOpenFiles: readonly MessageName[] = ['Tread', 'Twrite', 'Tlock', 'Tlock', 'Tgetlock', 'Tfsync', 'Tsetattr'];

/** Room that holds any reply to what is asked for here. */
export const ampleRoom = 9000;
/** Tags in use: few, so that they meet. */
const tags = 12;
/** Numbers of fids: so few that most walks meet one in use now and then. */
const fidNumbers = 24;
/** Numbers at the ends of ranges. */
const edgeFids = [0xffff_ffff, 0xffff_fffe, 0x8000_0000, 1 << 20];

function openFiles({ fids }: FidModel): readonly number[] {
  return [...fids].flatMap(([fid, kind]) => (kind === 'open file' ? [fid] : []));
}

export class MessageSource {
  readonly #dice: Dice;
  readonly #world: WorldName;

  constructor(dice: Dice, world: WorldName) {
    this.#dice = dice;
    this.#world = world;
  }

  /** The next step, for a client that has the fids of `model`. */
  next(model: FidModel): MessageStep {
    const dice = this.#dice;
    if (this.#world === 'waiting') {
      if (dice.once(3))
        return { do: 'settle', which: dice.below(64), ...(dice.once(6) && { error: dice.pick(errors) }) };
      if (dice.once(12)) return { do: 'fail', after: dice.below(6), error: dice.pick(errors) };
    }
    if (hostWorlds.has(this.#world)) {
      if (dice.once(12))
        return { do: 'host', action: dice.below(hostActions.length), name: dice.below(hostNames.length) };
      if (dice.once(12)) return { do: 'fail', after: dice.below(16), error: dice.pick(errors) };
    }
    return dice.once(200) ? { do: 'reset' } : this.#send(model);
  }

  #send(model: FidModel): SendStep {
    const dice = this.#dice;
    // Without a fid nothing but errors would come.
    const name =
      model.fids.size === 0 && !dice.once(4) ? dice.pick(['Tversion', 'Tattach'] as const) : this.#request(model);
    const format = formats[name];
    const body = this.#body(format, model);
    const data = format.hasPayload ? dice.bytes(dice.pick([0, 1, 3, 3, 5, 5, 8, 30, 100, 3000])) : undefined;
    if (data !== undefined) body['count'] = data.length;
    const spoiled = dice.once(16)
      ? Array.from({ length: dice.between(1, 3) }, () => [dice.below(64), dice.below(256)] as const)
      : undefined;
    return {
      do: 'send',
      name,
      tag: dice.once(40) ? dice.below(0x1_0000) : dice.below(tags),
      body,
      ...(data !== undefined && { data }),
      ...(spoiled !== undefined && { spoiled }),
      ...(dice.once(60) && { shorter: dice.between(1, 30) }),
      room: dice.once(12) ? dice.below(200) : ampleRoom,
      ...(dice.once(4) && { cuts: Array.from({ length: dice.between(1, 4) }, () => dice.below(40)) }),
    };
  }

  #request(model: FidModel): MessageName {
    const dice = this.#dice;
    if (dice.once(5) && [...model.fids.values()].includes('open file')) return dice.pick(onOpenFiles);
    const name = dice.pick(requests);
    return seldom.has(name) && !dice.once(10) ? this.#request(model) : name;
  }

  #body({ name: message, fields }: Format, model: FidModel): AnyBody {
    const body: AnyBody = {};
    for (const { name, field } of fields) {
      if (field.kind !== 'payload') body[name] = this.#value(message, name, field, model);
    }
    return body;
  }

  /** A likely value by the name of the field, else any by its kind. */
  #value(message: MessageName, name: string, field: Field, model: FidModel): AnyBody[string] {
    const dice = this.#dice;
    if (name === 'afid') return dice.once(10) ? dice.below(fidNumbers) : 0xffff_ffff;
    if (name.endsWith('fid')) {
      const open = onOpenFiles.includes(message) && !dice.once(3) ? openFiles(model) : [];
      return open.length > 0 ? dice.pick(open) : this.#fid(message === 'Tattach' || name === 'newfid', model);
    }
    switch (name) {
      case 'flags':
        if (message === 'Tlopen' || message === 'Tlcreate') return dice.once(8) ? dice.word() : dice.pick(openings);
        return message === 'Tunlinkat'
          ? dice.pick([0, 0x200, 0, 0x200, dice.word()])
          : dice.pick([0, 1, 2, 0, dice.word()]);
      case 'mode':
        return dice.once(10) ? dice.word() : dice.pick(modes);
      case 'valid':
        return dice.once(10) ? dice.word() : dice.below(0x200);
      case 'version':
        return dice.pick(versions);
      case 'msize':
        return dice.pick(messageSizes);
      // Of locks: kinds, ranges and owners that meet.
      case 'type':
        return dice.once(8) ? dice.below(256) : dice.below(3);
      case 'start':
      case 'length':
        return dice.once(8) ? dice.pick(bits64) : BigInt(dice.below(4));
      case 'procId':
        return dice.once(8) ? dice.word() : dice.below(3);
      case 'clientId':
        return dice.pick([bytes('guest'), bytes('guest'), bytes('other'), this.#name(), dice.bytes(dice.below(300))]);
      case 'offset':
        // A cookie of a listing, or where a file or an attribute begins.
        if (dice.once(4)) break;
        return field.kind === 'u64' ? BigInt(dice.pick([0, 0, 0, 1, 2, 3, 5])) : 0;
      case 'oldtag':
        return dice.below(tags);
      case 'target':
        return dice.pick(targets);
      case 'name':
        return message.startsWith('Txattr') ? dice.pick(xattrNames) : this.#name();
      case 'names':
        return Array.from({ length: dice.once(12) ? dice.between(0, 16) : dice.below(4) }, () => this.#name());
      case 'uid':
      case 'gid':
        return dice.pick([0, 0, 1000, 0xffff_ffff, dice.word()]);
    }
    return this.#any(field);
  }

  #any(field: Field): AnyBody[string] {
    const dice = this.#dice;
    switch (field.kind) {
      case 'u8':
        return dice.below(256);
      case 'u16':
        return dice.below(0x1_0000);
      case 'str':
        return dice.once(3) ? dice.bytes(dice.below(300)) : this.#name();
      case 'size64':
        return dice.once(3) ? dice.below(200_000) : dice.pick(sizes);
      case 'u64':
        return dice.once(3) ? BigInt(dice.word()) : dice.pick(bits64);
      case 'time':
        // Seconds and nanoseconds are 64 bits each, of which the writer takes as many as a time of Linux has.
        return dice.once(2) ? BigInt(dice.word()) * 1_000_000_000n : 2n ** 63n - 1n;
      case 'list':
        return [];
      case 'qid':
        return { type: 0, version: 0, path: 0n };
      default:
        return dice.pick(dice.once(2) ? bits32 : counts);
    }
  }

  #name(): Uint8Array {
    const dice = this.#dice;
    if (!dice.once(6)) return dice.pick(likelyNames);
    return dice.once(5) ? dice.bytes(dice.below(40)) : dice.pick(hostileNames);
  }

  #fid(isNew: boolean, { fids }: FidModel): number {
    const dice = this.#dice;
    if (dice.once(80)) return dice.pick(edgeFids);
    const known = [...fids.keys()];
    if (known.length === 0 || (isNew ? !dice.once(6) : dice.once(12))) return dice.below(fidNumbers);
    return dice.pick(known);
  }
}
