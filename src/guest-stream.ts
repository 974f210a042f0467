// A byte stream of the machine on the worker's side: between a port of the guest and the messages of the main thread.
import type { Bytes } from '../devices/ports.ts';
import { WindowReceiver, WindowSender } from './byte-window.ts';

/** The port as the machine has it. */
export interface GuestPort {
  /** Takes as many of the first bytes as it has room for, and returns how many; `roomForInput` tells when there is more. */
  write(bytes: Bytes): number;
  /** Stops, and lets on, what the guest sends. */
  pause(): void;
  resume(): void;
}

export interface GuestStreamWiring {
  readonly port: GuestPort;
  post(bytes: Uint8Array<ArrayBuffer>): void;
  postCredit(count: number): void;
}

/** What was under way at the moment of a snapshot. */
export interface GuestStreamState {
  /** Bytes that the main thread had no room for. */
  readonly fromGuest: readonly Bytes[];
  /** Bytes that the port had no room for. */
  readonly toGuest: readonly Bytes[];
}

export class GuestStream {
  readonly #port: GuestPort;
  readonly #sender: WindowSender;
  readonly #receiver: WindowReceiver;
  /** From the guest: what the window had no room for. No more than the guest had under way when it was paused. */
  readonly #outgoing: Bytes[] = [];
  /** For the guest: what the port had no room for. The main thread's window bounds it. */
  readonly #incoming: Bytes[] = [];
  /** Bytes of `#incoming` that came with a snapshot: nobody waits for their credit. */
  #uncredited = 0;

  constructor(wiring: GuestStreamWiring) {
    this.#port = wiring.port;
    this.#sender = new WindowSender((bytes) => wiring.post(bytes));
    this.#receiver = new WindowReceiver((count) => wiring.postCredit(count));
  }

  /** The bytes are not copied. */
  get state(): GuestStreamState {
    return { fromGuest: [...this.#outgoing], toGuest: [...this.#incoming] };
  }

  /** For a stream that nothing has come through yet. */
  set state({ fromGuest, toGuest }: GuestStreamState) {
    for (const bytes of fromGuest) this.fromGuest(bytes);
    for (const { length } of toGuest) this.#uncredited += length;
    this.#incoming.push(...toGuest);
    this.roomForInput();
  }

  /** The guest has sent something. */
  fromGuest(bytes: Bytes): void {
    const sent = this.#outgoing.length === 0 ? this.#sender.write(bytes) : 0;
    if (sent === bytes.length) return;
    this.#outgoing.push(bytes.subarray(sent));
    this.#port.pause();
  }

  /** The main thread has consumed `count` bytes. */
  addCredit(count: number): void {
    this.#sender.addCredit(count);
    const waited = this.#outgoing.length > 0;
    for (let head = this.#outgoing.shift(); head !== undefined; head = this.#outgoing.shift()) {
      const sent = this.#sender.write(head);
      if (sent === head.length) continue;
      this.#outgoing.unshift(head.subarray(sent));
      return;
    }
    if (waited) this.#port.resume();
  }

  /** The main thread has sent something for the guest. */
  fromHost(bytes: Bytes): void {
    this.#receiver.arrived(bytes.length);
    this.#incoming.push(bytes);
    if (this.#incoming.length === 1) this.roomForInput();
  }

  /** Bytes from the main thread that nobody in the guest is there to take. */
  drop(bytes: Bytes): void {
    this.#receiver.arrived(bytes.length);
    this.#receiver.consumed(bytes.length);
  }

  /** The port has room again. */
  roomForInput(): void {
    for (let head = this.#incoming.shift(); head !== undefined; head = this.#incoming.shift()) {
      const taken = this.#port.write(head);
      this.#credit(taken);
      if (taken === head.length) continue;
      this.#incoming.unshift(head.subarray(taken));
      return;
    }
  }

  /** The guest has closed the port: what was meant for it is dropped, and what it had sent goes out before anybody hears of it. */
  closedByGuest(): void {
    this.flush();
    for (const bytes of this.#incoming.splice(0)) this.#credit(bytes.length);
  }

  /** No more will come: the rest of the guest's output goes out past the window. */
  flush(): void {
    for (const bytes of this.#outgoing.splice(0)) this.#sender.push(bytes);
  }

  #credit(count: number): void {
    const uncredited = Math.min(count, this.#uncredited);
    this.#uncredited -= uncredited;
    this.#receiver.consumed(count - uncredited);
  }
}
