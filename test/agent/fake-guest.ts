// The agent's half of the protocol, for tests: a port whose other end is in the test's hands.
import {
  guestFrame,
  HELLO_MAGIC,
  hostFrameReader,
  PROTOCOL_VERSION,
  textOf,
  type GuestFrame,
  type HostFrame,
} from '../../src/agent/frames.ts';
import type { AgentPort, AgentPortEvents } from '../../src/agent.ts';

export const MAX_PAYLOAD = 262_144;
export const INPUT_WINDOW = 65_536;

const encoder = new TextEncoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);

export class FakeGuest implements AgentPort {
  /** Every frame from the host, in order. */
  readonly received: HostFrame[] = [];
  /** Bytes that the port still takes. */
  room = Number.POSITIVE_INFINITY;
  closedByHost = false;
  /** A ring that is emptied at once: room is announced from inside `write`. */
  saysRoomWhileWritten = false;
  readonly #reader = hostFrameReader(MAX_PAYLOAD);
  #events: AgentPortEvents | undefined;

  attach(events: AgentPortEvents): void {
    this.#events = events;
  }

  write(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.room);
    this.room -= taken;
    if (this.saysRoomWhileWritten) this.#events?.writable();
    this.#reader.push(chunk.slice(0, taken), (frame) => this.received.push(frame));
    return taken;
  }

  close(): void {
    this.closedByHost = true;
  }

  /** The port has room for `count` more bytes. */
  makeRoom(count: number): void {
    this.room += count;
    this.#events?.writable();
  }

  /** Sends raw bytes, in a buffer that is used again afterwards, as a ring's is. */
  sendBytes(raw: Uint8Array): void {
    const lent = raw.slice();
    this.#events?.data(lent);
    lent.fill(0xee);
  }

  send(frame: GuestFrame): void {
    this.sendBytes(guestFrame(frame));
  }

  hello(changes: Partial<Extract<GuestFrame, { name: 'Hello' }>['body']> = {}): void {
    const body = {
      magic: HELLO_MAGIC,
      oldest: PROTOCOL_VERSION,
      newest: PROTOCOL_VERSION,
      maxPayload: MAX_PAYLOAD,
      inputWindow: INPUT_WINDOW,
      software: bytes('fake 1'),
      ...changes,
    };
    this.send({ name: 'Hello', id: 0, body });
  }

  hangUp(reason: string): void {
    this.#events?.closed(reason);
  }

  /** The frames of one kind that were received, oldest first. */
  all<N extends HostFrame['name']>(name: N): Extract<HostFrame, { name: N }>[] {
    return this.received.filter((frame): frame is Extract<HostFrame, { name: N }> => frame.name === name);
  }

  last<N extends HostFrame['name']>(name: N): Extract<HostFrame, { name: N }> {
    const frame = this.all(name).at(-1);
    if (!frame) throw new Error(`no ${name} received; only ${this.received.map((other) => other.name).join(', ')}`);
    return frame;
  }

  reply(id: number, errno = 0, text = ''): void {
    this.send({ name: 'Reply', id, body: { errno, text: bytes(text) } });
  }

  started(id: number): void {
    this.send({ name: 'Started', id, body: { pid: 100 + id } });
  }

  stdout(id: number, data: Uint8Array | string): void {
    this.send({ name: 'Stdout', id, body: { data: typeof data === 'string' ? bytes(data) : data } });
  }

  exited(id: number, how: number, value: number): void {
    this.send({ name: 'Exited', id, body: { how, value } });
  }
}

/** Lets promises run that can. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export { textOf };
