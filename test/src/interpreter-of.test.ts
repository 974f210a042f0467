// The interpreter that is made ahead is the one that the hart would make.
import { expect, test } from 'vitest';
import { makeInterpreter } from '../../src/interpreter-of.ts';
import { SnapshotFile } from '../../src/snapshot/container.ts';
import { readWarm } from '../../src/snapshot/warm-hart.ts';
import { runCounted } from '../cpu/counted-machine.ts';
import { assemble } from '../cpu/riscv/assembler.ts';
import { makeImage } from './kernel-files.ts';

/** Runs until it is saved. */
const kernel = makeImage({ length: 0x1000 });
kernel.set(assemble('again: j again', 0n).bytes, 64);
new DataView(kernel.buffer).setUint32(0, 0x0400_006f, true);

test.each(['interpreter', 'translator'] as const)('of a machine with the %s', async (cpu) => {
  const memoryBytes = 16 << 20;
  const { snapshot } = await runCounted({
    kernel,
    memoryBytes,
    cpu,
    warm: true,
    saveAt: 0,
  });
  const made = readWarm(new SnapshotFile(snapshot!))?.interpreter;
  expect(made?.length).toBeGreaterThan(1000);
  expect(Buffer.compare(makeInterpreter(memoryBytes, true, cpu), made!)).toBe(0);
});
