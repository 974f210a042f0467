// Keeps what V8 has compiled of the program in a run, for the runs after it: all functions that were called, which it would compile one
// by one. It is asked for at the end, when nobody waits for the machine's thread any more.
import type { MessagePort } from 'node:worker_threads';
import type { Script } from 'node:vm';
import { packCode } from './compiled-code.ts';
import type { FromWorkerStart, WorkerCode } from './worker-start.ts';

/** Milliseconds of a run, after which V8 has forgotten the code of functions that only its beginning calls. */
const longestRun = 10_000;
/** Milliseconds that a thread has for its answer, which takes ten. */
const answerTime = 2000;

export interface CodeKeeperOptions {
  readonly key: string;
  /** Whether the code in use was made by a run that went on from a kept machine; undefined where there is none in use. */
  readonly present: boolean | undefined;
  /** Of the command line. */
  readonly script: Script;
  /** To the thread's worker-start. */
  readonly port: MessagePort;
}

export class CodeKeeper {
  readonly key: string;
  readonly #script: Script;
  readonly #port: MessagePort;
  #present: boolean | undefined;
  #worker: WorkerCode | undefined;
  #answered: () => void = () => undefined;

  constructor({ key, present, script, port }: CodeKeeperOptions) {
    this.key = key;
    this.#present = present;
    this.#script = script;
    this.#port = port;
    port.on('message', (message: FromWorkerStart) => {
      if (message === 'rejected') {
        this.#present = undefined;
        return;
      }
      this.#worker = message;
      this.#answered();
    });
    port.unref();
  }

  /**
   * To be called while the thread is still there and has nothing else to do. `wentOn`: this run went on from a kept machine. Undefined
   * where the code in use is as good, or the thread does not answer.
   */
  async collect(wentOn: boolean): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const isBetter = this.#present === undefined || (wentOn && !this.#present);
    if (!isBetter || performance.now() > longestRun) return undefined;
    const answer = new Promise<void>((resolve) => {
      this.#answered = resolve;
      setTimeout(resolve, answerTime).unref();
    });
    (await import('./engine-flags.ts')).disableNewerWebAssembly();
    this.#port.postMessage('code');
    await answer;
    const worker = this.#worker;
    return worker && packCode({ main: new Uint8Array(this.#script.createCachedData()), worker, wentOn });
  }
}
