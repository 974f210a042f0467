import type { VmErrorCode } from '../errors.ts';

/**
 * What is wrong with a snapshot, or in its way: a VmError by the time it reaches anybody. With that class's own module every page
 * would fetch a file more, for what few pages need.
 */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
  readonly code: VmErrorCode;

  constructor(code: VmErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A file that is a snapshot, but not whole; `what` is the part that shows it. */
export function damaged(what: string): SnapshotError {
  return new SnapshotError('bad-file', `the snapshot is damaged (${what}): save the machine anew`);
}
