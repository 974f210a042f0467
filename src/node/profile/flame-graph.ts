// Folded stacks as a page of its own: a tree of frames, each as wide as it was met.
import type { FoldedStacks } from './fold.ts';

interface Frame {
  readonly name: string;
  /** Samples in it and in what it called. */
  count: number;
  readonly children: Map<string, Frame>;
}

/** As the page's script reads it: name, samples, children. */
type Written = readonly [string, number, readonly Written[]];

/** The template with the stacks in the place of its `STACKS`. */
export function flameGraph(stacks: FoldedStacks, template: string): string {
  const root: Frame = { name: 'all', count: 0, children: new Map() };
  for (const [stack, count] of stacks) {
    let frame = root;
    frame.count += count;
    for (const name of stack.split(';')) {
      const child: Frame = frame.children.get(name) ?? { name, count: 0, children: new Map() };
      frame.children.set(name, child);
      child.count += count;
      frame = child;
    }
  }
  // A name must not end the script that it is in.
  const data = JSON.stringify(written(root)).replaceAll('<', '\\u003c');
  return template.replace('STACKS', () => data);
}

function written({ name, count, children }: Frame): Written {
  const sorted = [...children.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  return [name, count, sorted.map(written)];
}
