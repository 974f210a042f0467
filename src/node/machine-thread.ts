// Threads of machines, of which the second of a process begins with the code that V8 has compiled for the first: kept in memory, since a
// library writes nowhere unasked. Of 100 ms from the start of a thread to a guest that has gone on, 30 went into compiling.
import { readFileSync } from 'node:fs';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { WorkerHandle } from '../platform.ts';
import type { FromWorker, ToWorker } from '../worker-protocol.ts';
import { NodeWorker } from './node-worker.ts';
import { mapsSources } from './script.ts';
import type { FromWorkerStart, WorkerCode, WorkerProgram } from './worker-start.ts';

/**
 * Milliseconds of a machine after which the thread is asked: most of what begins has run, and V8 has forgotten none of it. It takes ten,
 * in which the guest stands still.
 */
const settledAfter = 3000;
/** Milliseconds that a thread which has nothing else to do has for its answer. */
const answerTime = 1000;

/** The program of a machine's thread, and what V8 has made of it. */
export class MachineProgram {
  readonly #file: URL;
  #source: Uint8Array<ArrayBuffer> | undefined;
  #code: WorkerCode | undefined;
  /** The code has the functions with which a machine goes on from a snapshot. */
  #wentOn = false;
  /** V8 does not take it in this process. */
  #isRefused = false;

  /** `file` is dist/worker.cjs. */
  constructor(file: URL) {
    this.#file = file;
  }

  /** Undefined until a thread has given it. */
  get code(): WorkerCode | undefined {
    return this.#code;
  }

  wants(wentOn: boolean): boolean {
    return !this.#isRefused && (this.#code === undefined || (wentOn && !this.#wentOn));
  }

  keep(code: WorkerCode, wentOn: boolean): void {
    if (!this.wants(wentOn)) return;
    this.#code = code;
    this.#wentOn = wentOn;
  }

  /** V8 could not use it: somebody has set other flags since, and may do so again. */
  refused(): void {
    this.#isRefused = true;
    this.#code = undefined;
  }

  /** For a new thread. */
  message(): WorkerProgram {
    // Node.js leads the lines of modules alone back to their sources.
    if (mapsSources()) return { file: this.#file.href, script: undefined };
    // Read once: V8 compares nothing but its length with what it has compiled.
    const source = (this.#source ??= readFileSync(this.#file));
    return { file: this.#file.href, script: { source, cachedData: this.#code } };
  }
}

/** Starts the thread of a machine. `start` is dist/worker-start.cjs. */
export function startMachineThread(program: MachineProgram, start: URL): WorkerHandle {
  const { port1: port, port2: workerData } = new MessageChannel();
  const worker = new Worker(start, { name: 'vm9', workerData, transferList: [workerData] });
  const code = new CodeOfThread(program, port);
  port.postMessage(program.message());
  const thread = new NodeWorker<ToWorker, FromWorker>(worker, () => code.end());
  return {
    post: (message, transfer) => {
      if (message.type === 'start') code.machineStarts(message.setup.resume !== undefined);
      thread.post(message, transfer);
    },
    onMessage: (listener) => {
      thread.onMessage((message) => {
        if (message.type === 'closed') code.isIdle();
        listener(message);
      });
    },
    onFailure: (listener) => thread.onFailure(listener),
    setAwaited: (awaited) => thread.setAwaited(awaited),
    terminate: () => thread.terminate(),
  };
}

/** Asks a thread for its code: while its machine runs, or at its end. */
class CodeOfThread {
  readonly #program: MachineProgram;
  /** To the thread's worker-start. */
  readonly #port: MessagePort;
  readonly #answered: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #wentOn: boolean | undefined;
  #isAsked = false;
  #isIdle = false;

  constructor(program: MachineProgram, port: MessagePort) {
    this.#program = program;
    this.#port = port;
    this.#answered = new Promise((resolve) => {
      port.on('close', resolve);
      port.on('message', (message: FromWorkerStart) => {
        if (message === 'rejected') return program.refused();
        program.keep(message, this.#wentOn ?? false);
        resolve();
      });
    });
    port.unref();
  }

  machineStarts(wentOn: boolean): void {
    // Of several machines the thread keeps what they all have used.
    this.#wentOn ||= wentOn;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), settledAfter).unref();
  }

  /** The thread has closed its shares, and answers at once. */
  isIdle(): void {
    this.#isIdle = true;
  }

  /** Resolves when the thread may be ended. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One that has run no machine has hardly anything; one that does not listen is not waited for.
    if (this.#isIdle && this.#wentOn !== undefined) this.#ask();
    if (!this.#isIdle || !this.#isAsked) return;
    const late = new Promise<void>((resolve) => {
      this.#timer = setTimeout(resolve, answerTime);
    });
    await Promise.race([this.#answered, late]);
    clearTimeout(this.#timer);
  }

  #ask(): void {
    if (this.#isAsked || !this.#program.wants(this.#wentOn ?? false)) return;
    this.#isAsked = true;
    this.#port.postMessage('code');
  }
}
