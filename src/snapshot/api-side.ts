// What the thread with the API fetches when a machine is saved or resumed, and not before.
import type { Bytes, Log } from '../../devices/ports.ts';
import type { Platform } from '../platform.ts';
import { programVersion } from '../version.ts';
import type { Drive } from '../vm-drives.ts';
import type { CacheMode, Share, VmOptions } from '../vm-options.ts';
import type { PreparedRun, VmRun } from '../vm-run.ts';
import type { MachineSetup } from '../worker-protocol.ts';
import type { SnapshotDescription } from '../describe-snapshot.ts';
import { SnapshotFile } from './container.ts';
import { packSnapshot, readHost, readRecord, recordOf } from './host-record.ts';
import { Resumption } from './resumption.ts';
import { readShape } from './shape.ts';

export { RunSaving } from './run-saving.ts';

/** The whole file. Tells `log` what may make it useless. Throws SnapshotError, VmError. */
export async function saveVm(
  run: VmRun,
  shares: readonly Share[],
  drives: readonly Drive[],
  stop: boolean,
  log: Log,
): Promise<Uint8Array<ArrayBuffer>> {
  const { sections, setup, state } = await run.save(stop);
  const written = stop ? undefined : drives.find(({ readOnly }) => !readOnly);
  if (written !== undefined) {
    log(
      `drive ${written.serial} can be written to while the machine runs on: once it was, this ` +
        'snapshot is refused. Save with stop, or keep a copy of the disk as it is now',
    );
  }
  return packSnapshot(programVersion, sections, { ...recordOf({ ...setup, shares, drives }), ...state });
}

/** What a machine that goes on from a snapshot is made for. */
export interface Resuming {
  readonly platform: Pick<Platform, 'fillAhead'>;
  /** That of one that would boot, with the same options. */
  readonly setup: MachineSetup;
  readonly options: VmOptions;
  readonly shares: readonly Share[];
  readonly drives: readonly Drive[];
}

/** For whoever fills the memory. */
const ramSections = ['pages', 'ram', 'decoded'];

/** `isOwn`: the snapshot is this program's, see MachineSetup.resumeIsWhole, and may be given away. Throws SnapshotError. */
export async function prepareToResume(
  resume: Bytes,
  isOwn: boolean,
  { platform, setup, options, shares, drives }: Resuming,
): Promise<PreparedRun> {
  const file = new SnapshotFile(resume, isOwn);
  const { memory, clock, transport, cpuFeatures } = options;
  const record = readHost(file, { memory, clock, transport, cpuFeatures, shares, drives });
  const prepared: MachineSetup = {
    ...setup,
    memoryBytes: record.memoryBytes,
    transport: record.transport,
    clock: record.clock,
    features: record.features,
    shape: readShape(file),
    ...(isOwn && { resumeIsWhole: true }),
  };
  const resumption = new Resumption(record);
  const filling = setup.sharedMemory ? await platform.fillAhead?.(file, record.memoryBytes) : undefined;
  if (filling === undefined) {
    const sections = file.names.map((name) => ({ name, bytes: file.section(name) }));
    const transfer = isOwn && resume.buffer instanceof ArrayBuffer ? [resume.buffer] : [];
    return { setup: { ...prepared, resume: sections }, transfer, resumption };
  }
  // Copies: of a part all of the file would be posted.
  const sections = file.names
    .filter((name) => !ramSections.includes(name))
    .map((name) => ({ name, bytes: new Uint8Array(file.section(name)) }));
  const transfer = sections.map(({ bytes }) => bytes.buffer);
  return {
    setup: { ...prepared, resume: sections, memory: filling.memory },
    transfer,
    resumption,
    filled: filling.filled,
  };
}

/** Reads all of the file, so that what is damaged is found before a machine is made of it. Throws SnapshotError 'bad-file'. */
export function describe(bytes: Bytes): SnapshotDescription {
  const file = new SnapshotFile(bytes);
  for (const name of file.names) file.section(name);
  const { memoryBytes, clock, transport, shares, drives } = readRecord(file);
  return {
    program: file.program,
    memory: memoryBytes / 2 ** 20,
    clock,
    transport,
    shares: shares.map(({ mount, cache, ...share }) => ({
      ...share,
      mount: mount === '' ? undefined : mount,
      // Whether this program has such a mode shows when a machine is made with it.
      cache: cache as CacheMode,
    })),
    drives: drives.map(({ serial }) => serial),
  };
}
