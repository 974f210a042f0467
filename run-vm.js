#!/usr/bin/env node
// Runs the built command line, or says how to build it.
import { existsSync } from 'node:fs';

const cli = new URL('./dist/cli.js', import.meta.url);

if (existsSync(cli)) {
  await import(cli.href);
} else {
  process.stderr.write(
    'vm9: it is not built yet: run "make build" (or "npm ci && npm run build") in its folder first\n',
  );
  process.exitCode = 2;
}
