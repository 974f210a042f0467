// What a fuzzed server works on: files in memory that answer at once, or wait and fail as the case says, or may not be
// changed; or a folder of the host, reached through descriptors or by paths, with attributes that are kept beside the files, or
// with names that are hidden. Each is the same tree at the start, and knows whether anything was left behind.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../../devices/9p/backend.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { hiddenNames } from '../../src/node/host-folder-options.ts';
import { HidingBackend } from '../../devices/9p/hiding.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { NodeFsBackend } from '../../src/node/node-fs/backend.ts';
import { Gate, Ledger } from '../devices/9p/backends.ts';
import { HostFaults } from '../node/node-fs/host-faults.ts';
import { HostPlace } from './host-place.ts';
import { hostWorlds } from './message-case.ts';
import type { MessageStep, WorldName } from './message-case.ts';

export interface World {
  readonly backend: Backend;
  readonly readOnly: boolean;
  /** Whether more than one request is under way at a time. */
  readonly waits: boolean;
  /** A name that is there and must not be seen. */
  readonly hidden?: string | undefined;
  /** Does what is no message. */
  act(step: MessageStep): Promise<void>;
  /** Lets all end that waits. */
  settle(): Promise<void>;
  /** What is wrong once the session is over and all has settled; undefined where nothing is. */
  leftBehind(): string | undefined;
  /** Ends the backend; gives what is wrong then. */
  close(): Promise<string | undefined>;
  /** Gives back what it can of a world in which something went wrong. */
  abandon(): Promise<void>;
}

/** So little that ENOSPC is met. */
const capacity = 1 << 20;
/** In a share that hides it. */
const hiddenName = 'hush';
const nobody = { uid: 0, gid: 0 };

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export function filledMemory(): MemoryBackend {
  let now = 1_700_000_000_000_000_000n;
  const backend = new MemoryBackend({ now: () => (now += 1000n), capacity });
  const fill = (parent: number, name: string, content: string): void => {
    const { node, file } = backend.create(parent as never, bytes(name), 2, 0o644, nobody);
    backend.write(file, 0, [bytes(content)]);
    backend.release(file);
    backend.forget(node);
  };
  const root = backend.root();
  const folder = backend.mkdir(root, bytes('folder'), 0o755, nobody);
  const inner = backend.mkdir(folder, bytes('inner'), 0o755, nobody);
  fill(root, 'file', 'contents');
  fill(inner, 'deep', 'deep contents');
  for (const [name, target] of [
    ['link', 'file'],
    ['out', '../outside'],
    ['up', '..'],
  ] as const) {
    backend.forget(backend.symlink(root, bytes(name), bytes(target), nobody));
  }
  backend.forget(backend.mknod(root, bytes('fifo'), 0o010644, 0n, nobody));
  for (const node of [inner, folder, root]) backend.forget(node);
  return backend;
}

async function nothing(): Promise<undefined> {
  return Promise.resolve(undefined);
}

class MemoryWorld implements World {
  readonly backend = filledMemory();
  readonly readOnly: boolean;
  readonly waits = false;
  readonly act = nothing;
  readonly settle = nothing;
  readonly close = nothing;
  readonly abandon = nothing;

  constructor(readOnly: boolean) {
    this.readOnly = readOnly;
  }

  leftBehind(): string | undefined {
    const { handleCount } = this.backend;
    return handleCount === 0 ? undefined : `${handleCount} nodes and files`;
  }
}

class WaitingWorld implements World {
  readonly readOnly = false;
  readonly waits = true;
  readonly close = nothing;
  readonly abandon = nothing;
  readonly #memory = filledMemory();
  readonly #ledger = new Ledger();
  readonly #gate = new Gate();
  readonly backend = this.#gate.over(this.#ledger.over(this.#memory));

  constructor() {
    this.#gate.holdAll();
  }

  async act(step: MessageStep): Promise<void> {
    if (step.do === 'fail') {
      this.#ledger.failing = this.#ledger.calls + 1 + step.after;
      this.#ledger.error = step.error;
    } else if (step.do === 'settle') {
      const { held } = this.#gate;
      const operation = held[step.which % held.length];
      if (operation === undefined) return;
      // What is released must not fail: the descriptor is gone whatever close(2) says.
      if (step.error === undefined || operation.method === 'release') await operation.release();
      else await operation.fail(new Errno(step.error));
    }
  }

  async settle(): Promise<void> {
    await this.#gate.releaseAll();
  }

  leftBehind(): string | undefined {
    const handles = this.#memory.handleCount;
    const { held } = this.#ledger;
    return held === 0 && handles === 0 ? undefined : `${held} references, ${handles} nodes and files`;
  }
}

function openDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

function openShare(share: string, name: WorldName): NodeFsBackend {
  if (name === 'portable') return NodeFsBackend.open(share, { readOnly: false, walk: 'portable', native: false });
  try {
    return NodeFsBackend.open(share, { readOnly: false, ...(name === 'mapped' && { security: { model: 'mapped' } }) });
  } catch (error) {
    // Where attributes can not be kept, owners are not mapped, and the case is one more of the plain world.
    if (name !== 'mapped') throw error;
    return NodeFsBackend.open(share, { readOnly: false });
  }
}

class HostWorld implements World {
  readonly readOnly = false;
  readonly waits = false;
  readonly hidden: string | undefined;
  readonly backend: Backend;
  readonly #share: NodeFsBackend;
  readonly #place: HostPlace;
  readonly #descriptors: number;
  readonly #handles: number;
  readonly #faults = new HostFaults();

  constructor(place: HostPlace, name: WorldName) {
    this.#place = place;
    place.refill();
    this.#descriptors = openDescriptors();
    this.#share = openShare(place.share, name);
    this.backend = this.#share;
    this.#handles = this.#share.handleCount;
    this.hidden = name === 'hiding' ? hiddenName : undefined;
    if (name !== 'hiding') return;
    for (const folder of ['', 'folder', 'folder/inner']) writeFileSync(join(place.share, folder, hiddenName), 'hidden');
    // One by its name, wherever it is; one by its path, which is asked for then.
    this.backend = new HidingBackend(this.#share, hiddenNames([hiddenName, 'folder/inner/deep']));
  }

  async act(step: MessageStep): Promise<void> {
    if (step.do === 'host') this.#place.act(step.action, step.name);
    else if (step.do === 'fail') this.#faults.arm(step.after, step.error);
    await Promise.resolve();
  }

  leftBehind(): string | undefined {
    const handles = this.#share.handleCount - this.#handles;
    if (handles !== 0) return `${handles} nodes and files`;
    return this.#place.isUntouched ? undefined : `surroundings that changed:\n${this.#place.surroundings()}`;
  }

  async settle(): Promise<void> {
    this.#faults.disarm();
    await nothing();
  }

  async close(): Promise<string | undefined> {
    this.#faults.dispose();
    await this.#share.close();
    const left = openDescriptors() - this.#descriptors;
    return left === 0 ? undefined : `${left} descriptors`;
  }

  async abandon(): Promise<void> {
    this.#faults.dispose();
    await this.#share.close().catch((error: unknown) => {
      if (!(error instanceof Errno)) throw error;
    });
  }
}

/** The worlds of a run, which share one place on the host. */
export class Worlds {
  #place: HostPlace | undefined;

  make(name: WorldName): World {
    if (name === 'waiting') return new WaitingWorld();
    if (hostWorlds.has(name)) return new HostWorld(this.#hostPlace(), name);
    return new MemoryWorld(name === 'read-only');
  }

  dispose(): void {
    this.#place?.dispose();
    this.#place = undefined;
  }

  /** The place; another one once a case has spoiled it. */
  #hostPlace(): HostPlace {
    if (this.#place?.isUntouched === false) this.dispose();
    this.#place ??= new HostPlace();
    return this.#place;
  }
}
