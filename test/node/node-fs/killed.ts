// Kills the process of a share again and again, and looks at what it left.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { build } from 'esbuild';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { setUserId } from '../../../src/node/node-fs/modes.ts';
import type { SecurityModel } from '../../../src/node/node-fs/security.ts';
import { bytes } from '../../backend-suite/guest.ts';
import { Choices } from '../../cpu/riscv/stream/random.ts';
import { after, randomSteps } from './killed-steps.ts';
import type { Seen, State, Step } from './killed-steps.ts';

/** Steps of a process that dies by itself, which make some ten calls each, and of one that is killed. */
const ownSteps = 60;
const manySteps = 100_000;
/** Milliseconds after which the latest is killed: a step takes a tenth of one. */
const longestLife = 60;

export interface Kills {
  /** Processes that died before they were done. */
  killed: number;
  /** Steps that were under way then, by kind. */
  readonly during: Map<Step['kind'], number>;
}

function look(folder: string, model: SecurityModel): State {
  const backend = NodeFsBackend.open(folder, { readOnly: true, security: { model } });
  const root = backend.root();
  const found = new Map<string, Seen>();
  for (const name of readdirSync(folder)) {
    const node = backend.lookup(root, bytes(name))!;
    const { mode, uid, gid, size } = backend.getattr(node);
    const type = mode & fileType.mask;
    let content = Buffer.alloc(0);
    if (type === fileType.link) content = Buffer.from(backend.readlink(node));
    else if (type === fileType.file) {
      content = Buffer.alloc(size);
      const file = backend.open(node, openFlags.readOnly);
      backend.read(file, 0, [content]);
      void backend.release(file);
    }
    const isLink = type === fileType.link;
    found.set(name, { mode: isLink ? type : mode, uid: isLink ? 0 : uid, gid: isLink ? 0 : gid, content });
    backend.forget(node);
  }
  backend.forget(root);
  void backend.close();
  return found;
}

/** With security=default: set where attributes are kept, else the host's user could not read them; it goes after they have. */
const readableByOwner = 0o400;

/** Whether a file is what it may be while a step changes it: each byte, owner and bit of the mode the old one or the new one. */
function isBetween(found: Seen, before: Seen, next: Seen, model: SecurityModel): boolean {
  const isOneOf = (key: 'uid' | 'gid'): boolean => found[key] === before[key] || found[key] === next[key];
  // SUID may be gone meanwhile.
  const lacking = before.mode & next.mode & ~found.mode & ~setUserId;
  const passing = model === 'default' ? readableByOwner : 0;
  if ((found.mode & ~(before.mode | next.mode | passing)) !== 0 || lacking !== 0) return false;
  if (!isOneOf('uid') || !isOneOf('gid')) return false;
  const [shortest, longest] = [before.content.length, next.content.length];
  if (found.content.length < shortest || found.content.length > longest) return false;
  if (!found.content.every((byte, index) => byte === before.content[index] || byte === next.content[index]))
    return false;
  // SUID that has to go is gone before what it was for.
  const keepsLost = (found.mode & ~next.mode & setUserId) !== 0;
  return !keepsLost || (found.uid === before.uid && found.content.equals(before.content));
}

function without(state: State, name: string): State {
  return new Map([...state].filter(([each]) => each !== name));
}

/** Throws where `found` is not what the last step, which was under way or done, may have left. */
function check(found: State, step: Step, before: State, isDone: boolean, model: SecurityModel): void {
  const next = after(before, step);
  if (isDeepStrictEqual(found, next)) return;
  const fail = (): never => {
    const show = (state: State): string =>
      [...state]
        .map(([name, { mode, uid, gid, content }]) => `${name} ${mode.toString(8)} ${uid}:${gid} ${content.length}`)
        .toSorted()
        .join('\n  ');
    throw new Error(
      `${isDone ? 'after' : 'during'} ${JSON.stringify({ ...step, data: undefined })}\n` +
        `  ${show(found)}\nwas\n  ${show(before)}\nand was to be\n  ${show(next)}`,
    );
  };
  if (isDone) fail();
  if (isDeepStrictEqual(found, before)) return;
  // A folder can not be made with its owner in one step: it is there, empty, and the host's until it is the guest's.
  if (step.kind === 'mkdir') {
    const made = found.get(step.name);
    if ((made?.mode ?? 0) >> 12 !== fileType.folder >> 12 || !isDeepStrictEqual(without(found, step.name), before))
      fail();
    return;
  }
  if (step.kind !== 'chmod' && step.kind !== 'chown' && step.kind !== 'write') return fail();
  const { name } = step;
  const isTorn = !isBetween(found.get(name)!, before.get(name)!, next.get(name)!, model);
  if (isTorn || !isDeepStrictEqual(without(found, name), without(before, name))) fail();
}

/** The program, where it finds koffi. */
export async function buildProgram(place: string): Promise<string> {
  const program = join(place, 'program.mjs');
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(place, 'node_modules'));
  await build({
    entryPoints: [fileURLToPath(new URL('programs/killed.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'error',
  });
  return program;
}

/** Kills `count` processes, every second by itself between two calls, and checks what each has left. */
export async function killAgainAndAgain(model: SecurityModel, seed: number, count: number): Promise<Kills> {
  const kills: Kills = { killed: 0, during: new Map() };
  const place = mkdtempSync(join(tmpdir(), 'vm9-killed-'));
  try {
    const program = await buildProgram(place);
    for (let index = 0; index < count; index++) {
      const random = new Choices(seed + index);
      const dieBefore = index % 2 === 0 ? 1 + random.below(ownSteps * 8) : 0;
      const steps = dieBefore > 0 ? ownSteps : manySteps;
      const [share, progress] = [join(place, 'share'), join(place, 'progress')];
      mkdirSync(share);
      const args = [program, share, progress, model, seed + index, steps, dieBefore].map(String);
      const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise<string | null>((resolve) => process_.on('exit', (_code, signal) => resolve(signal)));
      if (dieBefore === 0) {
        await new Promise((resolve) => process_.stdout.once('data', resolve));
        await delay(random.below(longestLife));
        process_.kill('SIGKILL');
      }
      if ((await ended) === 'SIGKILL') kills.killed++;
      const said = readFileSync(progress, 'latin1');
      const begun = said.split('b').length - 1;
      let number = 0;
      for (const [step, before] of randomSteps(seed + index)) {
        if (begun === 0 || ++number < begun) {
          if (begun > 0) continue;
          check(look(share, model), { kind: 'fsync' }, before, true, model);
          break;
        }
        const isDone = said.endsWith('d');
        if (!isDone) kills.during.set(step.kind, (kills.during.get(step.kind) ?? 0) + 1);
        try {
          check(look(share, model), step, before, isDone, model);
        } catch (error) {
          throw new Error(`security=${model}, seed ${seed + index}, dies before call ${dieBefore}`, { cause: error });
        }
        break;
      }
      rmSync(share, { recursive: true });
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return kills;
}
