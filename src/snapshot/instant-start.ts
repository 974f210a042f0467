// An instant start: the first run of a machine keeps it as it has booted, before it has any share, and later runs go on from there.
// Fetched where there is a cache.
import type { Agent } from '../agent.ts';
import type { BootedMachine, StartCache } from '../start-cache.ts';
import type { VmConsole } from '../vm-console.ts';
import type { Share, VmOptions } from '../vm-options.ts';
import { programVersion } from '../version.ts';
import type { PreparedRun } from '../vm-run.ts';
import type { MachineSetup, PreparedMachine } from '../worker-protocol.ts';
import { prepareToResume, type Resuming } from './api-side.ts';
import { formatVersion } from './container.ts';
import { beginsWithAgent } from './first-program.ts';
import { packSnapshot, recordOf } from './host-record.ts';
import type { SavedRun, SaveMode } from './run-saving.ts';
import { SnapshotError } from './snapshot-error.ts';

/** Given a machine whose agent has said hello, and what takes a snapshot of it. Never rejects. */
export type KeepBooted = (
  agent: Agent,
  console: VmConsole,
  save: (mode: SaveMode) => Promise<SavedRun>,
) => Promise<void>;

export interface MachineToStart extends Omit<Resuming, 'drives'> {
  /** With the images. */
  readonly boot: () => Promise<PreparedMachine>;
  /** Told of what has begun to be written, which ends by itself. */
  readonly onKeeping: (keeping: Promise<void>) => void;
}

/** Prepares a machine to go on from the cache; else to boot, and to be kept there if it can be. Throws as `boot` does. */
export async function prepareInstantStart(cache: StartCache, machine: MachineToStart): Promise<PreparedRun> {
  const { setup, options, shares, boot, onKeeping } = machine;
  if (!canBeKept(setup, options, shares)) return boot();
  const kernel = options.kernel === 'none' ? undefined : options.kernel;
  const initrd = options.initrd === 'none' ? undefined : options.initrd;
  const key = await cache.keyOf({ kernel, initrd, shape: shapeOf(setup) });
  const kept = await cache.read(key);
  const resumed = kept && (await goOnFrom(kept, machine));
  if (resumed !== undefined) return resumed;
  // Another program may look for the shares while it boots.
  const unpacked = initrd && (await cache.unpack(initrd));
  if (initrd !== undefined && (unpacked === undefined || !beginsWithAgent(unpacked))) return boot();
  const booting = await boot();
  // The size of somebody's terminal is nothing to keep.
  const { console: _, ...anybodys } = booting.setup;
  return {
    ...booting,
    setup: { ...anybodys, sharesLater: true },
    keep: async (agent, console, save) => {
      const saved = await saveBooted(agent, console, save, initrd !== undefined);
      if (saved !== undefined) onKeeping(cache.write(key, saved));
    },
  };
}

/**
 * Not where somebody wants to see the boot, or has the guest begin with files of his own; nor where no share is mounted, since the agent
 * looks for devices when it is to mount one.
 */
function canBeKept({ clock }: MachineSetup, options: VmOptions, shares: readonly Share[]): boolean {
  // Not the traces that `setTrace` has asked for: the page's inspector wants what comes, however the machine begins.
  const { firmware, kernel, initrd, append = '', root, drives = [], trace = [] } = options;
  if (/(^|\s)(rd)?init=/.test(append)) return false;
  if (firmware !== undefined || root !== undefined || kernel === 'none' || initrd === 'none') return false;
  if (drives.length > 0 || trace.length > 0 || clock !== 'host') return false;
  return shares.length === 0 || shares.some(({ mount }) => mount !== undefined);
}

function shapeOf(setup: MachineSetup): BootedMachine['shape'] {
  const { memoryBytes, sharedMemory, cpu, features, transport, commandLine } = setup;
  const { sv48, svadu, svade } = features;
  const machine = [memoryBytes, sv48, svadu, svade, transport, commandLine];
  // The interpreter that is kept with it is made for the kind of memory, and for a translator beside it.
  return JSON.stringify([programVersion, formatVersion, ...machine, sharedMemory, cpu]);
}

/** Undefined where what was kept cannot be used after all. */
async function goOnFrom(kept: Uint8Array<ArrayBuffer>, machine: MachineToStart): Promise<PreparedRun | undefined> {
  try {
    return await prepareToResume(kept, true, { ...machine, drives: [] });
  } catch (error) {
    if (error instanceof SnapshotError) return undefined;
    throw error;
  }
}

/** Undefined where the machine cannot be saved, or is not anybody's any more: the next one may be. */
async function saveBooted(
  agent: Agent,
  console: VmConsole,
  save: (mode: SaveMode) => Promise<SavedRun>,
  freeze: boolean,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    // What the first command reads is then in the guest's memory.
    const warming = await agent.exec({ argv: ['/bin/sh', '-c', 'true'] });
    warming.end();
    await warming.exit;
    // Of the built-in system nothing but the agent runs.
    const { sections, setup, state } = await save({ stop: false, packed: false, freeze });
    if (console.isTouched) return undefined;
    return packSnapshot(programVersion, sections, { ...recordOf({ ...setup, shares: [], drives: [] }), ...state });
  } catch {
    // Without it the next start is as slow as this one, and this one goes on.
    return undefined;
  }
}
