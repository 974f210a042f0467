// The terminal of a VM: the virtio console hvc0, and the 16550, which takes the input until somebody is at hvc0.
import type { Bytes } from '../devices/ports.ts';
import { WindowWriter } from './byte-window.ts';
import type { OutputConsumer, WorkerLink } from './worker-link.ts';

/** Output that nobody is attached to take is kept up to this many bytes; then the oldest goes. */
const keptOutput = 64 * 1024;

/** Outlives the machine that it is connected to: a VM can be started again. */
export class VmConsole {
  #link: WorkerLink | undefined;
  #uartInput: WindowWriter | undefined;
  #consoleInput: WindowWriter | undefined;
  #hvcOpen = false;
  /** Somebody in the guest uses hvc0: its driver opens it in any case, also where the login is on the 16550. */
  #hvcUsed = false;
  #consumer: OutputConsumer | undefined;
  /** The consumer is at work until it resolves. */
  #busy: Promise<void> | undefined;
  #kept: Bytes[] = [];
  #size: { readonly columns: number; readonly rows: number } | undefined;
  #tellsSize = false;
  #isTouched = false;

  constructor(size?: { readonly columns: number; readonly rows: number }) {
    this.#size = size;
  }

  /** The terminal's size in characters, as last told. */
  get size(): { readonly columns: number; readonly rows: number } | undefined {
    return this.#size;
  }

  /**
   * Gives all output to `consumer`, beginning with what was kept of the output so far, until the returned function is
   * called. There is one consumer at a time. One that returns a promise is given more when that has resolved; the guest
   * waits for it, as for a slow terminal.
   */
  attach(consumer: OutputConsumer): () => void {
    this.#consumer = consumer;
    for (const bytes of this.#kept.splice(0)) void this.#take(bytes);
    return () => {
      if (this.#consumer === consumer) this.#consumer = undefined;
    };
  }

  /** Types. Resolves when all of it is on its way to the guest; dropped where no machine runs. */
  async write(input: Bytes | string): Promise<void> {
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
    this.#isTouched = true;
    await (this.#hvcOpen && this.#hvcUsed ? this.#consoleInput : this.#uartInput)?.write(bytes);
  }

  /** Resolves when the consumer has taken all output that has come so far. */
  async flushed(): Promise<void> {
    while (this.#busy !== undefined) await this.#busy;
  }

  /** Tells the guest the terminal's size in characters. */
  resize(columns: number, rows: number): void {
    this.#size = { columns, rows };
    if (this.#tellsSize) this.#link?.post({ type: 'resize', columns, rows });
  }

  /** The machine, which was made with the size `known`, is to have the present one, and each from now on. For Vm only. */
  tellSize(known?: { readonly columns: number; readonly rows: number }): void {
    if (this.#tellsSize) return;
    this.#tellsSize = true;
    const size = this.#size;
    if (size !== undefined && (size.columns !== known?.columns || size.rows !== known.rows)) {
      this.resize(size.columns, size.rows);
    }
  }

  /** Connects a machine that is about to start. For Vm only. */
  connect(link: WorkerLink): void {
    this.#link = link;
    this.#tellsSize = this.#isTouched = false;
    this.#uartInput = new WindowWriter(link.uart.sender);
    this.#consoleInput = new WindowWriter(link.console.sender);
    link.uart.consume((bytes) => this.#take(bytes));
    link.console.consume((bytes) => {
      this.#hvcUsed = true;
      return this.#take(bytes);
    });
  }

  /** Whether the driver of hvc0 has it open. For Vm only. */
  setOpen(open: boolean): void {
    this.#hvcOpen = open;
    if (!open) this.#hvcUsed = false;
  }

  /** Whether somebody in the guest uses hvc0. For Vm only. */
  get isUsed(): boolean {
    return this.#hvcUsed;
  }

  /** Whether somebody has typed. For Vm only. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  /** A program was started on hvc0. For Vm only. */
  setUsed(): void {
    this.#hvcUsed = true;
  }

  /** The machine is gone. For Vm only. */
  disconnect(): void {
    this.#uartInput?.close();
    this.#consoleInput?.close();
    this.#link = this.#uartInput = this.#consoleInput = undefined;
    this.setOpen(false);
  }

  #take(bytes: Bytes): void | Promise<void> {
    // Whoever waits here is called back in the order it came.
    if (this.#busy !== undefined) return this.#busy.then(() => this.#take(bytes));
    if (this.#consumer === undefined) return this.#keep(bytes);
    const pending = this.#consumer(bytes);
    if (pending === undefined) return;
    const done = (): void => {
      this.#busy = undefined;
    };
    this.#busy = pending.then(done, done);
    return this.#busy;
  }

  #keep(bytes: Bytes): void {
    this.#kept.push(bytes.slice(-keptOutput));
    let length = this.#kept.reduce((sum, kept) => sum + kept.length, 0);
    while (length > keptOutput) length -= this.#kept.shift()?.length ?? 0;
  }
}
