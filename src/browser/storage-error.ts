// What the browser says when it can not store, in the guest's words.
import { Errno } from '../../devices/9p/errno.ts';

/** ENOSPC where the quota is used up, EIO for the rest. What is no DOMException is a defect, and stays what it is. */
export function storageError(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  return new Errno(error.name === 'QuotaExceededError' ? 'ENOSPC' : 'EIO', `${error.name}: ${error.message}`);
}

/** Bytes kept free of the quota, for what the browser needs itself. */
const reserve = 8 * 2 ** 20;

/** Bytes that the origin may still store, as the browser says: Chromium promises 10 GiB whatever there is. */
export async function availableStorage(): Promise<number> {
  const { quota, usage } = await navigator.storage.estimate();
  if (quota === undefined || usage === undefined) return Number.MAX_SAFE_INTEGER;
  return Math.max(0, quota - usage - reserve);
}
