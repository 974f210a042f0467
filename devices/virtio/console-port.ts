// VIRTIO 1.3, §5.3: one port of a console device, as the host uses it: a byte stream each way.
import { GuestFault } from '../guest-fault.ts';
import type { Bytes } from '../ports.ts';
import type { Queue } from './queue.ts';

/** The host's end of a port. */
export interface PortListener {
  /** Bytes from the guest, the listener's own copy. After `pause` at most the rest of one of the guest's buffers comes: 1 MiB. */
  data(bytes: Uint8Array<ArrayBuffer>): void;
  /** There is room again, after a `write` that took less than it was given. */
  drain?(): void;
  /** The guest opened or closed its end; a reset of the device closes it. */
  open?(open: boolean): void;
}

/** What a port is, for the device's constructor. */
export interface PortOptions {
  /** What the guest finds in /sys/class/virtio-ports/…/name, for a port that is no console. */
  readonly name?: string;
  /** A port for a terminal: the guest attaches hvc0, hvc1 … to it. */
  readonly console?: boolean;
}

/** What a port remembers; plain data. */
export interface PortState {
  /** The driver has said that it has set up the port. */
  ready: boolean;
  guestOpen: boolean;
  hostOpen: boolean;
  /** What the host has written and the guest has not taken yet. */
  input: Uint8Array<ArrayBuffer>;
}

/** What a port needs of its device. */
export interface PortWiring {
  /** Serves the port's receive queue (to the guest), if the driver is ready for it. */
  runReceive(): void;
  /** Serves the port's transmit queue (from the guest), if the driver is ready for it. */
  runTransmit(): void;
  /** The host's end was opened or closed. */
  hostOpenChanged(): void;
}

/** Bytes that a port holds for a guest that does not read. */
const inputCapacity = 65_536;
/** The largest piece that a listener gets at once, however large the guest's buffers are. */
const pieceSize = 65_536;
/** More in one buffer is refused, as a listener that pauses has to take the rest of it. Linux sends 512 KiB at most. */
const longestOutput = 1 << 20;

/** A port. Made by VirtioConsole. */
export class ConsolePort {
  readonly id: number;
  readonly name: string | undefined;
  readonly isConsole: boolean;
  readonly #wiring: PortWiring;
  #listener: PortListener | undefined;
  #paused = false;
  #delivering = false;
  #drainWanted = false;
  #ready = false;
  #guestOpen = false;
  #hostOpen = true;
  /** Bytes for the guest, in a circle: `#waiting` of them from `#first` on. */
  readonly #input = new Uint8Array(inputCapacity);
  #first = 0;
  #waiting = 0;

  constructor(id: number, { name, console = false }: PortOptions, wiring: PortWiring) {
    this.id = id;
    this.name = name;
    this.isConsole = console;
    this.#wiring = wiring;
  }

  /** Whether something in the guest listens: a console driver that is set up, a process that has opened the port. */
  get guestOpen(): boolean {
    return this.#guestOpen;
  }

  /** Whether the guest is told that somebody is at this end; true from the start. */
  get hostOpen(): boolean {
    return this.#hostOpen;
  }

  set hostOpen(open: boolean) {
    if (open === this.#hostOpen) return;
    this.#hostOpen = open;
    this.#wiring.hostOpenChanged();
  }

  /** Bytes that `write` takes at present. */
  get room(): number {
    return inputCapacity - this.#waiting;
  }

  get state(): PortState {
    const input = new Uint8Array(this.#waiting);
    for (let index = 0; index < input.length; index += 1) {
      input[index] = this.#input[(this.#first + index) % inputCapacity] ?? 0;
    }
    return { ready: this.#ready, guestOpen: this.#guestOpen, hostOpen: this.#hostOpen, input };
  }

  set state(state: PortState) {
    this.#ready = state.ready;
    this.#guestOpen = state.guestOpen;
    this.#hostOpen = state.hostOpen;
    this.#input.set(state.input);
    this.#first = 0;
    this.#waiting = state.input.length;
  }

  /** Attaches the host's end, replacing any other. Until then what the guest sends stays in the guest's queue. */
  listen(listener: PortListener): void {
    this.#listener = listener;
    this.resume();
  }

  /**
   * Sends bytes to the guest and returns how many were taken, from the start; when that is less than all, `drain` tells
   * when to offer the rest. Bytes wait here until the guest opens its end; when it closes it, waiting bytes are dropped.
   */
  write(bytes: Bytes): number {
    const taken = bytes.subarray(0, this.room);
    if (taken.length < bytes.length) this.#drainWanted = true;
    if (taken.length === 0) return 0;
    const end = (this.#first + this.#waiting) % inputCapacity;
    this.#input.set(taken.subarray(0, inputCapacity - end), end);
    this.#input.set(taken.subarray(inputCapacity - end));
    this.#waiting += taken.length;
    this.#wiring.runReceive();
    return taken.length;
  }

  /**
   * Leaves what the guest sends in the guest's queue, which stops the sender when it is full. Linux waits actively while a
   * console port does not take its output, so a terminal rather buffers than pauses.
   */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wiring.runTransmit();
  }

  /** The guest's end opens or closes: for the device. */
  setGuestOpen(open: boolean): void {
    if (open === this.#guestOpen) return;
    this.#guestOpen = open;
    // What was meant for the one who has closed the port is nothing for the next one who opens it.
    if (!open) this.#waiting = 0;
    this.#listener?.open?.(open);
    if (open) this.#wiring.runReceive();
    else this.#offerRoom();
  }

  /** Whether the driver has said that it has set up the port. */
  get ready(): boolean {
    return this.#ready;
  }

  /** The driver has set up the port: for the device. */
  setReady(ready: boolean): void {
    this.#ready = ready;
  }

  /** Moves waiting bytes into the guest's receive buffers: for the device. */
  feed(queue: Queue, timeIsUp: () => boolean): void {
    this.#moveInput(queue, timeIsUp);
    this.#offerRoom();
  }

  /** Hands what the guest has sent to the listener, a paused one as well if these are the guest's `last` words: for the device. */
  deliver(queue: Queue, timeIsUp: () => boolean, last: boolean): void {
    // A listener that resumes while it is given data is served by the loop that gives it.
    if (this.#delivering) return;
    this.#delivering = true;
    const isWanted = (): boolean => last || !this.#paused;
    try {
      while (this.#listener !== undefined && isWanted()) {
        const chain = queue.pop();
        if (chain === undefined) return;
        // §5.3.6.1
        if (chain.writableLength > 0) throw new GuestFault('writable buffer in a transmit queue', { port: this.id });
        if (chain.readableLength > longestOutput) {
          throw new GuestFault('output buffer of more than 1 MiB', { port: this.id, length: chain.readableLength });
        }
        const listener = this.#listener;
        for (const view of chain.readable) {
          for (let at = 0; at < view.length; at += pieceSize) {
            listener.data(new Uint8Array(view.subarray(at, at + pieceSize)));
          }
        }
        queue.push(chain, 0);
        if (timeIsUp()) return;
      }
    } finally {
      this.#delivering = false;
    }
  }

  #moveInput(queue: Queue, timeIsUp: () => boolean): void {
    while (this.#guestOpen && this.#waiting > 0) {
      const chain = queue.pop();
      if (chain === undefined) return;
      // §5.3.6.1
      if (chain.readableLength > 0) throw new GuestFault('readable buffer in a receive queue', { port: this.id });
      const length = chain.write(this.#input.subarray(this.#first, this.#first + this.#waiting));
      this.#first = (this.#first + length) % inputCapacity;
      this.#waiting -= length;
      queue.push(chain, length);
      if (timeIsUp()) return;
    }
  }

  /** Tells a listener whose write was cut short that there is room. */
  #offerRoom(): void {
    if (!this.#drainWanted || this.room === 0) return;
    this.#drainWanted = false;
    this.#listener?.drain?.();
  }
}
