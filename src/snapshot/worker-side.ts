// What a worker fetches when its machine is saved or resumed, and not before: from a machine at rest to the answer that the
// main thread gets, and back.
import type { VirtioDevice } from '../../devices/virtio/device.ts';
import { at } from '../cpu/riscv/layout.ts';
import type { VmErrorCode } from '../errors.ts';
import type { GuestStream, GuestStreamState } from '../guest-stream.ts';
import type { Host } from '../host.ts';
import type { MachineRunOptions, WorkerMachine } from '../worker-machine.ts';
import type { StreamName } from '../worker-protocol.ts';
import { CheckedSections } from './container.ts';
import type { SavedSection, Section, Sections } from './container.ts';
import { saveDrives } from './drives.ts';
import { restoreMachine, saveMachine, saveShares } from './machine-snapshot.ts';
import type { MachineParts } from './machine-snapshot.ts';
import { checkShape } from './plain.ts';
import { restoreRam } from './ram.ts';
import { SnapshotError } from './snapshot-error.ts';
import { readWarm, saveWarm, warmUp, type WarmHart } from './warm-hart.ts';

type Streams = Readonly<Record<StreamName, GuestStream>>;

/** Milliseconds that a snapshot waits for requests of the guest to be answered. */
const answerTime = 10_000;

const exampleStream: GuestStreamState = { fromGuest: [new Uint8Array(0)], toGuest: [new Uint8Array(0)] };
const exampleStreams = { uart: exampleStream, console: exampleStream, agent: exampleStream };

/**
 * Copies a machine whose hart stands still until the promise is settled. `beside` is asked at the moment of the snapshot for what
 * belongs to it and is not the machine's own: plain data by section. Throws SnapshotError 'refused' where requests of the guest are
 * not answered.
 */
export async function takeSnapshot(
  parts: MachineParts,
  host: Host,
  packed: boolean,
  beside: () => Readonly<Record<string, object>>,
): Promise<Section[]> {
  await answerAll(parts, host);
  const shares = await saveShares(parts);
  // What clients other than the guest ask meanwhile may have led to an answer.
  await answerAll(parts, host);
  const drives = await saveDrives(parts.drives);
  const zlib = packed ? await host.zlib() : undefined;
  const warm = packed ? {} : saveWarm(parts.core.hart);
  return saveMachine(parts, shares, { ...beside(), ...warm, drives }, zlib);
}

/** Posts the answer to `save`. `end` is called behind it, with the hart still at rest: nothing of the guest is after the snapshot. */
export async function answerSave(
  machine: WorkerMachine,
  streams: Streams | undefined,
  { host, post }: Pick<MachineRunOptions, 'host' | 'post'>,
  packed: boolean,
  end: () => void,
): Promise<void> {
  const beside = (): Record<string, object> => {
    if (streams === undefined) throw new Error('a machine that runs has streams');
    const { uart, console, agent } = streams;
    return { streams: { uart: uart.state, console: console.state, agent: agent.state } };
  };
  try {
    await machine.atRest(async (parts) => {
      const sections = await takeSnapshot(parts, host, packed, beside);
      post(
        { type: 'saved', sections },
        sections.map(({ bytes }) => bytes.buffer),
      );
      end();
    });
  } catch (error) {
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    post({ type: 'saved', error: { code, message } });
  }
}

/** A machine that has stopped says so by a VmError. */
function codeOf(error: unknown): VmErrorCode {
  const isMeant = error instanceof SnapshotError || (error instanceof Error && error.name === 'VmError');
  return isMeant ? (error as SnapshotError).code : 'internal';
}

/** What a machine goes on from. */
export interface OpenSnapshot {
  readonly file: Sections;
  readonly warm: WarmHart | undefined;
}

/** `isWhole` as in MachineSetup. Throws SnapshotError 'bad-file'. */
export function openSnapshot(resume: readonly SavedSection[], isWhole: boolean): OpenSnapshot {
  const file = new CheckedSections(resume);
  return { file, warm: isWhole ? readWarm(file) : undefined };
}

/**
 * Brings a machine that has not run back to its snapshot, and tells the main thread what it would have been told: `opened` is
 * called for a port that the guest has open. `filled`: somebody puts back the RAM, and has done so when it resolves,
 * with the pages that are decoded. Throws SnapshotError 'bad-file'.
 */
export async function resumeMachine(
  { file, warm }: OpenSnapshot,
  { setup, host, post }: Pick<MachineRunOptions, 'setup' | 'host' | 'post'>,
  parts: MachineParts,
  machine: WorkerMachine | undefined,
  streams: Streams | undefined,
  filled: Promise<Int32Array | undefined> | undefined,
  opened: (port: 'console' | 'agent') => void,
): Promise<void> {
  if (machine === undefined || streams === undefined) throw new Error('nothing to resume');
  const states = file.plain('streams');
  checkShape(states, exampleStreams, 'section streams');
  const { base, length } = parts.ram;
  const ram = async (): Promise<void> => {
    if (filled === undefined) return restoreRam(file, parts.ram.view(base, length), host);
    const { pages, registers } = parts.core.hart;
    Atomics.store(registers.words, at.awaited / 4, 1);
    const decoded = await filled;
    if (decoded !== undefined) pages.adopt(decoded);
  };
  await restoreMachine(file, parts, ram, (line) => post({ type: 'log', line }));
  const { console: size } = setup;
  if (size !== undefined) machine.resizeConsole(size.columns, size.rows);
  if (warm !== undefined) warmUp(parts.core.hart, warm);
  post({ type: 'kernel' });
  if (machine.consolePort.guestOpen) opened('console');
  if (machine.agentPort.guestOpen) opened('agent');
  for (const name of Object.keys(exampleStreams) as StreamName[]) {
    streams[name].state = (states as Record<StreamName, GuestStreamState>)[name];
  }
}

/** Waits for the requests that no snapshot could hold. */
async function answerAll({ plugged }: MachineParts, host: Host): Promise<void> {
  const start = host.now();
  for (;;) {
    const slow = plugged.find(({ device }) => device.unrepeatable > 0)?.device;
    if (slow === undefined) return;
    if (host.now() - start > answerTime) throw unanswered(slow);
    await host.sleep(1).done;
  }
}

function unanswered({ name }: VirtioDevice): SnapshotError {
  return new SnapshotError(
    'refused',
    `${name} has not answered the guest's requests for ${answerTime / 1000} seconds: save again when it has`,
  );
}
