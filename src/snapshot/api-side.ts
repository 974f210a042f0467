// What the thread with the API fetches when a machine is saved or resumed, and not before.
import type { Bytes } from '../../devices/ports.ts';
import { programVersion } from '../version.ts';
import type { Drive } from '../vm-drives.ts';
import type { Share, VmOptions } from '../vm-options.ts';
import type { PreparedRun, VmRun } from '../vm-run.ts';
import type { MachineSetup } from '../worker-protocol.ts';
import { packSnapshot, readHost, recordOf } from './host-record.ts';
import { Resumption } from './resumption.ts';
import { SnapshotError } from './snapshot-error.ts';

export { RunSaving } from './run-saving.ts';

/** The whole file. Throws SnapshotError, VmError. */
export async function saveVm(
  run: VmRun,
  options: VmOptions,
  shares: readonly Share[],
  drives: readonly Drive[],
  stop: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  checkFirmware(options);
  const { sections, setup, state } = await run.save(stop);
  return packSnapshot(programVersion, sections, { ...recordOf({ ...setup, shares, drives }), ...state });
}

/** Of a machine that goes on from a snapshot: `setup` is that of one that would boot, with the same options. Throws SnapshotError. */
export function prepareToResume(
  resume: Bytes,
  setup: MachineSetup,
  options: VmOptions,
  shares: readonly Share[],
  drives: readonly Drive[],
): PreparedRun {
  checkFirmware(options);
  const { memory, clock, transport, cpuFeatures } = options;
  const record = readHost(resume, { memory, clock, transport, cpuFeatures, shares, drives });
  return {
    setup: {
      ...setup,
      memoryBytes: record.memoryBytes,
      transport: record.transport,
      clock: record.clock,
      features: record.features,
      resume,
    },
    transfer: [],
    resumption: new Resumption(record),
  };
}

/** Its reset ROM, and the M-mode that only it has, are in no snapshot. */
function checkFirmware({ firmware }: VmOptions): void {
  if (firmware === undefined) return;
  throw new SnapshotError(
    'bad-option',
    'a machine with a firmware of its own is neither saved nor resumed: leave out firmware',
  );
}
