// The host's end of the virtio-console port that the guest's agent has open.

/** What the port tells its user. */
export interface AgentPortEvents {
  /** Bytes from the guest, in order. The array is only valid during the call. */
  data(bytes: Uint8Array): void;
  /** After a `write` that took less than it was offered: some room is there again. */
  writable(): void;
  /** The guest closed the port, or the machine stopped. `reason` is a phrase for an error message. */
  closed(reason: string): void;
}

/** A byte stream to and from the guest's agent: lossless, in order, with back-pressure. */
export interface AgentPort {
  /** Names the one user of the port. Called once, before `write`. */
  attach(events: AgentPortEvents): void;
  /**
   * Takes as many bytes from the start of `bytes` as there is room for now and returns their number. After a short write
   * the user waits for `writable` and offers the rest. The port keeps no reference to `bytes`.
   */
  write(bytes: Uint8Array): number;
  /** Closes the host's end. No event follows. */
  close(): void;
}
