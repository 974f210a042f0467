// What a snapshot keeps of the program around the machine: the options that shape it, and its end of the guest agent's line.
import type { AgentState, OutputState } from '../agent/agent-state.ts';
import type { HartFeatures } from '../cpu/riscv/features.ts';
import type { Drive } from '../vm-drives.ts';
import type { Share } from '../vm-options.ts';
import type { MachineSetup } from '../worker-protocol.ts';
import { writeSnapshot } from './container.ts';
import type { Section, SnapshotFile } from './container.ts';
import { checkShape, encodePlain } from './plain.ts';
import type { Plain } from './plain.ts';
import { SnapshotError, damaged } from './snapshot-error.ts';

interface ShareRecord {
  readonly tag: string;
  /** Empty: not mounted. */
  readonly mount: string;
  readonly readOnly: boolean;
  readonly cache: string;
  readonly maximumMessageSize: number;
}

interface DriveRecord {
  readonly serial: string;
  readonly readOnly: boolean;
}

/** What the options of a machine make of it that a guest can see. */
export interface Shape extends Pick<MachineSetup, 'memoryBytes' | 'clock' | 'transport' | 'features'> {
  readonly shares: readonly Share[];
  readonly drives: readonly Drive[];
}

export interface HostRecord extends Omit<Shape, 'shares' | 'drives'> {
  readonly shares: readonly ShareRecord[];
  readonly drives: readonly DriveRecord[];
  /** Programs in the guest stand still until the agent is told to let them go on. */
  readonly frozen: boolean;
  /** Somebody in the guest uses hvc0. */
  readonly consoleUsed: boolean;
  /** Undefined where the guest had none. */
  readonly agent: AgentState | undefined;
}

const exampleShare: ShareRecord = { tag: '', mount: '', readOnly: false, cache: '', maximumMessageSize: 0 };
const exampleHost = {
  memoryBytes: 0,
  clock: 'host',
  transport: 'mmio',
  features: { sv48: false, svadu: false, svade: false },
  shares: [exampleShare],
  drives: [{ serial: '', readOnly: false }],
  frozen: false,
  consoleUsed: false,
};
const examplePieces = [new Uint8Array(0)];
const exampleOutput = { outstanding: 0, waiting: examplePieces, refused: false };
const exampleStreams = {
  stdin: { credit: 0, waiting: examplePieces, ended: false, closed: false },
  stdout: exampleOutput,
  stderr: exampleOutput,
};
const exampleAgent = {
  hello: { version: 0, software: '' },
  lastId: 0,
  maxPayload: 0,
  inputWindow: 0,
  outputWindow: 0,
  partial: examplePieces,
  unsent: examplePieces,
  requests: [0],
  programs: [{ id: 0, pid: 0 }],
} satisfies AgentState;

/** Bytes: what WebAssembly can have. */
const largestMemory = 2 ** 32;
/** Bytes of a stream that can be under way: what agent.ts would agree to at most. */
const largestWindow = 2 ** 24;

export function recordOf(shape: Shape): Omit<HostRecord, 'frozen' | 'consoleUsed' | 'agent'> {
  const { memoryBytes, clock, transport, features } = shape;
  const drives = shape.drives.map(({ serial, readOnly }) => ({ serial, readOnly }));
  return { memoryBytes, clock, transport, features, shares: recordOfShares(shape.shares), drives };
}

function recordOfShares(shares: readonly Share[]): ShareRecord[] {
  return shares.map(({ tag, mount = '', readOnly, cache, maximumMessageSize }) => ({
    tag,
    mount,
    readOnly,
    cache,
    maximumMessageSize,
  }));
}

/** The whole file, of a machine's sections. `program` is the version of this program. */
export function packSnapshot(program: string, sections: readonly Section[], host: HostRecord): Uint8Array<ArrayBuffer> {
  return writeSnapshot(program, [...sections, { name: 'host', bytes: encodePlain(host as unknown as Plain) }]);
}

/** The options of a machine that is to be resumed; what is undefined was not given. */
export interface GivenOptions extends Pick<Shape, 'shares' | 'drives'> {
  /** MiB. */
  readonly memory: number | undefined;
  readonly clock: Shape['clock'] | undefined;
  readonly transport: Shape['transport'] | undefined;
  readonly cpuFeatures: Partial<HartFeatures> | undefined;
}

/** Reads what a snapshot says of its options. Throws SnapshotError 'bad-file'; 'bad-option' where those given do not fit. */
export function readHost(file: SnapshotFile, given: GivenOptions): HostRecord {
  const record = readRecord(file);
  checkOptions(record, given);
  return record;
}

/** Throws SnapshotError 'bad-file'. */
export function readRecord(file: SnapshotFile): HostRecord {
  const what = 'section host';
  const value = file.plain('host');
  checkShape(value, exampleHost, what);
  const record = value as HostRecord;
  if (record.agent !== undefined) {
    checkShape(record.agent, exampleAgent, what);
    for (const { streams } of record.agent.programs) {
      if (streams !== undefined) checkShape(streams, exampleStreams, what);
    }
  }
  if (!isSound(record) || (record.agent !== undefined && !isSoundAgent(record.agent))) throw damaged(what);
  return record;
}

function isSound({ memoryBytes, clock, transport }: HostRecord): boolean {
  const isMemory = isCount(memoryBytes, largestMemory) && memoryBytes > 0 && memoryBytes % 2 ** 20 === 0;
  return isMemory && ['host', 'icount'].includes(clock) && ['mmio', 'pci'].includes(transport);
}

/** With a number that is none, or too large, this side would write without end, or keep whatever the guest sends. */
function isSoundAgent({ lastId, maxPayload, inputWindow, outputWindow, requests, programs }: AgentState): boolean {
  const words = [lastId, maxPayload, ...requests, ...programs.flatMap(({ id, pid }) => [id, pid])];
  if (!words.every((word) => isCount(word, 0xffff_ffff))) return false;
  if (!isCount(inputWindow, largestWindow) || !isCount(outputWindow, largestWindow)) return false;
  return programs.every(({ streams }) => {
    if (streams === undefined) return true;
    const { stdin, stdout, stderr } = streams;
    return (
      isCount(stdin.credit, inputWindow) && isSoundOutput(stdout, outputWindow) && isSoundOutput(stderr, outputWindow)
    );
  });
}

function isSoundOutput({ outstanding, waiting }: OutputState, window: number): boolean {
  return isCount(outstanding, window) && waiting.reduce((sum, { length }) => sum + length, 0) <= outstanding;
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function checkOptions(saved: HostRecord, given: GivenOptions): void {
  const { memory, clock, transport, cpuFeatures = {} } = given;
  const leaveOut = 'leave that option out';
  const savedMemory = saved.memoryBytes / 2 ** 20;
  if (memory !== undefined && memory !== savedMemory) {
    throw unlike(`its machine has ${savedMemory} MiB of memory, not ${memory}`, leaveOut);
  }
  if (clock !== undefined && clock !== saved.clock) {
    throw unlike(`its machine has the clock ${saved.clock}, not ${clock}`, leaveOut);
  }
  if (transport !== undefined && transport !== saved.transport) {
    throw unlike(`its devices are reached over ${saved.transport}, not ${transport}`, leaveOut);
  }
  for (const [name, isOffered] of Object.entries(saved.features)) {
    const asked = cpuFeatures[name as keyof HartFeatures];
    if (asked === undefined || asked === isOffered) continue;
    const [does, how] = isOffered ? ['has', 'on'] : ['does without', 'off'];
    throw unlike(`its processor ${does} ${name}`, `give --cpu ${name}=${how}, or ${leaveOut}`);
  }
  checkShares(saved, given.shares);
  checkDrives(saved, given.drives);
}

function checkShares(saved: HostRecord, shares: readonly Share[]): void {
  const present = recordOfShares(shares);
  for (const [index, share] of saved.shares.entries()) {
    const here = present[index];
    const which = `share "${share.tag}"${share.mount === '' ? '' : ` at ${share.mount}`}`;
    if (here === undefined) throw unlike(`it has the ${which}`, 'give that share again');
    if (here.tag !== share.tag) {
      throw unlike(
        `its ${which} is share ${index + 1}, here that is "${here.tag}"`,
        'give the shares in the same order',
      );
    }
    for (const name of ['mount', 'readOnly', 'cache', 'maximumMessageSize'] as const) {
      if (here[name] === share[name]) continue;
      throw unlike(
        `its ${which} has ${name} ${String(share[name])}, not ${String(here[name])}`,
        'give it the same options',
      );
    }
  }
}

/** What a guest knows of a drive it does not look for again. Whether its bytes are as they were the worker sees. */
function checkDrives(saved: HostRecord, drives: readonly Drive[]): void {
  if (drives.length !== saved.drives.length) {
    throw unlike(
      `it has ${saved.drives.length} drives, not ${drives.length}`,
      'give the drives that it was saved with',
    );
  }
  for (const [index, { serial, readOnly }] of saved.drives.entries()) {
    const here = drives[index];
    if (here?.serial !== serial) {
      throw unlike(
        `its drive ${index + 1} is ${serial}, not ${here?.serial}`,
        'give the same drives in the same order',
      );
    }
    if (here.readOnly !== readOnly) {
      throw unlike(`its drive ${serial} ${readOnly ? 'is only read' : 'is written to'}`, 'give it the same options');
    }
  }
}

function unlike(what: string, advice: string): SnapshotError {
  return new SnapshotError('bad-option', `the snapshot does not fit the options: ${what}: ${advice}`);
}
