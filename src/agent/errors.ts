// What goes wrong between the host and the guest's agent.

/** The connection to the guest's agent is closed: by the host, by the guest, or because the guest broke the protocol. */
export class AgentClosed extends Error {
  override readonly name = 'AgentClosed';
}

/** A request that the guest's agent answered with an error. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  /** Linux's error number. */
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}
