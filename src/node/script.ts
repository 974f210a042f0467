// A built CommonJS file as a script, which V8 can take from code that it has compiled before: Node.js 20 has no such cache of its own.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

type Wrapper = (
  exports: unknown,
  require: NodeJS.Require,
  module: { exports: unknown },
  filename: string,
  folder: string,
) => void;

const before = '(function (exports, require, module, __filename, __dirname) {';
const after = '\n})';

/** A built file's text: esbuild writes no other characters than ASCII, and V8 takes half of the memory for those. */
export function sourceOf(bytes: Uint8Array<ArrayBuffer>): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** `cachedDataRejected` of the result tells whether V8 could use `cachedData`. */
export function compile(file: string, source: string, cachedData: Uint8Array | undefined): Script {
  return new Script(`${before}${source}${after}`, {
    filename: fileURLToPath(file),
    columnOffset: -before.length,
    ...(cachedData !== undefined && { cachedData }),
  });
}

/** Runs it as Node.js runs a module. Returns what it exports. `file` is its URL. */
export function run(script: Script, file: string): unknown {
  const module = { exports: {} };
  const path = fileURLToPath(file);
  (script.runInThisContext() as Wrapper)(module.exports, createRequire(file), module, path, dirname(path));
  return module.exports;
}

/** Whether somebody wants the lines of the sources, which Node.js finds for modules alone. */
export function mapsSources(): boolean {
  return `${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS']}`.includes('--enable-source-maps');
}
