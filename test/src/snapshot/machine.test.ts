// Snapshots of a small machine, with records that somebody has changed and checksums that are right.
import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { decodePlain, encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import { runCounted } from '../../cpu/counted-machine.ts';
import { assemble } from '../../cpu/riscv/assembler.ts';
import { makeImage } from '../kernel-files.ts';
import { SnapshotError } from '../../../src/snapshot/snapshot-error.ts';

/** Counts for some slices, then ends the machine. */
const program = `
    li t0, 200000
  again:
    addi t0, t0, -1
    bnez t0, again
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stop`;

const kernel = makeImage({ length: 0x1000 });
kernel.set(assemble(program, 0n).bytes, 64);
new DataView(kernel.buffer).setUint32(0, 0x0400_006f, true);
const run = { kernel, memoryBytes: 16 << 20 };
let file: SnapshotFile;

beforeAll(async () => {
  const { snapshot } = await runCounted({ ...run, saveAt: 0 });
  file = new SnapshotFile(snapshot!);
});

function withMachine(record: Plain): Uint8Array {
  const sections = file.names.map((name) => ({ name, bytes: Uint8Array.from(file.section(name)) }));
  return writeSnapshot(
    'x',
    sections.map(({ name, bytes }) => ({ name, bytes: name === 'machine' ? encodePlain(record) : bytes })),
  );
}

/** Places of a record, as ways from its root. */
function places(value: Plain, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) => places(member, [...path, name]))];
}

function put(value: Plain, [name, ...rest]: readonly string[], change: Plain): Plain {
  if (name === undefined) return change;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, Plain>;
  copy[name] = put(copy[name], rest, change);
  return copy;
}

const anything = fc.oneof(
  fc.constant(undefined),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.string(),
  fc.uint8Array({ maxLength: 100_000, size: 'max' }),
  fc.int32Array({ maxLength: 5000, size: 'max' }),
  fc.bigInt64Array({ maxLength: 64 }),
  fc.constant([]),
  fc.array(fc.integer(), { maxLength: 200 }),
  fc.constant({}),
) as fc.Arbitrary<Plain>;

test('the machine goes on from the record as it is', async () => {
  const record = decodePlain(file.section('machine'), 'x');
  const { reason, instructions } = await runCounted({ ...run, resume: withMachine(record), patience: 10_000 });
  expect({ reason, more: instructions > 400_000 }).toEqual({ reason: 'power-off', more: true });
});

test('a record with anything in it ends in a machine or in an error that says so', async () => {
  const record = decodePlain(file.section('machine'), 'x');
  const all = places(record);
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.nat(all.length - 1), anything, async (place, change) => {
      const resume = withMachine(put(record, all[place]!, change));
      let end: string;
      try {
        // A guest whose registers are anything may run for ever.
        end = (await runCounted({ ...run, resume, patience: 50 })).reason;
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw new Error(all[place]!.join('.'), { cause: error });
        end = error.code;
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }),
    { numRuns: 40 },
  );
  expect([...ends.keys()].filter((end) => end === 'internal')).toEqual([]);
});
