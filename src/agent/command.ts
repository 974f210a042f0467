// A program that runs in the guest at the host's wish: with streams of its own, or on the guest's console.
import { Deferred } from './deferred.ts';
import { AgentError } from './errors.ts';
import { ProtocolFault, textOf, type GuestFrame, type HostFrame } from './frames.ts';
import { InputStream } from './input.ts';
import { OutputStream, type OutputHandler } from './output.ts';

/** A terminal's size in characters, 0 to 65,535 each. */
export interface TerminalSize {
  rows: number;
  cols: number;
}

/** How a program ended: it returned `code` (0 to 255), or signal number `signal` killed it. */
export type Exit = { readonly code: number } | { readonly signal: number };

/** The status a shell would report for `exit`: 128 + N for a program that signal N killed. */
export function exitStatus(exit: Exit): number {
  return 'code' in exit ? exit.code : 128 + exit.signal;
}

/** How a program's frames leave. */
export interface FrameSink {
  send(frame: HostFrame): void;
  /** Sends unless earlier frames still wait for room in the port. */
  sendIfClear(frame: HostFrame): boolean;
}

/** A program in the guest, seen from the host. */
export class Program {
  readonly id: number;
  protected readonly sink: FrameSink;
  readonly #started = new Deferred<this>();
  readonly #exit = new Deferred<Exit>();
  #pid = 0;

  constructor(id: number, sink: FrameSink) {
    this.id = id;
    this.sink = sink;
  }

  /** Resolves when the program runs; rejects with AgentError when it could not be started. */
  get started(): Promise<this> {
    return this.#started.promise;
  }

  /**
   * Resolves when the program has ended and its output is delivered. Rejects when the connection to the guest is lost, or
   * with what an output handler has thrown.
   */
  get exit(): Promise<Exit> {
    return this.#exit.promise;
  }

  /** The process id in the guest. */
  get pid(): number {
    return this.#pid;
  }

  /** Sends signal `number` (1 to 64) to the program and the processes of its group. After its end this does nothing. */
  kill(number: number): void {
    if (!Number.isInteger(number) || number < 1 || number > 64) {
      throw new RangeError(`signal ${number}: signals have the numbers 1 to 64`);
    }
    this.sink.send({ name: 'Signal', id: this.id, body: { number } });
  }

  /** Tells the program's terminal its new size. */
  resize({ rows, cols }: TerminalSize): void {
    this.sink.send({ name: 'Resize', id: this.id, body: { rows, cols } });
  }

  /**
   * A frame from the guest for this id. Returns true when it was the last one.
   * @throws ProtocolFault for a frame that a program in this state does not send.
   */
  receive(frame: GuestFrame): boolean {
    if (this.#pid === 0) return this.#receiveFirst(frame);
    if (frame.name === 'Exited') {
      const { how, value } = frame.body;
      if (how > 1) throw new ProtocolFault(`a program that ended in way ${how}`);
      this.outputFinished().then(
        () => this.#exit.resolve(how === 0 ? { code: value } : { signal: value }),
        (error: unknown) => this.#exit.reject(error),
      );
      return true;
    }
    this.receiveStream(frame);
    return false;
  }

  /** The connection is gone. */
  fail(error: Error): void {
    this.#started.reject(error);
    this.#exit.reject(error);
  }

  /** The port has room again: credit that had to wait can go. */
  topUp(): void {}

  protected receiveStream(frame: GuestFrame): void {
    throw new ProtocolFault(`${frame.name} for a program without streams`);
  }

  protected async outputFinished(): Promise<void> {}

  #receiveFirst(frame: GuestFrame): boolean {
    if (frame.name === 'Started' && frame.body.pid > 0) {
      this.#pid = frame.body.pid;
      this.#started.resolve(this);
      return false;
    }
    if (frame.name === 'Reply' && frame.body.errno !== 0) {
      this.fail(new AgentError(frame.body.errno, textOf(frame.body.text)));
      return true;
    }
    throw new ProtocolFault(`${frame.name} for a program that has not started`);
  }
}

/** The options of a command that concern its streams. */
export interface CommandStreams {
  /** Standard output; with a pty, all output. Without a handler it is dropped. */
  onStdout?: OutputHandler;
  onStderr?: OutputHandler;
}

/** A program in the guest with standard streams that end at the host. */
export class Command extends Program {
  readonly #stdin: InputStream;
  readonly #outputs: { readonly stdout: OutputStream; readonly stderr: OutputStream };

  constructor(id: number, sink: FrameSink, windows: { input: number; output: number }, streams: CommandStreams) {
    super(id, sink);
    this.#stdin = new InputStream(windows.input, {
      send: (data) => sink.send({ name: 'Stdin', id, body: { data } }),
      sendEnd: () => sink.send({ name: 'StdinEnd', id, body: {} }),
    });
    const output = (stream: number, handler: OutputHandler | undefined) =>
      new OutputStream(windows.output, handler, {
        grant: (count) => sink.sendIfClear({ name: 'OutputCredit', id, body: { stream, count } }),
        refuse: () => sink.send({ name: 'CloseOutput', id, body: { stream } }),
      });
    this.#outputs = { stdout: output(1, streams.onStdout), stderr: output(2, streams.onStderr) };
  }

  /**
   * Writes to the program's standard input. Resolves with true when its window has taken all bytes, which must not
   * change until then; with false when the program can no longer read, or has ended, or the connection is gone: what was
   * not taken is dropped. @throws Error after `end`.
   */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#stdin.write(bytes);
  }

  /** Ends the standard input after all that was written. With a pty this types the end-of-file character. */
  end(): void {
    this.#stdin.end();
  }

  /** Takes no more of a stream: a program that still writes to it gets SIGPIPE. */
  closeOutput(stream: 'stdout' | 'stderr'): void {
    this.#outputs[stream].refuse();
  }

  /** For agent-state.ts. */
  get streams(): { readonly stdin: InputStream; readonly stdout: OutputStream; readonly stderr: OutputStream } {
    return { stdin: this.#stdin, ...this.#outputs };
  }

  override receive(frame: GuestFrame): boolean {
    const last = super.receive(frame);
    if (last) this.#stdin.close();
    return last;
  }

  override fail(error: Error): void {
    super.fail(error);
    this.#stdin.close();
  }

  override topUp(): void {
    this.#outputs.stdout.topUp();
    this.#outputs.stderr.topUp();
  }

  protected override receiveStream(frame: GuestFrame): void {
    if (frame.name === 'Stdout') this.#outputs.stdout.receive(frame.body.data);
    else if (frame.name === 'Stderr') this.#outputs.stderr.receive(frame.body.data);
    else if (frame.name === 'InputCredit') this.#stdin.credit(frame.body.count);
    else if (frame.name === 'InputClosed') this.#stdin.close();
    else throw new ProtocolFault(`${frame.name} for a running program`);
  }

  protected override async outputFinished(): Promise<void> {
    await this.#outputs.stdout.finished();
    await this.#outputs.stderr.finished();
  }
}
