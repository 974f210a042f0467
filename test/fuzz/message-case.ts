// What the message fuzzer does to a server, as plain data: a case that found a bug is kept as a file of these
// (test/fuzz/corpus), in which names are text of one character per byte and 64-bit numbers are strings.
import { errnos } from '../../devices/9p/errno.ts';
import type { ErrnoName } from '../../devices/9p/errno.ts';
import { formats } from '../../devices/9p/messages.ts';
import type { MessageName } from '../../devices/9p/messages.ts';
import type { AnyBody, Field, Qid } from '../../devices/9p/wire.ts';

/** A T-message, how it lies in memory, and what room its reply has. */
export interface SendStep {
  readonly do: 'send';
  readonly name: MessageName;
  readonly tag: number;
  readonly body: AnyBody;
  /** The payload of a Twrite. */
  readonly data?: Uint8Array;
  /** Bytes of the encoded message that are replaced: offset (modulo its length) and value. */
  readonly spoiled?: readonly (readonly [offset: number, value: number])[];
  /** Bytes cut from the end of the encoded message. */
  readonly shorter?: number;
  /** Bytes for the reply. */
  readonly room: number;
  /** Lengths of the first segments of message and room. */
  readonly cuts?: readonly number[];
}

/** Lets an operation end that the backend has not begun: as it does, or with an error. */
export interface SettleStep {
  readonly do: 'settle';
  /** Which of those that wait, modulo their number. */
  readonly which: number;
  readonly error?: ErrnoName;
}

/** The backend's call that comes after as many others is to fail. */
export interface FailStep {
  readonly do: 'fail';
  readonly after: number;
  readonly error: ErrnoName;
}

/** Somebody on the host does something to a name in the share: one of `hostActions`. */
export interface HostStep {
  readonly do: 'host';
  readonly action: number;
  readonly name: number;
}

/** The device is reset. */
export interface ResetStep {
  readonly do: 'reset';
}

export type MessageStep = SendStep | SettleStep | FailStep | HostStep | ResetStep;

/** What the server works on: see worlds.ts. */
export const worldNames = ['memory', 'waiting', 'read-only', 'host', 'portable', 'mapped', 'hiding'] as const;
export type WorldName = (typeof worldNames)[number];
/** Those that share a folder of the host. */
export const hostWorlds: ReadonlySet<WorldName> = new Set<WorldName>(['host', 'portable', 'mapped', 'hiding']);

export interface MessageCase {
  readonly kind: 'messages';
  /** What it showed. */
  readonly note?: string;
  readonly world: WorldName;
  readonly steps: readonly MessageStep[];
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function valueToJson(value: AnyBody[string]): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return textOf(value);
  return Array.isArray(value) ? value.map((element) => valueToJson(element as Uint8Array)) : value;
}

function valueFromJson(field: Field, value: unknown): AnyBody[string] {
  switch (field.kind) {
    case 'u64':
    case 'time':
      return BigInt(value as string);
    case 'str':
      return new Uint8Array(Buffer.from(value as string, 'latin1'));
    case 'list':
      return (value as unknown[]).map((element) => valueFromJson(field.element, element) as Uint8Array);
    case 'qid':
      return value as Qid;
    default:
      return value as number;
  }
}

function bodyToJson(body: AnyBody): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, valueToJson(value)]));
}

/** The case as JSON, a step a line, so that a difference between two versions can be read. */
export function messageCaseToJson({ kind, note, world, steps }: MessageCase): string {
  const lines = steps.map((step) =>
    step.do === 'send'
      ? { ...step, body: bodyToJson(step.body), ...(step.data !== undefined && { data: textOf(step.data) }) }
      : step,
  );
  const head = JSON.stringify({ kind, note, world }).slice(0, -1);
  return `${head},"steps":[\n${lines.map((line) => `  ${JSON.stringify(line)}`).join(',\n')}\n]}\n`;
}

type WrittenStep = Exclude<MessageStep, SendStep> | (Omit<SendStep, 'data'> & { readonly data?: string });

function stepFromJson(step: WrittenStep): MessageStep {
  if (step.do !== 'send') {
    if ('error' in step && !(step.error in errnos)) throw new Error(`no error ${step.error}`);
    return step;
  }
  const { data, ...rest } = step;
  const body: AnyBody = {};
  for (const { name, field } of formats[step.name].fields) {
    body[name] = valueFromJson(field, (step.body as Record<string, unknown>)[name]);
  }
  const bytes = data === undefined ? undefined : new Uint8Array(Buffer.from(data, 'latin1'));
  return { ...rest, body, ...(bytes !== undefined && { data: bytes }) };
}

export function messageCaseFromJson(read: object): MessageCase {
  const { steps, ...rest } = read as Omit<MessageCase, 'steps'> & { readonly steps: readonly WrittenStep[] };
  if (!worldNames.includes(rest.world)) throw new Error(`no world ${rest.world}`);
  return { ...rest, steps: steps.map(stepFromJson) };
}
