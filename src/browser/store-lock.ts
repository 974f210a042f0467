// One owner of a store at a time: two tabs that wrote to one would destroy it.
import { VmError } from '../errors.ts';

/** Milliseconds for the last owner to go, such as a page that is just being reloaded. */
const patience = 2000;

/** Makes this worker the owner until the returned function is called. Throws VmError 'bad-file' where somebody else is. */
export async function lockStore(kind: string, name: string): Promise<() => void> {
  // Only pages that nobody can have changed on their way have locks, and OPFS.
  if (!isSecureContext) {
    throw new VmError(
      'bad-file',
      `the files "${name}" can be kept only for a page that was loaded over HTTPS or from localhost`,
    );
  }
  return new Promise((resolve, reject) => {
    const held = (): Promise<void> =>
      new Promise((release) => {
        resolve(release);
      });
    navigator.locks.request(`vm9 ${kind} ${name}`, { signal: AbortSignal.timeout(patience) }, held).catch((error) => {
      reject(isTimeout(error) ? taken(name) : error);
    });
  });
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

function taken(name: string): VmError {
  return new VmError(
    'bad-file',
    `the files "${name}" are open in another tab or window: close it there, then load this page again`,
  );
}
