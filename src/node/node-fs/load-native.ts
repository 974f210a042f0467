// Finds out whether the native calls can be used: koffi is an optional dependency, which may be missing, made for another
// system, or broken, and none of that may keep a folder from being shared.
import { createRequire } from 'node:module';
import { host } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import { isNativePossible, Native, signatures } from './native.ts';
import type { Calls } from './native.ts';

/** What is used of koffi 3. */
interface Koffi {
  load(path: null): {
    func(name: string, result: string, parameters: readonly string[]): (...parameters: never[]) => unknown;
  };
  errno(): number;
}

function bind(koffi: Koffi): Calls {
  const library = koffi.load(null);
  const calls = Object.entries<readonly [result: string, parameters: readonly string[], symbol?: string]>(
    signatures,
  ).map(([name, [result, parameters, symbol]]) => [name, library.func(symbol ?? name, result, parameters)] as const);
  return { ...Object.fromEntries(calls), errno: () => koffi.errno() } as Calls;
}

/** Complains where the calls say anything else than node:fs does. Throws Error. */
function prove(native: Native): void {
  const root = '/' as HostPath;
  const expected: HostStat | undefined = host.lstat(root);
  const found = native.statAt(-1, '/' as HostName);
  for (const key of [
    'dev',
    'ino',
    'mode',
    'nlink',
    'uid',
    'gid',
    'rdev',
    'size',
    'blksize',
    'mtimeNs',
    'ctimeNs',
  ] as const)
    if (found?.[key] !== expected?.[key]) throw new Error(`${key} of / is ${found?.[key]}, and was ${expected?.[key]}`);
  if (native.statAt(-1, '/proc/self/no-such-name' as HostName) !== undefined)
    throw new Error('what is missing is found');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** The calls, or undefined where they can not be had; `log` is told why, unless koffi was simply not installed. */
export function loadNative(
  log: (line: string) => void,
  require: (name: string) => unknown = createRequire(import.meta.url),
): Native | undefined {
  if (!isNativePossible()) return undefined;
  try {
    const native = new Native(bind(require('koffi') as Koffi));
    prove(native);
    return native;
  } catch (error) {
    if (isMissing(error)) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    log(`koffi is installed and can not be used (${reason}): shares do without nanoseconds and extended attributes`);
    return undefined;
  }
}
