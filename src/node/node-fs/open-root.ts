// The first folder of a share, which is named by the user and may be reached through links.
import { constants, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Descriptors } from './descriptors.ts';
import { DescriptorWalk } from './descriptor-walk.ts';
import { host, hostPath, isErrno } from './host.ts';
import type { HostPath, HostStat } from './host.ts';
import type { Native } from './native.ts';
import { PortableWalk } from './portable-walk.ts';
import type { Walk } from './walk.ts';

export type WalkKind = 'descriptors' | 'portable';

interface Root {
  readonly walk: Walk;
  readonly stat: HostStat;
  /** Where the walk hands over descriptors to use it on. */
  readonly native: Native | undefined;
}

function byDescriptors(path: HostPath, descriptors: Descriptors, native: Native | undefined): Root | undefined {
  if (!DescriptorWalk.isPossible()) return undefined;
  const walk = new DescriptorWalk(path, descriptors, native);
  const stat = walk.rootStat();
  // A process that changed its user may find /proc/self/fd closed to it.
  if (walk.reachesRoot()) return { walk, stat, native };
  walk.close();
  return undefined;
}

function byPaths(path: HostPath, directory: string, descriptors: Descriptors): Root {
  const stat = host.lstat(path);
  if (stat === undefined) throw new Error(`${directory}: the folder has just been removed`);
  return {
    walk: new PortableWalk(path, descriptors, { isWindows: process.platform === 'win32' }),
    stat,
    native: undefined,
  };
}

/** Throws Error naming the folder where it is none that can be shared. */
export function openRoot(
  directory: string,
  descriptors: Descriptors,
  kind: WalkKind | undefined,
  native: Native | undefined,
): Root {
  const path = resolve(directory);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new Error(`${directory}: there is no such folder`);
  if (!stat.isDirectory()) throw new Error(`${directory}: it is not a folder, and only folders can be shared`);
  try {
    host.access(hostPath(path), constants.R_OK | constants.X_OK);
    const found = kind === 'portable' ? undefined : byDescriptors(hostPath(path), descriptors, native);
    if (found !== undefined) return found;
  } catch (error) {
    throw isErrno(error, 'EACCES') ? new Error(`${directory}: the folder may not be read by this user`) : error;
  }
  if (kind === 'descriptors') throw new Error(`${directory}: this host has no /proc/self/fd to walk through`);
  return byPaths(realpathSync(path, 'latin1') as HostPath, directory, descriptors);
}
