// Structured code for any graph: a program that walks the graph block by block, and the WebAssembly that the writer makes
// of it, take the same way.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ControlFlow } from '../../src/cpu/control-flow.ts';
import type { Graph } from '../../src/cpu/control-flow.ts';
import { StructuredWriter } from '../../src/cpu/structured-writer.ts';
import { memoryOp, ModuleBuilder, op, valueType } from '../../src/wasm/module.ts';

const { i32 } = valueType;
/** Blocks that a walk visits at most. */
const walkLength = 60;

/** Which way a block goes the nth time: by the bits of a number. */
function choice(decisions: number, step: number, ways: number): number {
  return ((decisions >>> (step % 31)) & 1) % ways;
}

/** The blocks of a walk in order, until an edge leads out of the structure or nowhere. */
function walk(graph: Graph, flow: ControlFlow, decisions: number): number[] {
  const visited: number[] = [];
  for (let block = 0; visited.length < walkLength;) {
    visited.push(block);
    const successors = graph[block]!;
    if (successors.length === 0) break;
    const to = successors[choice(decisions, visited.length - 1, successors.length)]!;
    if (flow.isIrreducible(block, to)) break;
    block = to;
  }
  return visited;
}

/** A function that notes each block it comes by, and goes the same way. */
function compile(graph: Graph, flow: ControlFlow): (decisions: number) => number[] {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
  const code = module.function([i32], [i32]);
  const count = code.i32();
  const left = code.block();
  const writer = new StructuredWriter(code, flow, (block) => {
    code.get(count).i32Const(walkLength).op(op.i32_ge_u).brIf(left);
    code.get(count).i32Const(block).memory(memoryOp.i32_store8, 0);
    const successors = graph[block]!;
    const go = (to: number): void => {
      if (flow.isIrreducible(block, to)) code.br(left);
      else writer.transfer(block, to);
    };
    const step = (): void => {
      code.get(count).i32Const(1).op(op.i32_add).set(count);
    };
    if (successors.length < 2) {
      step();
      if (successors.length === 0) code.br(left);
      else go(successors[0]!);
      return;
    }
    code.get(code.parameter(0)).get(count).i32Const(31).op(op.i32_rem_u).op(op.i32_shr_u).i32Const(1).op(op.i32_and);
    step();
    code.if();
    go(successors[1]!);
    code.end();
    go(successors[0]!);
  });
  writer.write();
  code.end();
  code.get(count);
  module.exportFunction('walk', code);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { env: { memory } });
  const run = exports['walk'] as (decisions: number) => number;
  return (decisions) => [...new Uint8Array(memory.buffer, 0, run(decisions))];
}

const graphs: fc.Arbitrary<Graph> = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 2 }), { minLength: size, maxLength: size }));

describe('structured control flow', () => {
  it('takes the way of the graph, whatever the graph', () => {
    fc.assert(
      fc.property(graphs, fc.array(fc.nat(0x7fff_ffff), { minLength: 6, maxLength: 6 }), (graph, decisions) => {
        const flow = new ControlFlow(graph);
        const run = compile(graph, flow);
        for (const one of decisions) expect(run(one)).toEqual(walk(graph, flow, one));
      }),
      { numRuns: 400 },
    );
  });

  it('knows the longest way to the next loop, which no walk exceeds and one has', () => {
    const weighted = graphs.chain((graph) =>
      fc.tuple(fc.constant(graph), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 12, maxLength: 12 })),
    );
    fc.assert(
      fc.property(weighted, ([graph, weights]) => {
        const flow = new ControlFlow(graph);
        const longest = flow.longestPaths(weights.slice(0, graph.length));
        /** Every way from a block until a loop begins, by what it weighs. */
        const ways = (block: number): number[] =>
          [0]
            .concat(
              graph[block]!.filter((to) => !flow.isIrreducible(block, to) && !flow.isLoop(to)).flatMap((to) =>
                ways(to),
              ),
            )
            .map((rest) => rest + weights[block]!);
        const reached = new Set([0]);
        for (const block of reached)
          for (const to of graph[block]!) if (!flow.isIrreducible(block, to)) reached.add(to);
        for (const block of reached) expect(longest[block]).toBe(Math.max(...ways(block)));
      }),
      { numRuns: 300 },
    );
  });

  it('takes out an edge into the middle of a loop, and no other', () => {
    // 1 and 2 lead to each other, and 0 leads to both: neither is before the other.
    const flow = new ControlFlow([[1, 2], [2], [1]]);
    const edges = [
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 1],
    ] as const;
    expect(edges.filter(([from, to]) => flow.isIrreducible(from, to))).toHaveLength(1);
  });

  it('keeps every edge of nested loops with several ways out', () => {
    const graph = [[1], [2, 6], [3, 5], [2, 4], [1, 5], [1, 6], []];
    const flow = new ControlFlow(graph);
    const all = graph.flatMap((successors, from) => successors.map((to) => [from, to] as const));
    expect(all.filter(([from, to]) => flow.isIrreducible(from, to))).toEqual([]);
    expect([1, 2].every((block) => flow.isLoop(block))).toBe(true);
  });
});
