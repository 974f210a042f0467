#!/usr/bin/env node
// Runs the built command line, or says how to build it.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MessageChannel, Worker } from 'node:worker_threads';

const built = (name) => new URL(`./dist/${name}`, import.meta.url);
const words = process.argv.slice(2);

if (existsSync(built('cli.cjs'))) {
  // The machine's thread begins before anything else does: a sixth of the time of an instant start.
  const needsNone = words.some((word) => ['-h', '--help', '--version'].includes(word));
  const empty = needsNone ? undefined : beginThread();
  const { start } = createRequire(import.meta.url)('./dist/start.cjs');
  process.exit(await start(words, empty));
} else {
  process.stderr.write(
    'vm9: it is not built yet: run "make build" (or "npm ci && npm run build") in its folder first\n',
  );
  process.exitCode = 2;
}

/** It waits for its program on the port. */
function beginThread() {
  const { port1: port, port2: workerData } = new MessageChannel();
  const transferList = [workerData];
  return { port, thread: new Worker(built('worker-start.cjs'), { name: 'vm9', workerData, transferList }) };
}
