// Stacks of places become stacks of names, equal ones together: the form that other tools read too, one line for each
// stack, the outermost first, with how often it was met.
import type { ProfileSample } from '../../profile-samples.ts';
import type { CodeNames } from './names.ts';

/** By the names of a stack, the outermost first, separated by semicolons. */
export type FoldedStacks = ReadonlyMap<string, number>;

/** Stacks by task. Names of tasks are known some time after the boot, if at all. */
export function fold(samples: readonly ProfileSample[], names: CodeNames): FoldedStacks {
  const nameless = samples.some(({ task }) => task !== undefined) ? 'boot' : 'unknown task';
  const folded = new Map<string, number>();
  for (const { task = nameless, stack, user, count } of samples) {
    const frames = stack.map((place, index) => names.nameOf(place, user, index === 0 ? 0 : 1));
    const line = [task, ...frames.toReversed()].map((frame) => frame.replaceAll(/[;\n]/g, '_')).join(';');
    folded.set(line, (folded.get(line) ?? 0) + count);
  }
  return folded;
}

/** As lines of text. */
export function foldedText(stacks: FoldedStacks): string {
  return [...stacks].map(([stack, count]) => `${stack} ${count}\n`).join('');
}
