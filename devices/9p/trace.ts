// What can be seen of a server from outside: counters, an event per message, and a line to read for each event.
import type { Bytes } from '../ports.ts';
import type { ErrnoName } from './errno.ts';
import { qidType } from './wire.ts';
import type { AnyBody, Qid } from './wire.ts';

/** Counters since the server was made. Bytes are those of whole messages. */
export interface Statistics {
  requests: number;
  bytesIn: number;
  bytesOut: number;
  /** Requests that Rlerror answered. */
  errors: number;
  /** Requests that were flushed, or ended by Tversion or a reset of the device. */
  flushed: number;
}

/** One message and its reply. Bodies are the decoded ones; the payload of reads and writes is not among them. */
export interface P9Event {
  readonly tag: number;
  /** The chain's first descriptor, as in the device's `pop` and `push` events. Undefined on another transport. */
  readonly head: number | undefined;
  /** `Twalk` …, or `type 99` where there is no such message. */
  readonly type: string;
  /** Undefined when it could not be decoded. */
  readonly request: Readonly<AnyBody> | undefined;
  /** Undefined when there was an error or no reply. */
  readonly reply: Readonly<AnyBody> | undefined;
  /** What Rlerror said; `flushed` when there was no reply. */
  readonly error: ErrnoName | 'flushed' | undefined;
  /** Bytes of the request, and of the reply (0: none). */
  readonly size: number;
  readonly replySize: number;
  /** Milliseconds between arrival and reply. */
  readonly latency: number;
}

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };
/** Longer names are cut in a line. */
const longestName = 300;

function escapedBytes(bytes: Bytes): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    const plain = byte >= 0x20 && byte < 0x7f;
    return named[character] ?? (plain ? character : `\\x${byte.toString(16).padStart(2, '0')}`);
  }).join('');
}

function escapedText(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return named[character] ?? (printable.test(character) ? character : `\\u{${code.toString(16)}}`);
  }).join('');
}

/** A name in double quotes: UTF-8 as it is, anything else escaped byte by byte. */
export function formatName(name: Bytes): string {
  // TextDecoder takes no view of shared memory, and names are short.
  const bytes = new Uint8Array(name.subarray(0, longestName));
  const cut = bytes.length < name.length ? '…' : '';
  try {
    return `"${escapedText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))}${cut}"`;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return `"${escapedBytes(bytes)}${cut}"`;
  }
}

function formatQid({ type, version, path }: Qid): string {
  const kind = type === qidType.folder ? 'folder' : type === qidType.link ? 'link' : 'file';
  return `${kind}:${path}:${version.toString(16)}`;
}

/** Fields that read better in another base. */
const bases: Readonly<Record<string, (value: number) => string>> = {
  mode: (value) => `0${value.toString(8)}`,
  flags: (value) => `0${value.toString(8)}`,
  valid: (value) => `0x${value.toString(16)}`,
};

function formatValue(field: string, value: AnyBody[string]): string {
  if (typeof value === 'number') return bases[field]?.(value) ?? String(value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return formatName(value);
  if ('path' in value) return formatQid(value);
  return `[${value.map((element) => formatValue(field, element)).join(' ')}]`;
}

function formatBody(body: Readonly<AnyBody>): string {
  return Object.entries(body)
    .map(([field, value]) => ` ${field} ${formatValue(field, value)}`)
    .join('');
}

/** The one line, without its end, that `--trace 9p` prints. */
export function formatP9Event({ tag, type, request, reply, error, latency }: P9Event): string {
  const asked = `${type} tag ${tag}${request === undefined ? '' : formatBody(request)}`;
  const answered = error ?? (reply === undefined ? '' : `ok${formatBody(reply)}`);
  return `${asked} -> ${answered} (${Math.round(latency * 1000)} us)`;
}
