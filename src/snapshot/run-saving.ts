// A run that is being saved, on the side of the API: the agent's line is held still between the question to the worker and the
// answer, so that each byte is on one side of it or on the other.
import type { Agent } from '../agent.ts';
import { saveAgent } from '../agent/agent-state.ts';
import type { LinkAgentPort } from '../link-agent-port.ts';
import type { VmConsole } from '../vm-console.ts';
import type { WorkerLink } from '../worker-link.ts';
import type { FromWorker, MachineSetup } from '../worker-protocol.ts';
import type { Section } from './container.ts';
import type { HostRecord } from './host-record.ts';
import { SnapshotError } from './snapshot-error.ts';

/** What a snapshot keeps of a machine's options. */
type SavedSetup = Pick<MachineSetup, 'memoryBytes' | 'clock' | 'transport' | 'features'>;

/** A machine's part of a snapshot, and what belongs to it on this side. */
export interface SavedRun {
  readonly sections: readonly Section[];
  readonly setup: SavedSetup;
  readonly state: Pick<HostRecord, 'frozen' | 'consoleUsed' | 'agent'>;
}

export interface SaveMode {
  /** The snapshot is the machine's end. */
  readonly stop: boolean;
  /** Small, rather than quick to write and to read. */
  readonly packed: boolean;
  /** Programs in the guest stand still meanwhile; where none runs, nothing has to. */
  readonly freeze: boolean;
}

export class RunSaving {
  readonly #link: WorkerLink;
  readonly #setup: SavedSetup;
  readonly #port: LinkAgentPort | undefined;
  readonly #agent: Agent | undefined;
  readonly #answer: Promise<readonly Section[]>;
  #resolve: (sections: readonly Section[]) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  /** Called at the moment of the snapshot. */
  #present: () => SavedRun['state'] = () => {
    throw new Error('an answer before the question');
  };
  #state: SavedRun['state'] | undefined;

  /** `agent` is ready, or there is none. Throws SnapshotError 'refused' where another is under way. */
  constructor(
    other: RunSaving | undefined,
    link: WorkerLink,
    setup: SavedSetup,
    port: LinkAgentPort | undefined,
    agent: Agent | undefined,
  ) {
    if (other !== undefined) throw new SnapshotError('refused', 'the machine is being saved already');
    this.#link = link;
    this.#setup = setup;
    this.#port = port;
    this.#agent = agent;
    this.#answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The machine may stop before anybody waits.
    this.#answer.catch(() => undefined);
  }

  /** Throws SnapshotError, VmError. With `stop` the machine ends with the snapshot. */
  async save({ stop, packed, freeze }: SaveMode, console: VmConsole): Promise<SavedRun> {
    const agent = this.#agent;
    // A counted guest must not notice.
    const frozen = agent !== undefined && this.#setup.clock === 'host' && freeze;
    if (frozen) await agent.freeze();
    this.#present = () => ({ frozen, consoleUsed: console.isUsed, agent: agent && saveAgent(agent) });
    this.#port?.hold();
    this.#link.post({ type: 'save', stop, packed });
    try {
      const sections = await this.#answer;
      return { sections, setup: this.#setup, state: this.#state ?? this.#present() };
    } finally {
      this.#port?.letGo();
      // A machine that has stopped meanwhile has nothing to let go on.
      if (frozen) agent.thaw().catch(() => undefined);
    }
  }

  answered(message: Extract<FromWorker, { readonly type: 'saved' }>): void {
    if ('error' in message) return this.failed(new SnapshotError(message.error.code, message.error.message));
    // Now, not later: the next message is of the time after the snapshot.
    this.#state = this.#present();
    this.#resolve(message.sections);
  }

  /** The machine has stopped. */
  failed(error: Error): void {
    this.#reject(error);
  }
}
