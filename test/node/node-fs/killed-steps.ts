// What a guest does until its process is killed: random, but the same for a seed, so that who looks afterwards knows how far it
// may have come.
import { withoutOwnersPrivileges, withoutPrivileges } from '../../../src/node/node-fs/modes.ts';
import { fileType } from '../../../devices/9p/backend.ts';
import { Choices } from '../../cpu/riscv/stream/random.ts';

export interface Seen {
  /** With the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file; the target of a link. */
  readonly content: Buffer;
}

/** The names of the one folder. */
export type State = ReadonlyMap<string, Seen>;

/** Each is one message that changes something, or fsync. A file that was created stays open until the next is. */
export type Step =
  | { readonly kind: 'create' | 'mkdir'; readonly name: string; readonly uid: number; readonly mode: number }
  | { readonly kind: 'symlink'; readonly name: string; readonly uid: number; readonly target: string }
  | { readonly kind: 'write'; readonly name: string; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'fsync' }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly name: string; readonly isFolder: boolean }
  | { readonly kind: 'chmod'; readonly name: string; readonly mode: number }
  | { readonly kind: 'chown'; readonly name: string; readonly uid: number };

const names = Array.from({ length: 12 }, (_, index) => `name-${index}`);
/** The guest's root, and another user. */
const users = [0, 1000];
const fileModes = [0o644, 0o600, 0o666, 0o755, 0o4755, 0o400, 0o060];
const folderModes = [0o755, 0o700, 0o777];
const longestWrite = 60_000;
const nothing = Buffer.alloc(0);

function typeOf({ mode }: Seen): number {
  return mode & fileType.mask;
}

function afterWrite(file: Seen, offset: number, data: Buffer): Seen {
  const content = Buffer.alloc(Math.max(file.content.length, offset + data.length));
  file.content.copy(content);
  data.copy(content, offset);
  return { ...file, content, mode: withoutPrivileges(file.mode) };
}

/** What is there after a step. Owner and mode of a link are nobody's business. */
export function after(state: State, step: Step): State {
  const next = new Map(state);
  const of = (name: string): Seen => state.get(name)!;
  if (step.kind === 'create' || step.kind === 'mkdir') {
    const type = step.kind === 'create' ? fileType.file : fileType.folder;
    next.set(step.name, { mode: type | step.mode, uid: step.uid, gid: step.uid, content: nothing });
  } else if (step.kind === 'symlink')
    next.set(step.name, { mode: fileType.link, uid: 0, gid: 0, content: Buffer.from(step.target) });
  else if (step.kind === 'write') next.set(step.name, afterWrite(of(step.name), step.offset, step.data));
  else if (step.kind === 'rename') {
    next.delete(step.name);
    next.set(step.to, of(step.name));
  } else if (step.kind === 'unlink') next.delete(step.name);
  else if (step.kind === 'chmod') {
    const file = of(step.name);
    next.set(step.name, { ...file, mode: typeOf(file) | step.mode });
  } else if (step.kind === 'chown') {
    const file = of(step.name);
    next.set(step.name, { ...file, uid: step.uid, gid: step.uid, mode: withoutOwnersPrivileges(file.mode) });
  }
  return next;
}

/** Steps without end, each with what is there before it. */
export function* randomSteps(seed: number): Generator<readonly [step: Step, before: State]> {
  const random = new Choices(seed);
  let state: State = new Map();
  /** The name of the file that is open. */
  let open: string | undefined;
  for (;;) {
    const free = names.filter((name) => !state.has(name));
    const taken = [...state].filter(([name]) => name !== open);
    const files = [...state].filter(([, seen]) => typeOf(seen) !== fileType.link).map(([name]) => name);
    const isFile = ([, seen]: readonly [string, Seen]): boolean => typeOf(seen) === fileType.file;
    const kind = random.weighted<Step['kind']>([
      [free.length > 0 ? 6 : 0, 'create'],
      [free.length > 0 ? 1 : 0, 'mkdir'],
      [free.length > 0 ? 2 : 0, 'symlink'],
      [open === undefined ? 0 : 8, 'write'],
      [open === undefined ? 0 : 1, 'fsync'],
      [taken.length > 0 ? 4 : 0, 'rename'],
      [taken.length > 0 ? (free.length > 0 ? 2 : 20) : 0, 'unlink'],
      [files.length > 0 ? 2 : 0, 'chmod'],
      [files.length > 0 ? 2 : 0, 'chown'],
    ]);
    let step: Step;
    if (kind === 'create')
      step = { kind, name: random.pick(free), uid: random.pick(users), mode: random.pick(fileModes) };
    else if (kind === 'mkdir')
      step = { kind, name: random.pick(free), uid: random.pick(users), mode: random.pick(folderModes) };
    else if (kind === 'symlink')
      step = { kind, name: random.pick(free), uid: random.pick(users), target: `to-${random.below(1000)}` };
    else if (kind === 'write') {
      const offset = random.below(state.get(open!)!.content.length + 1);
      const data = Buffer.alloc(1 + random.below(longestWrite), 1 + random.below(255));
      step = { kind, name: open!, offset, data };
    } else if (kind === 'rename') {
      const from = random.pick(taken);
      // A file may replace a file.
      const others = isFile(from) ? taken.filter((each) => isFile(each) && each !== from).map(([name]) => name) : [];
      const targets = [...free, ...others];
      if (targets.length === 0) continue;
      step = { kind, name: from[0], to: random.pick(targets) };
    } else if (kind === 'unlink') {
      const [name, seen] = random.pick(taken);
      step = { kind, name, isFolder: typeOf(seen) === fileType.folder };
    } else if (kind === 'chmod') {
      const name = random.pick(files);
      const isFolder = typeOf(state.get(name)!) === fileType.folder;
      step = { kind, name, mode: random.pick(isFolder ? folderModes : fileModes) };
    } else if (kind === 'chown') step = { kind, name: random.pick(files), uid: random.pick(users) };
    else step = { kind: 'fsync' };
    yield [step, state];
    state = after(state, step);
    if (step.kind === 'create') open = step.name;
  }
}
