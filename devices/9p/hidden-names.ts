// Which names of a tree are hidden, by patterns as in .gitignore: one without a slash is a name in any folder, one with a slash
// in front or between is a path from the root. `*` is any number of characters, `?` is one, `[a-z]` and `[!a-z]` one of a set, `\`
// takes the next character as it is, and `**` between slashes is any number of folders. What is in a hidden folder is hidden
// with it. Exceptions (`!`) are not known: a rule that shows must not depend on where it stands.
//
// Each folder has a place: the parts of patterns that its names are compared with. From place to place leads a name.
import type { Bytes } from '../ports.ts';

/** One character of a pattern, as code points: undefined is `?`. */
type Character =
  number | undefined | { readonly ranges: readonly (readonly [number, number])[]; readonly not: boolean };
/** One component of a pattern; 'folders' is `**`. */
type Part = 'folders' | readonly (Character | 'any')[];

/** Indexes of parts, in order. */
export type PatternPlace = readonly number[];

export interface HiddenNamesOptions {
  /** As the store's file system does: then letters count as equal, and so do forms of a letter (Unicode's NFC and NFD). */
  readonly ignoreCase?: boolean;
}

const slash = '/';

export class HiddenNames {
  /** The place of the root. */
  readonly root: PatternPlace;
  /** Whether a name is hidden or not in whatever folder it is. */
  readonly areNames: boolean;
  /** The parts of all patterns, undefined behind each. */
  readonly #parts: (Part | undefined)[] = [];
  readonly #ignoreCase: boolean;

  /** Throws Error that says what is wrong with a pattern. */
  constructor(patterns: readonly string[], { ignoreCase = false }: HiddenNamesOptions = {}) {
    this.#ignoreCase = ignoreCase;
    const starts = patterns.map((pattern) => {
      const start = this.#parts.length;
      this.#parts.push(...partsOf(this.#folded(pattern), pattern), undefined);
      return start;
    });
    this.root = this.#closed(starts);
    this.areNames = patterns.every((pattern) => !pattern.replace(/\/$/, '').includes(slash));
  }

  /** The place of a folder in a folder; 'hidden' for a name that is hidden there. */
  below(place: PatternPlace, name: Bytes): PatternPlace | 'hidden' {
    const characters = this.#charactersOf(name);
    const reached: number[] = [];
    for (const index of place) {
      const part = this.#parts[index];
      if (part === 'folders') reached.push(index);
      else if (part !== undefined && matches(part, characters)) {
        if (this.#parts[index + 1] === undefined) return 'hidden';
        reached.push(index + 1);
      }
    }
    return this.#closed(reached);
  }

  /** Whether all that is hidden below `one` is hidden below `other` as well. */
  hidesAtLeast(one: PatternPlace, other: PatternPlace): boolean {
    return one.every((index) => other.includes(index));
  }

  /** `**` may stand for no folder at all. */
  #closed(indexes: readonly number[]): PatternPlace {
    const all = new Set(indexes);
    for (const index of all) if (this.#parts[index] === 'folders') all.add(index + 1);
    return [...all].toSorted((a, b) => a - b);
  }

  #folded(text: string): string {
    return this.#ignoreCase ? text.normalize('NFC').toLowerCase() : text;
  }

  /** A name that is no UTF-8 has a character of no alphabet for each byte beyond ASCII: only `*`, `?` and sets match it. */
  #charactersOf(name: Bytes): readonly number[] {
    let text: string;
    try {
      text = utf8.decode(name);
    } catch {
      return Array.from(name, (byte) => (byte < 0x80 ? byte : loneSurrogate + byte));
    }
    return codePoints(this.#folded(text));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const loneSurrogate = 0xdc00;

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) as number);
}

function partsOf(pattern: string, written: string): Part[] {
  const problem = (what: string): Error => new Error(`the pattern "${written}" ${what}`);
  if (pattern.startsWith('!'))
    throw problem('begins with !, and exceptions are not known; a name with ! is written \\!');
  const isAnchored = pattern.replace(/\/$/, '').includes(slash);
  const components = pattern.replace(/^\//, '').replace(/\/$/, '').split(slash);
  const parts = components.map((component): Part => {
    if (component === '') throw problem('has an empty component');
    if (component === '.' || component === '..') throw problem(`has the component "${component}", which is no name`);
    return component === '**' ? 'folders' : charactersOf(component, problem);
  });
  // a/** is all that is in a, but not a itself.
  if (parts.at(-1) === 'folders') parts.push(['any']);
  return isAnchored ? parts : ['folders', ...parts];
}

function charactersOf(component: string, problem: (what: string) => Error): (Character | 'any')[] {
  const points = Array.from(component);
  const characters: (Character | 'any')[] = [];
  for (let at = 0; at < points.length; at++) {
    const character = points[at] as string;
    if (character === '*') characters.push('any');
    else if (character === '?') characters.push(undefined);
    else if (character === '[') {
      const set = setOf(points, at + 1);
      if (set === undefined) throw problem('has a [ without its ]; the character itself is written \\[');
      characters.push({ ranges: set.ranges, not: set.not });
      at = set.end;
    } else if (character === '\\') {
      const next = points[++at];
      if (next === undefined) throw problem('ends with a \\');
      characters.push(next.codePointAt(0));
    } else characters.push(character.codePointAt(0));
  }
  return characters;
}

/** Reads a set from behind its `[`. */
function setOf(
  points: readonly string[],
  start: number,
): { readonly ranges: (readonly [number, number])[]; readonly not: boolean; readonly end: number } | undefined {
  let at = start;
  const not = points[at] === '!' || points[at] === '^';
  if (not) at++;
  const ranges: (readonly [number, number])[] = [];
  const point = (): number | undefined => {
    if (points[at] === '\\') at++;
    return points[at++]?.codePointAt(0);
  };
  // A ] in front is one of the set.
  for (const first = at; at < points.length && (points[at] !== ']' || at === first);) {
    const low = point();
    const isRange = points[at] === '-' && points[at + 1] !== ']' && points[at + 1] !== undefined;
    if (isRange) at++;
    const high = isRange ? point() : low;
    if (low === undefined || high === undefined) return undefined;
    ranges.push([low, high]);
  }
  return at < points.length ? { ranges, not, end: at } : undefined;
}

function isIn(character: Character, point: number): boolean {
  if (character === undefined || typeof character === 'number') return character === undefined || character === point;
  return character.ranges.some(([low, high]) => low <= point && point <= high) !== character.not;
}

/** In the time of pattern times name, whatever both are: only the last `*` is ever tried again. */
function matches(part: Exclude<Part, 'folders'>, name: readonly number[]): boolean {
  let [at, used] = [0, 0];
  let again: { readonly part: number; name: number } | undefined;
  while (used < name.length) {
    const character = part[at];
    if (character === 'any') again = { part: ++at, name: used };
    else if (at < part.length && isIn(character, name[used] as number)) {
      at++;
      used++;
    } else if (again === undefined) return false;
    else {
      at = again.part;
      used = ++again.name;
    }
  }
  while (part[at] === 'any') at++;
  return at === part.length;
}
