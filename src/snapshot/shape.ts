// What a machine has to be made as before a snapshot can be put back into it, beyond what its options say.
import type { ResetVector } from '../reset-rom.ts';
import type { SnapshotFile } from './container.ts';
import { checkShape } from './plain.ts';
import { damaged } from './snapshot-error.ts';

export interface MachineShape {
  /** What its reset ROM tells a firmware, where it runs one in M-mode: at most one. */
  readonly rom: readonly ResetVector[];
  /** Its drives lie behind so many shares: those that came later, when it was resumed before, are behind the drives. */
  readonly sharesBeforeDrives: number;
}

/** Throws SnapshotError 'bad-file'. */
export function readShape(file: SnapshotFile): MachineShape {
  const what = 'section shape';
  const value = file.plain('shape');
  checkShape(value, { rom: [{ firmware: 0, deviceTree: 0, next: 0 }], sharesBeforeDrives: 0 }, what);
  const shape = value as MachineShape;
  const numbers = shape.rom.flatMap(({ firmware, deviceTree, next }) => [firmware, deviceTree, next]);
  const isSound = [...numbers, shape.sharesBeforeDrives].every((number) => Number.isSafeInteger(number) && number >= 0);
  if (!isSound || shape.rom.length > 1) throw damaged(what);
  return shape;
}
