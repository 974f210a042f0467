// Runs a case of messages, and holds the server to what it promises: every request is answered by its own reply or by an
// error that Linux knows, within its room; a request that was flushed comes back before Rflush and its buffers are never
// touched again; fids are those that the replies tell of; when the session ends nothing is left behind.
import { decodeMessage, encodeMessage } from '../../devices/9p/client-message.ts';
import type { DecodedMessage } from '../../devices/9p/client-message.ts';
import { errnos } from '../../devices/9p/errno.ts';
import { formats, headerLength, payloadHeaderLength } from '../../devices/9p/messages.ts';
import type { MessageName } from '../../devices/9p/messages.ts';
import { defaultMaximumMessageSize, Server } from '../../devices/9p/server.ts';
import type { AnyBody } from '../../devices/9p/wire.ts';
import { GuestFault } from '../../devices/guest-fault.ts';
import { fidFields, fidKinds, FidModel } from './fid-model.ts';
import type { MessageStep, SendStep } from './message-case.ts';
import { Violation } from './violation.ts';
import type { World } from './worlds.ts';

const knownErrors: ReadonlySet<number> = new Set(Object.values(errnos));
/** Bytes behind the room, which nobody may write. */
const guardLength = 16;
const guard = 0xee;
/** What is answered only when another request has made it possible, and holds up none meanwhile. */
const postponable: ReadonlySet<string> = new Set<MessageName>(['Tlock']);
/** Milliseconds after which a reply that nothing holds up will not come any more. */
const patience = 20_000;

/** A request that the server has. */
interface Flying {
  readonly step: SendStep;
  readonly tag: number;
  readonly type: number;
  /** The message as the server decodes it; undefined where it can not. */
  readonly decoded: DecodedMessage | undefined;
  readonly size: number;
  /** Whether another request has the tag and is not answered: this one is refused, unless it acts on others. */
  isTagInUse: boolean;
  /** Whether it may be answered after others that come later, or be flushed. */
  readonly mayTakeTime: boolean;
  /** The room for the reply, and a guard behind it. */
  readonly memory: Uint8Array;
  isDone: boolean;
  /** What the memory was when it came back: it must stay so. */
  returned: Uint8Array | undefined;
}

function pieces(whole: Uint8Array, lengths: readonly number[] = []): Uint8Array[] {
  const cut: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    cut.push(whole.subarray(at, at + length));
    at = Math.min(whole.length, at + length);
  }
  cut.push(whole.subarray(at));
  return cut;
}

export function encoded({ name, tag, body, data, spoiled = [], shorter = 0 }: SendStep): Uint8Array {
  const whole = encodeMessage(name, tag, body, data);
  for (const [offset, value] of spoiled) whole[offset % whole.length] = value;
  return whole.subarray(0, Math.max(0, whole.length - shorter));
}

function decodedOrNot(message: Uint8Array): DecodedMessage | undefined {
  try {
    return decodeMessage(message);
  } catch {
    // Errno, or an Error for what is no message: the server has to find that out by itself.
    return undefined;
  }
}

export class MessageRunner {
  readonly model = new FidModel();
  /** Called with a number for what happened to each request: its message, how it was answered, what its fid stood for. */
  onOutcome: (outcome: number) => void = () => undefined;
  readonly #world: World;
  readonly #server: Server;
  readonly #flying: Flying[] = [];
  #failure: unknown;
  #agreed = defaultMaximumMessageSize;
  #lastType = 0;
  readonly #memory = new Uint8Array(1 << 14);

  constructor(world: World) {
    this.#world = world;
    this.#server = new Server({ backend: world.backend, readOnly: world.readOnly });
  }

  async step(step: MessageStep): Promise<void> {
    if (step.do === 'send') await this.#send(step);
    else if (step.do === 'reset') this.#reset();
    else await this.#world.act(step);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the session, with what is under way first or not, and looks for what was left behind. */
  async end(settlesFirst: boolean): Promise<void> {
    if (settlesFirst) {
      await this.#world.settle();
      this.#expectAllDone('after every operation ended', postponable);
    }
    this.#reset();
    await new Promise((resolve) => void setImmediate(resolve));
    this.#expectAllDone('after a reset', new Set());
    await this.#world.settle();
    await new Promise((resolve) => void setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
    for (const flying of this.#flying) {
      const { returned, memory, step } = flying;
      if (returned !== undefined && Buffer.compare(returned, memory) !== 0)
        throw new Violation('a buffer was written after it had come back', step.name);
    }
    const { fidCount } = this.#server;
    if (fidCount !== 0) throw new Violation('fids are left after a reset', String(fidCount));
    const left = this.#world.leftBehind() ?? (await this.#world.close());
    if (left !== undefined) throw new Violation('something is left behind', left);
  }

  #reset(): void {
    this.#server.reset();
    this.model.clear();
    this.#agreed = defaultMaximumMessageSize;
  }

  #expectAllDone(when: string, butFor: ReadonlySet<string>): void {
    const waiting = this.#flying.filter(({ isDone, decoded }) => !isDone && !butFor.has(decoded?.name ?? ''));
    if (waiting.length > 0)
      throw new Violation('a request was never answered', `${waiting.map(({ step }) => step.name).join()} ${when}`);
  }

  async #send(step: SendStep): Promise<void> {
    const message = encoded(step);
    const original = message.slice();
    const { waits } = this.#world;
    const decoded = decodedOrNot(message);
    const mayTakeTime = waits || postponable.has(decoded?.name ?? '');
    const memory = mayTakeTime
      ? new Uint8Array(step.room + guardLength)
      : this.#memory.subarray(0, step.room + guardLength);
    memory.fill(guard, step.room);
    const size = message.length;
    const view = new DataView(message.buffer, message.byteOffset, size);
    const mayFault = size < headerLength || step.room < payloadHeaderLength || view.getUint32(0, true) !== size;
    const flying: Flying = {
      step,
      tag: size < headerLength ? 0 : view.getUint16(5, true),
      type: size < headerLength ? 0 : view.getUint8(4),
      decoded,
      size,
      isTagInUse: false,
      mayTakeTime,
      memory,
      isDone: false,
      returned: undefined,
    };
    flying.isTagInUse = this.#flying.some(({ tag, isDone }) => !isDone && tag === flying.tag);
    let answer: number | Promise<number>;
    try {
      answer = this.#server.answer({
        readable: pieces(message, step.cuts),
        writable: pieces(memory.subarray(0, step.room), step.cuts),
      });
    } catch (error) {
      if (error instanceof GuestFault && mayFault) return;
      throw error;
    }
    if (mayFault) throw new Violation('a broken frame was answered', step.name);
    if (Buffer.compare(message, original) !== 0) throw new Violation('a request was written to', step.name);
    const flushes = flying.decoded?.name === 'Tflush' ? this.#old(flying.decoded.body) : undefined;
    if (typeof answer === 'number') {
      this.#finish(flying, answer);
      return;
    }
    this.#flying.push(flying);
    const finished = answer.then((length) => {
      if (flushes !== undefined && !flushes.isDone) throw new Violation('Rflush came before the old request');
      this.#finish(flying, length);
    });
    if (mayTakeTime) {
      finished.catch((error: unknown) => (this.#failure ??= error));
      return;
    }
    await within(finished, step.name);
    if (this.#flying.every(({ isDone }) => isDone)) this.#flying.length = 0;
  }

  /** The request that a Tflush is about. */
  #old(body: AnyBody): Flying | undefined {
    return this.#flying.find(({ tag, isDone }) => !isDone && tag === body['oldtag']);
  }

  /** A request has come back with a reply of `length` bytes. */
  #finish(flying: Flying, length: number): void {
    const { step, memory, decoded } = flying;
    flying.isDone = true;
    if (flying.mayTakeTime) flying.returned = memory.slice();
    for (let at = step.room; at < memory.length; at++)
      if (memory[at] !== guard) throw new Violation('a byte behind the room was written', step.name);
    if (length === 0) {
      if (!flying.mayTakeTime) throw new Violation('no reply without a flush', step.name);
      return;
    }
    if (length > step.room) throw new Violation('a reply is longer than its room', step.name);
    const reply = this.#checkReply(flying, memory.subarray(0, length));
    const error = reply.name === 'Rlerror' ? (reply.body['ecode'] as number) : 0;
    if (decoded === undefined) return;
    this.#note(decoded, error);
    const actsOnOthers = decoded.name === 'Tversion' || decoded.name === 'Tflush';
    const refused = flying.size > this.#agreed || (flying.isTagInUse && !actsOnOthers);
    this.model.answered(decoded.name, decoded.body, error === 0 ? reply.body : undefined, refused);
    if (decoded.name === 'Tversion' && !refused) {
      const isAgreed = error === 0 && this.model.hasSession;
      this.#agreed = isAgreed ? (reply.body['msize'] as number) : defaultMaximumMessageSize;
    }
    if (!this.#world.waits && this.#server.fidCount !== this.model.fids.size)
      throw new Violation('fids are not those of the replies', `${step.name}: ${this.#server.fidCount} fids`);
  }

  #checkReply({ step, type, tag, decoded }: Flying, bytes: Uint8Array): DecodedMessage {
    const reply = decodeMessage(bytes);
    if (reply.tag !== tag) throw new Violation('a reply has another tag', step.name);
    if (reply.name === 'Rlerror') {
      if (!knownErrors.has(reply.body['ecode'] as number))
        throw new Violation('an error that Linux does not know', step.name);
      return reply;
    }
    if (formats[reply.name].type !== type + 1)
      throw new Violation('a reply of another type', `${step.name} ${reply.name}`);
    if (decoded === undefined) throw new Violation('a message that can not be decoded was answered', step.name);
    const { body } = decoded;
    if (reply.payload !== undefined && reply.payload.length > (body['count'] as number))
      throw new Violation('a reply has more bytes than asked for', step.name);
    if (reply.name === 'Rwalk' && (reply.body['qids'] as []).length > (body['names'] as []).length)
      throw new Violation('a walk went further than its names', step.name);
    this.#checkHidden(decoded, reply);
    return reply;
  }

  #checkHidden({ body }: DecodedMessage, { name, payload, body: reply }: DecodedMessage): void {
    const { hidden } = this.#world;
    if (hidden === undefined) return;
    const isListed = name === 'Rreaddir' && Buffer.from(payload ?? []).includes(hidden);
    const names =
      name === 'Rwalk' ? (body['names'] as readonly Uint8Array[]).slice(0, (reply['qids'] as []).length) : [];
    const isWalked = names.some((each) => Buffer.from(each).equals(Buffer.from(hidden)));
    if (isListed || isWalked) throw new Violation('a hidden name was seen', name);
  }

  #note({ name, body }: DecodedMessage, error: number): void {
    const field = fidFields.get(name)?.[0];
    const kind = field === undefined ? 'none' : this.model.kind(body[field] as number);
    const { type } = formats[name];
    const outcome =
      ((type * 256 + error) * 16 + (fidKinds as readonly string[]).indexOf(kind) + 1) * 256 + this.#lastType;
    this.#lastType = type;
    this.onOutcome(outcome);
  }
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Violation('a request was never answered', what)), patience);
  });
  try {
    await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
