// A command in the guest, as `Vm.exec` hands it out: output to iterate over, input to write, a status to await.
import type { Bytes } from '../devices/ports.ts';
import { Deferred } from './agent/deferred.ts';
import { observed } from './observed.ts';
import { exitStatus, type Command, type Exit } from './agent.ts';
import { asVmError, type VmError } from './errors.ts';

/** What can be a command's standard input as a whole. */
export type InputSource = string | Bytes | Iterable<Bytes> | AsyncIterable<Bytes>;

/** Linux's numbers, which are the guest's whatever the host is. */
export const signals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
} as const;
export type SignalName = keyof typeof signals;

/**
 * An output stream, to be read once. The command waits while nobody reads; leaving the loop early closes the stream, and
 * the command gets SIGPIPE when it writes on.
 */
export class CommandOutput implements AsyncIterable<Bytes> {
  /** Asks for the command to be told that nobody will read any more. */
  readonly #refuse: () => void;
  #offered: { readonly bytes: Bytes; readonly taken: Deferred<void> } | undefined;
  #wanted: Deferred<IteratorResult<Bytes, undefined>> | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  constructor(refuse: () => void) {
    this.#refuse = refuse;
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#refuse();
        this.finish(undefined);
        this.#offered?.taken.resolve();
        this.#offered = undefined;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Everything to the end, as bytes. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Bytes[] = [];
    for await (const chunk of this) chunks.push(chunk);
    const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Everything to the end, as UTF-8 text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Resolves when a reader has taken the bytes. One call at a time. For Vm only. */
  push(bytes: Bytes): void | Promise<void> {
    if (this.#end !== undefined) return;
    if (this.#wanted !== undefined) {
      this.#wanted.resolve({ done: false, value: bytes });
      this.#wanted = undefined;
      return;
    }
    const taken = new Deferred<void>();
    this.#offered = { bytes, taken };
    return taken.promise;
  }

  /** Nothing more will come: because of `error`, or because this was all. For Vm only. */
  finish(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (error !== undefined) this.#wanted?.reject(error);
    else this.#wanted?.resolve({ done: true, value: undefined });
    this.#wanted = undefined;
  }

  #next(): Promise<IteratorResult<Bytes, undefined>> {
    if (this.#offered !== undefined) {
      const { bytes, taken } = this.#offered;
      this.#offered = undefined;
      taken.resolve();
      return Promise.resolve({ done: false, value: bytes });
    }
    if (this.#end?.error !== undefined) return Promise.reject(this.#end.error);
    if (this.#end !== undefined) return Promise.resolve({ done: true, value: undefined });
    this.#wanted = new Deferred();
    return this.#wanted.promise;
  }
}

/** A command that was asked for. It may still wait for the guest to be ready. */
export class VmCommand {
  /** Standard output; with a terminal all output. */
  readonly stdout: CommandOutput;
  readonly stderr: CommandOutput;
  readonly #command = new Deferred<Command>();
  readonly #exit = new Deferred<Exit>();
  #ended = false;

  constructor() {
    this.stdout = new CommandOutput(() => this.#then((command) => command.closeOutput('stdout')));
    this.stderr = new CommandOutput(() => this.#then((command) => command.closeOutput('stderr')));
  }

  /** Resolves when the command runs. Rejects with VmError when it could not be started. */
  get started(): Promise<void> {
    return observed(this.#command.promise.then(() => undefined));
  }

  /**
   * How the command ended: `{ code }`, or `{ signal }` that killed it. Resolves when its output was read to the end, or
   * closed. Rejects with VmError when the machine stopped first.
   */
  get exit(): Promise<Exit> {
    return this.#exit.promise;
  }

  /** As `exit`, in the number a shell would report: 128 + N for a command that signal N killed. */
  get status(): Promise<number> {
    return observed(this.#exit.promise.then(exitStatus));
  }

  /**
   * Writes standard input, where `stdinOpen` was asked for. Resolves with true when the guest has room again, with
   * false when the command can no longer read. To wait for it bounds the memory that is used.
   */
  async write(input: Bytes | string): Promise<boolean> {
    const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
    return (await this.#command.promise).write(bytes);
  }

  /** Ends standard input; on a terminal this types the end-of-file character. */
  end(): void {
    this.#then((command) => command.end());
  }

  /** Sends a signal to the command and its children. After its end this does nothing. */
  kill(signal: SignalName | number = 'SIGTERM'): void {
    const number = typeof signal === 'string' ? signals[signal] : signal;
    this.#then((command) => command.kill(number));
  }

  /** Tells the command's terminal its size in characters. */
  resize(columns: number, rows: number): void {
    this.#then((command) => command.resize({ rows, cols: columns }));
  }

  /** Reads all output, then tells it and the status. */
  async output(): Promise<{ stdout: Uint8Array<ArrayBuffer>; stderr: Uint8Array<ArrayBuffer>; status: number }> {
    const [stdout, stderr, status] = await Promise.all([this.stdout.bytes(), this.stderr.bytes(), this.status]);
    return { stdout, stderr, status };
  }

  /** It runs. For Vm only. */
  run(command: Command): void {
    this.#command.resolve(command);
    command.exit.then(
      (exit) => {
        this.#finish(undefined);
        this.#exit.resolve(exit);
      },
      (error: unknown) => this.fail(asVmError(error)),
    );
  }

  /** It will not run, or has lost its machine. For Vm only. */
  fail(error: VmError): void {
    this.#command.reject(error);
    this.#exit.reject(error);
    this.#finish(error);
  }

  #finish(error: Error | undefined): void {
    this.#ended = true;
    this.stdout.finish(error);
    this.stderr.finish(error);
  }

  /** Does something to the command once it runs, unless it has ended. */
  #then(action: (command: Command) => void): void {
    this.#command.promise.then(
      (command) => {
        if (!this.#ended) action(command);
      },
      // `started` and `exit` tell why.
      () => undefined,
    );
  }
}

/** Writes all of `source`. Stops early when the command reads no more. */
export async function feed(command: VmCommand, source: InputSource): Promise<void> {
  if (typeof source === 'string' || source instanceof Uint8Array) {
    if (source.length > 0) await command.write(source);
    return;
  }
  for await (const chunk of source) {
    if (!(await command.write(chunk))) return;
  }
}
