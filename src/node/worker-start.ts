// The beginning of a machine's thread that the command line has started ahead: its program comes by a message, with the code that V8
// has made of it, while the thread is still beginning.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { workerData, type MessagePort } from 'node:worker_threads';
import { compile, run, sourceOf } from './script.ts';

/** The first message. */
export interface WorkerProgram {
  /** URL of the file. */
  readonly file: string;
  /** Undefined: the file is to be loaded as a module. */
  readonly script:
    { readonly source: Uint8Array<ArrayBuffer>; readonly cachedData: Uint8Array<ArrayBuffer> | undefined } | undefined;
}

/** The code as it is by then: the answer to each message after the first. */
export type WorkerCode = Uint8Array<ArrayBuffer>;

/** `rejected`: V8 could not use `cachedData`. */
export type FromWorkerStart = WorkerCode | 'rejected';

const port = workerData as MessagePort;

port.once('message', ({ file, script: given }: WorkerProgram) => {
  if (given === undefined) {
    createRequire(file)(fileURLToPath(file));
    return;
  }
  const script = compile(file, sourceOf(given.source), given.cachedData);
  port.on('message', () => port.postMessage(new Uint8Array(script.createCachedData()) satisfies FromWorkerStart));
  if (script.cachedDataRejected === true) port.postMessage('rejected' satisfies FromWorkerStart);
  run(script, file);
});
