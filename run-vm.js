#!/usr/bin/env node
// Runs the built command line, or says how to build it.
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const built = (name) => new URL(`./dist/${name}`, import.meta.url);
const words = process.argv.slice(2);

if (existsSync(built('cli.js'))) {
  // The machine's thread loads its program while this one does: a sixth of the time of an instant start.
  const needsNone = words.some((word) => ['-h', '--help', '--version'].includes(word));
  const thread = needsNone ? undefined : new Worker(built('worker.js'), { name: 'vm9' });
  const { main } = await import(built('cli.js').href);
  process.exit(await main(words, thread));
} else {
  process.stderr.write(
    'vm9: it is not built yet: run "make build" (or "npm ci && npm run build") in its folder first\n',
  );
  process.exitCode = 2;
}
