// Both fuzzers side by side, and the cases that were kept.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { messageCaseFromJson, messageCaseToJson } from './message-case.ts';
import type { MessageCase, WorldName } from './message-case.ts';
import { MessageFuzzer, replayMessages } from './message-fuzz.ts';
import type { MessageCounts } from './message-fuzz.ts';
import { ringCaseToJson } from './ring-case.ts';
import type { RingCase } from './ring-case.ts';
import { replayRings, RingFuzzer } from './ring-fuzz.ts';
import type { RingCounts } from './ring-fuzz.ts';
import type { Violation } from './violation.ts';
import { Worlds } from './worlds.ts';

export type FuzzCase = MessageCase | RingCase;

/** Eleven cases of messages, by what they cost and what is new in them. */
const turns: readonly WorldName[] = [
  ...(['memory', 'waiting', 'memory', 'host', 'memory'] as const),
  ...(['portable', 'waiting', 'memory', 'mapped', 'read-only', 'hiding'] as const),
];

export interface FuzzOptions {
  readonly seed: number;
  /** When to end. */
  readonly isEnough: (counts: FuzzCounts) => boolean;
  /** Called with each case that broke something, as short as possible; without effect on what comes next. */
  readonly onFound: (found: FuzzCase, violation: Violation) => void;
}

export interface FuzzCounts {
  readonly messages: MessageCounts;
  readonly rings: RingCounts;
  found: number;
}

/** Ten messages to a ring, until it is enough. */
export async function fuzz({ seed, isEnough, onFound }: FuzzOptions): Promise<FuzzCounts> {
  const worlds = new Worlds();
  const messages = new MessageFuzzer(seed, worlds);
  const rings = new RingFuzzer(seed + 1);
  const counts: FuzzCounts = { messages: messages.counts, rings: rings.counts, found: 0 };
  const stray = strayRejections();
  try {
    for (let turn = 0; !isEnough(counts); turn++) {
      const isRing = rings.counts.rings * 10 < messages.counts.messages;
      const result = isRing ? await rings.next() : await messages.next(turns[turn % turns.length] as WorldName);
      stray.check();
      if (result === undefined) continue;
      counts.found++;
      onFound(result.found, result.violation);
    }
  } finally {
    stray.end();
    worlds.dispose();
  }
  return counts;
}

/** A rejection that nobody waits for is a mistake that would end the process of a machine. */
function strayRejections(): { check(): void; end(): void } {
  let first: unknown;
  const hear = (reason: unknown): void => void (first ??= reason);
  process.on('unhandledRejection', hear);
  return {
    check: () => {
      if (first !== undefined) throw first;
    },
    end: () => void process.off('unhandledRejection', hear),
  };
}

/** Runs a case as it is written; gives what it broke. */
export async function replay(fuzzCase: FuzzCase, worlds: Worlds): Promise<Violation | undefined> {
  return fuzzCase.kind === 'messages' ? replayMessages(fuzzCase, worlds) : replayRings(fuzzCase);
}

function toJson(fuzzCase: FuzzCase): string {
  return fuzzCase.kind === 'messages' ? messageCaseToJson(fuzzCase) : ringCaseToJson(fuzzCase);
}

function fromJson(text: string): FuzzCase {
  const read = JSON.parse(text) as FuzzCase;
  return read.kind === 'messages' ? messageCaseFromJson(read) : read;
}

/** The cases of a folder, by their file names. */
export function readCorpus(folder: string): ReadonlyMap<string, FuzzCase> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return new Map(names.toSorted().map((name) => [name, fromJson(readFileSync(join(folder, name), 'utf8'))]));
}

/** Keeps a case in a folder, and gives the file's name. */
export function keepCase(folder: string, found: FuzzCase): string {
  mkdirSync(folder, { recursive: true });
  const text = toJson(found);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const words = (found.note ?? 'case')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  const name = `${found.kind}-${words}-${digest}.json`;
  writeFileSync(join(folder, name), text);
  return name;
}
