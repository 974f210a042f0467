// Mounts a store of the browser, and says in the user's words why it can not.
import type { Log } from '../../devices/ports.ts';
import { VmError } from '../errors.ts';
import type { Medium } from '../store/medium.ts';
import { StoreError } from '../store/store-error.ts';
import { openStore } from '../store/stored-backend.ts';
import type { StoredBackend } from '../store/stored-backend.ts';
import { after } from './timer.ts';

/** What a store needs of the worker it is in. */
export interface StoreHost {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  readonly log: Log;
}

const advice = {
  newer: 'load the newest version of this page',
  damaged: 'delete the data of this site in the settings of the browser, or use another name',
  unsaved: 'make room on this device',
};

/** Throws VmError 'bad-file'. */
export async function mountStore(
  name: string,
  { now, log }: StoreHost,
  openMedium: () => Promise<Medium>,
): Promise<StoredBackend> {
  let medium: Medium | undefined;
  try {
    medium = await openMedium();
    return await openStore({ medium, now, after, log });
  } catch (error) {
    await medium?.close();
    throw asBadFile(name, error);
  }
}

function asBadFile(name: string, error: unknown): unknown {
  if (error instanceof StoreError) {
    return new VmError('bad-file', `the files "${name}": ${error.message}: ${advice[error.code]}`, { cause: error });
  }
  if (!(error instanceof DOMException)) return error;
  const reason = `${error.name}: ${error.message}`;
  return new VmError('bad-file', `the browser does not open the files "${name}" (${reason})`, { cause: error });
}
