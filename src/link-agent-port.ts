// The agent's port of a running machine, as the agent's client uses it.
import type { AgentPort, AgentPortEvents } from './agent.ts';
import type { WorkerLink } from './worker-link.ts';

/** One opening of the port by the guest: bytes for it cannot reach a later one. */
export class LinkAgentPort implements AgentPort {
  readonly #link: WorkerLink;
  #events: AgentPortEvents | undefined;
  #isHeld = false;

  /** `opening` is the number of this opening, as the worker told it. */
  constructor(link: WorkerLink, opening: number) {
    this.#link = link;
    link.agent.opening = opening;
  }

  attach(events: AgentPortEvents): void {
    this.#events = events;
    this.#link.agent.sender.onRoom(() => events.writable());
    this.#link.agent.consume((bytes) => events.data(bytes));
  }

  write(bytes: Uint8Array): number {
    return this.#events === undefined || this.#isHeld ? 0 : this.#link.agent.sender.write(bytes);
  }

  /** Takes nothing, while a snapshot is taken: what is sent must be in it on this side or on the other. */
  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    this.#events?.writable();
  }

  close(): void {
    this.#detach();
    this.#link.post({ type: 'close-agent' });
  }

  /** The guest closed the port, or the machine stopped. */
  closed(reason: string): void {
    const events = this.#events;
    this.#detach();
    events?.closed(reason);
  }

  #detach(): void {
    this.#events = undefined;
    // What still arrives of this opening is consumed by nobody, and dropped.
    this.#link.agent.consume(() => undefined);
    this.#link.agent.sender.onRoom(() => undefined);
  }
}
