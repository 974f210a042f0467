// Opens a picked folder in the VM's worker, and says in the user's words why it can not.
import { VmError } from '../../errors.ts';
import type { StoreHost } from '../mount-store.ts';
import { lockStore } from '../store-lock.ts';
import { after } from '../timer.ts';
import type { FolderHandle } from './access.ts';
import { PickedFolderBackend } from './backend.ts';
import { IndexedDbRecords } from './indexed-db-records.ts';
import { observeByBrowser } from './observer.ts';
import { folderPermission } from './permission.ts';
import type { PickedFolderSource } from './source.ts';

export interface PickedFolderHost extends StoreHost {
  /** Every change is refused with EROFS; the permission to read is enough. */
  readonly readOnly?: boolean;
}

/** Throws VmError 'bad-file'. */
export async function openPickedFolder(
  { handle, name = handle.name }: PickedFolderSource,
  { now, log, readOnly = false }: PickedFolderHost,
): Promise<PickedFolderBackend> {
  const mayWrite = !readOnly && (await folderPermission(handle)) === 'granted';
  if (!mayWrite) await checkReadable(handle, name);
  if (!mayWrite && !readOnly) log(`the folder "${name}" is read-only: the browser has not been allowed to write to it`);
  let records: IndexedDbRecords | undefined;
  try {
    records = await IndexedDbRecords.open(handle, (folder) => lockStore(`picked-folder ${folder}`, name));
    const clock = (): number => performance.now();
    const prefixed = (line: string): void => log(`the folder "${name}": ${line}`);
    return await PickedFolderBackend.open(handle, {
      records,
      readOnly: !mayWrite,
      now,
      clock,
      after,
      log: prefixed,
      observe: observeByBrowser,
    });
  } catch (error) {
    records?.close();
    throw asBadFile(name, error);
  }
}

async function checkReadable(handle: FolderHandle, name: string): Promise<void> {
  if ((await folderPermission(handle, { readOnly: true })) === 'granted') return;
  throw new VmError(
    'bad-file',
    `the browser has not been allowed to read the folder "${name}": pick it, or allow it, again`,
  );
}

function asBadFile(name: string, error: unknown): unknown {
  if (error instanceof VmError || !(error instanceof Error)) return error;
  const isMissing = 'code' in error && error.code === 'ENOENT';
  const reason = isMissing ? 'it was moved or removed: pick it again' : `${error.name}: ${error.message}`;
  return new VmError('bad-file', `the folder "${name}" cannot be opened: ${reason}`, { cause: error });
}
