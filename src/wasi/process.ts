// A WASI program as the main thread has it: started in a worker of its own, read from, waited for.
import type { Bytes } from '../../devices/ports.ts';
import { Deferred } from '../agent/deferred.ts';
import { VmError, asVmError } from '../errors.ts';
import { observed } from '../observed.ts';
import type { WorkerHandle } from '../platform.ts';
import { CommandOutput } from '../vm-command.ts';
import type { FromWasi, ToWasi, WasiSetup } from './wasi-protocol.ts';

/** Where a preopened folder is: a share, and the folder in it. */
export interface WasiFolder {
  /** The tag of a share. Default: the first. */
  readonly share?: string;
  /** Absolute in the share. Default: its root. */
  readonly path?: string;
}

export interface WasiOptions {
  /** Arguments behind the program's name. */
  readonly args?: readonly string[];
  /** What the program sees as its name. */
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Folders by the names that the program has for them; a text is the tag of a share. Default: the first share as "/". */
  readonly preopens?: Readonly<Record<string, string | WasiFolder>>;
  /** Standard input as a whole. */
  readonly stdin?: Bytes | string;
  /** The program may change nothing. */
  readonly readOnly?: boolean;
}

/** What a process runs with, once that is known. */
export interface WasiStart {
  readonly worker: WorkerHandle<ToWasi, FromWasi>;
  readonly setup: WasiSetup;
  /** The ports of the setup's shares. */
  readonly transfer: readonly object[];
  /** Lets go of the shares. */
  readonly release: () => Promise<void>;
}

/** A program that was started by `runWasi`. It waits while nobody reads more than a megabyte of its output. */
export class WasiProcess {
  readonly stdout = new CommandOutput(() => undefined);
  readonly stderr = new CommandOutput(() => undefined);
  readonly #exit = new Deferred<number>();
  /** What was told is delivered one after another. */
  readonly #queues = { stdout: Promise.resolve(), stderr: Promise.resolve() };
  #start: WasiStart | undefined;
  #over = false;

  /** For Vm only. */
  constructor(start: Promise<WasiStart>) {
    start.then(
      (started) => this.#run(started),
      (error: unknown) => this.#end(asVmError(error)),
    );
  }

  /**
   * The program's exit status. Rejects with VmError: 'bad-file' for what is no WASI program or a folder that is not there,
   * 'trap' where it did what WebAssembly forbids, 'stopped' after `kill`.
   */
  get exit(): Promise<number> {
    return this.#exit.promise;
  }

  /** Reads all output, and waits for the end. */
  async output(): Promise<{ readonly status: number; readonly stdout: Bytes; readonly stderr: Bytes }> {
    const [stdout, stderr, status] = await Promise.all([this.stdout.bytes(), this.stderr.bytes(), this.#exit.promise]);
    return { status, stdout, stderr };
  }

  /** Ends the program as it is. */
  async kill(message = 'the program was killed'): Promise<void> {
    this.#end(new VmError('stopped', message));
    await this.#exit.promise.catch(() => undefined);
  }

  #run(start: WasiStart): void {
    this.#start = start;
    if (this.#over) {
      this.#letGo(start);
      return;
    }
    const { worker, setup, transfer } = start;
    worker.onMessage((message) => this.#receive(message));
    worker.onFailure((error) =>
      this.#end(new VmError('internal', `the thread of the program died: ${error.message}`, { cause: error })),
    );
    worker.setAwaited(true);
    worker.post({ type: 'run', setup }, transfer);
  }

  #receive(message: FromWasi): void {
    if (message.type === 'output') this.#deliver(message.stream, message.bytes);
    else if (message.type === 'exit') this.#end(message.code);
    else this.#end(new VmError(message.code, `the WASI program: ${message.message}`));
  }

  #deliver(stream: 'stdout' | 'stderr', bytes: Bytes): void {
    const taken = this.#start?.setup.taken;
    if (taken === undefined) throw new Error('output of a program that was not started');
    const push = async (): Promise<void> => {
      await this[stream].push(bytes);
      Atomics.add(taken, 0, bytes.length);
      Atomics.notify(taken, 0);
    };
    // A stream that nobody reads must not hold up the other.
    this.#queues[stream] = this.#queues[stream].then(push);
  }

  #end(outcome: number | VmError): void {
    if (this.#over) return;
    this.#over = true;
    // What a program wrote before a trap is whole, and tells why.
    const error = outcome instanceof VmError && outcome.code !== 'trap' ? outcome : undefined;
    for (const stream of ['stdout', 'stderr'] as const) {
      void this.#queues[stream].then(() => this[stream].finish(error));
    }
    if (typeof outcome === 'number') this.#exit.resolve(outcome);
    else this.#exit.reject(outcome);
    if (this.#start !== undefined) this.#letGo(this.#start);
  }

  #letGo({ worker, release }: WasiStart): void {
    // What a share could not store is told where it is disposed of.
    void observed(worker.terminate().then(release));
  }
}
