// Structured control flow out of a graph of blocks, as WebAssembly wants it: N. Ramsey, "Beyond Relooper" (ICFP 2022). It
// knows no instruction set.

/** A graph of blocks, each given by the numbers of those it may lead to. Block 0 is the entry. */
export type Graph = readonly (readonly number[])[];

const unreached = -1;

/** What the structure of code for a graph follows from. */
export class ControlFlow {
  /** Place of each block in reverse postorder, or `unreached`. */
  readonly #place: Int32Array;
  readonly #isLoop: boolean[];
  readonly #isMerge: boolean[];
  /** For each block those it dominates immediately and that several others lead to, the last in order first. */
  readonly #follows: number[][];
  readonly #irreducible = new Set<number>();
  readonly #size: number;
  /** The blocks in reverse postorder, and the edges between them without the irreducible ones. */
  readonly #order: readonly number[];
  readonly #edges: Graph;

  constructor(graph: Graph) {
    this.#size = graph.length;
    let edges = graph;
    let order: number[];
    let place: Int32Array;
    let dominator: Int32Array;
    // An edge back to a block that does not dominate its source is taken out, which adds to what dominates what, and may
    // turn others back.
    for (;;) {
      order = reversePostorder(edges);
      place = placesOf(order, this.#size);
      dominator = immediateDominators(edges, order, place);
      const known = this.#irreducible.size;
      for (const from of order) {
        for (const to of edges[from] ?? []) {
          if ((place[to] ?? 0) > (place[from] ?? 0) || dominates(dominator, place, to, from)) continue;
          this.#irreducible.add(this.#key(from, to));
        }
      }
      if (this.#irreducible.size === known) break;
      edges = edges.map((successors, from) => successors.filter((to) => !this.#irreducible.has(this.#key(from, to))));
    }
    this.#place = place;
    this.#order = order;
    this.#edges = edges;
    this.#isLoop = graph.map(() => false);
    const entries = graph.map(() => 0);
    for (const from of order) {
      for (const to of edges[from] ?? []) {
        if (this.isBackEdge(from, to)) this.#isLoop[to] = true;
        else entries[to] = (entries[to] ?? 0) + 1;
      }
    }
    this.#isMerge = entries.map((count) => count > 1);
    this.#follows = graph.map(() => []);
    for (const block of order.toReversed()) {
      if (block !== 0 && this.isMerge(block)) this.#follows[dominator[block] ?? 0]?.push(block);
    }
  }

  isLoop(block: number): boolean {
    return this.#isLoop[block] ?? false;
  }

  isMerge(block: number): boolean {
    return this.#isMerge[block] ?? false;
  }

  /** The blocks whose code stands behind that of `block`, the last one first. */
  follows(block: number): readonly number[] {
    return this.#follows[block] ?? [];
  }

  isBackEdge(from: number, to: number): boolean {
    return (this.#place[to] ?? 0) <= (this.#place[from] ?? 0);
  }

  /** Whether no structure holds this edge: it leads into the middle of a loop. */
  isIrreducible(from: number, to: number): boolean {
    return this.#irreducible.has(this.#key(from, to));
  }

  /**
   * For each block the greatest sum of weights, its own included, on a way from it on that begins no loop anew and enters
   * no other.
   */
  longestPaths(weights: readonly number[]): readonly number[] {
    const longest = weights.map(() => 0);
    for (const block of this.#order.toReversed()) {
      let beyond = 0;
      for (const to of this.#edges[block] ?? []) {
        if (!this.isLoop(to)) beyond = Math.max(beyond, longest[to] ?? 0);
      }
      longest[block] = (weights[block] ?? 0) + beyond;
    }
    return longest;
  }

  #key(from: number, to: number): number {
    return from * this.#size + to;
  }
}

function reversePostorder(graph: Graph): number[] {
  const order: number[] = [];
  const seen = new Uint8Array(graph.length);
  /** Blocks on the way, each with how many of its successors were looked at. */
  const stack: { readonly block: number; next: number }[] = [{ block: 0, next: 0 }];
  seen[0] = 1;
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const to = graph[top.block]?.[top.next++];
    if (to === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (seen[to] === 0) {
      seen[to] = 1;
      stack.push({ block: to, next: 0 });
    }
  }
  return order.reverse();
}

function placesOf(order: readonly number[], size: number): Int32Array {
  const place = new Int32Array(size).fill(unreached);
  for (const [index, block] of order.entries()) place[block] = index;
  return place;
}

/** K. D. Cooper, T. J. Harvey and K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001). */
function immediateDominators(graph: Graph, order: readonly number[], place: Int32Array): Int32Array {
  const predecessors: number[][] = graph.map(() => []);
  for (const from of order) for (const to of graph[from] ?? []) predecessors[to]?.push(from);
  const dominator = new Int32Array(graph.length).fill(unreached);
  dominator[0] = 0;
  const common = (a: number, b: number): number => {
    let [left, right] = [a, b];
    while (left !== right) {
      while ((place[left] ?? 0) > (place[right] ?? 0)) left = dominator[left] ?? 0;
      while ((place[right] ?? 0) > (place[left] ?? 0)) right = dominator[right] ?? 0;
    }
    return left;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order) {
      if (block === 0) continue;
      let found = unreached;
      for (const from of predecessors[block] ?? []) {
        if (dominator[from] === unreached) continue;
        found = found === unreached ? from : common(from, found);
      }
      if (dominator[block] === found) continue;
      dominator[block] = found;
      changed = true;
    }
  }
  return dominator;
}

function dominates(dominator: Int32Array, place: Int32Array, above: number, below: number): boolean {
  let block = below;
  while ((place[block] ?? 0) > (place[above] ?? 0)) block = dominator[block] ?? 0;
  return block === above;
}
