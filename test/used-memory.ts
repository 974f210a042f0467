// What this process holds on to.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes that are left when all that nobody has any more is gone. */
export function usedMemory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // Buffers are given back beside the first one.
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
