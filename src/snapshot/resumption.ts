// A run that goes on from a snapshot, on the side of the API: it takes over what the agent had under way, and lets the guest's
// programs go on once their clock and their randomness are of the present.
import type { Agent } from '../agent.ts';
import { resumeAgent } from '../agent/agent-state.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { Platform } from '../platform.ts';
import type { RunContext } from '../vm-run.ts';
import type { VmCommand } from '../vm-command.ts';
import type { HostRecord } from './host-record.ts';

/** Bytes that the guest's random generator is given. */
const freshEntropy = 64;

/** How far a guest is. */
export interface Met {
  /** Shares that are mounted already, the first of all. */
  readonly mounted: number;
  /**
   * Resolves when its clock and its randomness are of the present, with whether it was told the time soon enough. Undefined where it
   * was told nothing.
   */
  readonly woken: Promise<boolean> | undefined;
}

const unmet: Met = { mounted: 0, woken: undefined };

export class Resumption {
  /** That ran when the machine was saved. */
  commands: readonly VmCommand[] = [];
  readonly #record: HostRecord;
  #isMet = false;
  #shell: Promise<void> | undefined;

  constructor(record: HostRecord) {
    this.#record = record;
  }

  /** The machine is about to run. */
  begin(context: RunContext): void {
    const { agent, clock, consoleUsed } = this.#record;
    if (consoleUsed) context.console.setUsed();
    if (agent === undefined && clock === 'host') {
      const line = 'no agent ran in the guest when it was saved: its clock and its random numbers go on as they were';
      context.events.emit('log', { line });
    }
  }

  /** The guest has an agent that is still to open its port: programs may stand still until then. */
  get awaitsAgent(): boolean {
    return this.#record.agent !== undefined && !this.#isMet;
  }

  /**
   * The guest has opened the agent's port: what ran goes on before anything else happens on it. Of a guest that has restarted since
   * nothing is known.
   */
  meet(agent: Agent, platform: Platform, setClock: () => Promise<boolean>, makeCommand: () => VmCommand): Met {
    if (this.#isMet) return unmet;
    this.#isMet = true;
    const { agent: state, clock } = this.#record;
    if (state !== undefined) this.#adopt(agent, state, makeCommand);
    const woken = clock === 'host' ? this.#wake(agent, platform, setClock) : undefined;
    return { mounted: state === undefined ? 0 : this.#record.shares.length, woken };
  }

  /** The end of the shell that was on the console, for the first who asks. */
  takeShell(): Promise<void> | undefined {
    const shell = this.#shell;
    this.#shell = undefined;
    return shell;
  }

  /** Takes over what the programs write. */
  #adopt(agent: Agent, state: AgentState, makeCommand: () => VmCommand): void {
    const handles = new Map<number, VmCommand>();
    const { commands, shell } = resumeAgent(agent, state, (id) => {
      const handle = makeCommand();
      handles.set(id, handle);
      return {
        onStdout: (bytes) => handle.stdout.push(bytes),
        onStderr: (bytes) => handle.stderr.push(bytes),
      };
    });
    for (const command of commands) handles.get(command.id)?.run(command);
    this.#shell = shell?.exit.then(() => undefined);
    // Who never asks for it needs not hear how it went.
    this.#shell?.catch(() => undefined);
    this.commands = [...handles.values()];
  }

  /** Before any program of the guest runs on: its clock is the host's again, and its randomness no other guest's. */
  async #wake(agent: Agent, platform: Platform, setClock: () => Promise<boolean>): Promise<boolean> {
    const entropy = new Uint8Array(freshEntropy);
    platform.randomFill(entropy);
    // At once, since the agent does one after the other: each wait is a way there and back.
    const [isRight] = await Promise.all([
      setClock(),
      agent.reseed(entropy),
      this.#record.frozen ? agent.thaw() : undefined,
    ]);
    return isRight;
  }
}
