// One end of a MessageChannel, as the code that every host shares uses it. The platforms make them.

/** A MessagePort on its way to another thread: transferred with the message that carries it. */
export type TransferablePort = object;

/** An end that is open in this thread. */
export interface PortEnd {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** What was posted before still arrives. */
  close(): void;
}
