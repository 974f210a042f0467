// The beginning of the command line, before it has its program: has V8 take that, and the machine's, from code that it compiled in a run
// before, if there is some: a tenth of the time of an instant start went into compiling.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { MessagePort, Worker } from 'node:worker_threads';
import { userCacheFolder } from './cache-file.ts';
import { keyOfCode, readCode } from './compiled-code.ts';
import { CodeKeeper } from './code-keeper.ts';
import { compile, mapsSources, run, sourceOf } from './script.ts';
import type { WorkerProgram } from './worker-start.ts';

/** What runs already when the program of the command line does. */
export interface Start {
  /** The thread of a machine, with dist/worker.cjs. */
  readonly thread: Worker;
  /** What keeps the compiled code, where there is a cache. */
  readonly keeper: CodeKeeper | undefined;
  /** SHA-256 of dist/worker.cjs, where it was needed. */
  readonly workerDigest: Uint8Array<ArrayBuffer> | undefined;
}

/** A thread that runs dist/worker-start.cjs, and the port on which that waits for its program. */
export interface EmptyThread {
  readonly thread: Worker;
  readonly port: MessagePort;
}

interface MainModule {
  readonly main: (words: readonly string[], start?: Start) => Promise<number>;
}

const mainFile = new URL('./cli.cjs', import.meta.url).href;
const workerFile = new URL('./worker.cjs', import.meta.url).href;
const readBuilt = (name: string): Uint8Array<ArrayBuffer> => readFileSync(new URL(name, import.meta.url));

/** Runs the command line. Resolves with the exit status. `empty` is absent where `words` ask for no machine. */
export function start(words: readonly string[], empty: EmptyThread | undefined): Promise<number> {
  // Where no machine is kept, no code is. Node.js leads the lines of modules alone back to their sources.
  if (empty === undefined || words.includes('--cold') || mapsSources()) return startModules(words, empty);
  const { thread, port } = empty;
  const main = readBuilt('./cli.cjs');
  const worker = readBuilt('./worker.cjs');
  const workerDigest = digestOf(worker);
  const key = keyOfCode(digestOf(main), workerDigest);
  const kept = readCode(userCacheFolder(), key);
  const program: WorkerProgram = { file: workerFile, script: { source: worker, cachedData: kept?.worker } };
  port.postMessage(program, [worker.buffer, ...(kept === undefined ? [] : [kept.worker.buffer])]);
  const script = compile(mainFile, sourceOf(main), kept?.main);
  const present = script.cachedDataRejected === false ? kept?.wentOn : undefined;
  const keeper = new CodeKeeper({ key, present, script, port });
  return (run(script, mainFile) as MainModule).main(words, { thread, keeper, workerDigest });
}

function startModules(words: readonly string[], empty: EmptyThread | undefined): Promise<number> {
  empty?.port.postMessage({ file: workerFile, script: undefined } satisfies WorkerProgram);
  const { main } = createRequire(import.meta.url)('./cli.cjs') as MainModule;
  return main(words, empty && { thread: empty.thread, keeper: undefined, workerDigest: undefined });
}

function digestOf(source: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(source).digest());
}
