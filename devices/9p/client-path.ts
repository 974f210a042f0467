// Paths as a client writes them: bytes, taken apart here. On the wire there are only names.
import type { Bytes } from '../ports.ts';
import { isDot } from './names.ts';

const slash = 0x2f;

export interface PathNames {
  /** Without "." and empty ones; ".." stays. */
  readonly names: readonly Bytes[];
  readonly isAbsolute: boolean;
  /** It ends in a slash or ".": what it leads to has to be a folder. */
  readonly needsFolder: boolean;
}

export function splitPath(path: Bytes): PathNames {
  const names: Bytes[] = [];
  let needsFolder = false;
  for (let start = 0; start <= path.length;) {
    const slashAt = path.indexOf(slash, start);
    const end = slashAt < 0 ? path.length : slashAt;
    const name = path.subarray(start, end);
    needsFolder = name.length === 0 || isDot(name);
    if (!needsFolder) names.push(name);
    start = end + 1;
  }
  return { names, isAbsolute: path[0] === slash, needsFolder };
}
