// What a machine is made of, as the sections of a snapshot, and back.
import type { GuestMemory } from '../../devices/guest-memory.ts';
import { exampleSession, restoreSession, saveSession } from '../../devices/9p/session-state.ts';
import type { SessionState } from '../../devices/9p/session-state.ts';
import type { Server } from '../../devices/9p/server.ts';
import type { Log, Stateful } from '../../devices/ports.ts';
import type { VirtioDevice } from '../../devices/virtio/device.ts';
import { saveDecodedPlaces } from '../cpu/riscv/decoded-state.ts';
import { restoreHart, saveHart } from '../cpu/riscv/hart-state.ts';
import { ramOffset } from '../cpu/riscv/layout.ts';
import type { CountedRandomness } from '../counted-randomness.ts';
import type { Zlib } from '../host.ts';
import type { MachineCore } from '../machine-core.ts';
import type { MachineDrive } from '../worker-machine.ts';
import type { Section, Sections } from './container.ts';
import { checkDrives } from './drives.ts';
import { checkShape, encodePlain } from './plain.ts';
import type { Plain } from './plain.ts';
import { saveRam } from './pack-ram.ts';
import type { MachineShape } from './shape.ts';
import { SnapshotError, damaged } from './snapshot-error.ts';

/** A device where it is plugged in. */
export interface PluggedDevice {
  readonly device: VirtioDevice;
  readonly transport: Stateful;
}

/** A share of the machine. */
interface SavedServer {
  readonly tag: string;
  /** Another where the share belongs to another VM. */
  readonly server: Server | object;
}

export interface MachineParts {
  readonly servers: readonly SavedServer[];
  readonly core: MachineCore;
  readonly shape: MachineShape;
  /** Of the hart's own and, from `ramOffset` on, RAM. */
  readonly memory: WebAssembly.Memory;
  readonly ram: GuestMemory;
  readonly uart: Stateful;
  readonly randomness: CountedRandomness;
  /** In the order of their slots. */
  readonly plugged: readonly PluggedDevice[];
  readonly drives: readonly MachineDrive[];
}

/** What is restored in this order: wires are driven by what comes before the PLIC, and all of them reach the hart. */
const order = ['clock', 'clint', 'rtc', 'uart', 'plic', 'sbi', 'hart'] as const;

function boardOf({ core, uart }: MachineParts): Readonly<Record<(typeof order)[number], Stateful>> {
  const { clock, clint, rtc, plic, sbi } = core;
  const hart: Stateful = {
    get state() {
      return saveHart(core.hart);
    },
    set state(state) {
      restoreHart(core.hart, state);
    },
  };
  return { clock, clint, rtc, uart, plic, sbi, hart };
}

interface DeviceRecord {
  readonly name: string;
  readonly device: object;
  readonly transport: object;
}

interface ShareRecord {
  readonly tag: string;
  readonly session: SessionState;
}

interface MachineRecord {
  readonly board: Readonly<Record<string, object>>;
  readonly randomness: bigint;
  readonly devices: readonly DeviceRecord[];
}

function recordOf(parts: MachineParts): MachineRecord {
  const board = boardOf(parts);
  return {
    board: Object.fromEntries(order.map((name) => [name, board[name].state])),
    randomness: parts.randomness.state,
    devices: parts.plugged.map(({ device, transport }) => ({
      name: device.name,
      device: device.state,
      transport: transport.state,
    })),
  };
}

/**
 * Looks up what takes time: the paths of the files that the guest has. Returns what makes the records of the shares at once.
 * Throws SnapshotError 'refused'.
 */
export async function saveShares({ servers }: MachineParts): Promise<() => ShareRecord[]> {
  const saved = servers.map(async ({ tag, server }) => {
    if (!('present' in server)) {
      throw new SnapshotError(
        'refused',
        `share "${tag}" belongs to another VM: a machine is saved without such shares`,
      );
    }
    const session = await saveSession(server.present);
    return (): ShareRecord => ({ tag, session: session() });
  });
  const records = await Promise.all(saved);
  return () => records.map((record) => record());
}

/**
 * Copies the machine, packed where there is a zlib, with what is `beside` it, by the name of the section. When it returns all may
 * change.
 */
export function saveMachine(
  parts: MachineParts,
  shares: () => readonly ShareRecord[],
  beside: Readonly<Record<string, object>>,
  zlib: Pick<Zlib, 'deflate'> | undefined,
): Promise<Section[]> {
  // First, so that it is packed while the rest is written.
  const ram = saveRam(parts.memory, ramOffset, zlib);
  const all: Record<string, object> = {
    ...beside,
    shape: parts.shape,
    machine: recordOf(parts),
    shares: shares(),
    // Of one that is not packed all is there that was decoded.
    ...(zlib !== undefined && { decoded: saveDecodedPlaces(parts.core.hart.pages, parts.core.hart.registers) }),
  };
  const plain = Object.entries(all).map(([name, record]) => ({ name, bytes: encodePlain(record as Plain) }));
  return ram.then((sections) => [...plain, ...sections]);
}

/**
 * Makes a machine whose hart has not run the one of the snapshot, and tells `log` what of its shares is lost. When `ram` has
 * resolved, its RAM is that of the snapshot. Throws SnapshotError 'bad-file'.
 */
export async function restoreMachine(
  file: Sections,
  parts: MachineParts,
  ram: () => Promise<void>,
  log: Log,
): Promise<void> {
  await checkDrives(file, parts.drives);
  const shares = file.plain('shares') as readonly ShareRecord[];
  checkShape(shares, [{ tag: '', session: exampleSession }], 'section shares');
  const record = file.plain('machine') as MachineRecord;
  const present = recordOf(parts);
  checkShape(record, { ...present, devices: [{ name: '', device: {}, transport: {} }] }, 'section machine');
  for (const [index, { name }] of record.devices.entries()) {
    const here = parts.plugged[index]?.device.name;
    if (here !== name) throw unlike(index, name, here);
    checkShape(record.devices[index], present.devices[index], name);
  }
  await ram();
  parts.randomness.state = record.randomness;
  const board = boardOf(parts);
  const restore = (name: (typeof order)[number]): void => set(board[name], record.board[name] ?? {}, name);
  for (const name of order.slice(0, order.indexOf('plic'))) restore(name);
  for (const [index, { name, device, transport }] of record.devices.entries()) {
    const here = parts.plugged[index];
    if (here === undefined) throw unlike(index, name, undefined);
    // The transport first: a PCI function that may reach memory from now on would serve what nobody has told it of yet.
    set(here.transport, transport, name);
    set(here.device, device, name);
  }
  for (const name of order.slice(order.indexOf('plic'))) restore(name);
  for (const share of shares) await restoreShare(share, parts, log);
}

async function restoreShare({ tag, session }: ShareRecord, { servers }: MachineParts, log: Log): Promise<void> {
  const server = servers.find((one) => one.tag === tag)?.server;
  if (server === undefined || !('present' in server)) {
    throw new SnapshotError(
      'bad-file',
      `the snapshot has the files of share "${tag}": give that share again, from this VM`,
    );
  }
  const { present } = server;
  const { files, locks } = await restoreSession(present, session).catch((error: unknown) => {
    throw error instanceof present.parts.Errno ? damaged(`section shares: ${error.message}`) : error;
  });
  if (files > 0)
    log(`share "${tag}": ${files} of the guest's files are not there any more, or others: ESTALE for those`);
  if (locks > 0)
    log(`share "${tag}": ${locks} locks of the guest are lost, as others hold them or the files are not there`);
}

function set(part: Stateful, state: object, what: string): void {
  try {
    part.state = state;
  } catch (error) {
    // A TypeError: of a list that is empty in this machine the shape of the items is not known. By name, not by class: with
    // GuestFault's module every page would fetch a file more.
    const isDamage = error instanceof Error && ['GuestFault', 'RangeError', 'TypeError'].includes(error.name);
    throw isDamage ? damaged(`${what}: ${error.message}`) : error;
  }
}

function unlike(index: number, saved: string, here: string | undefined): SnapshotError {
  return new SnapshotError(
    'bad-file',
    `the snapshot's machine has ${saved} in slot ${index}, where this one has ${here ?? 'nothing'}: resume it with the ` +
      'options that it was saved with',
  );
}
