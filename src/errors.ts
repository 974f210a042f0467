import type { ErrnoName } from '../devices/9p/errno.ts';
import type { SnapshotError } from './snapshot/snapshot-error.ts';
import { AgentClosed, AgentError } from './agent/errors.ts';

/** What kind of trouble a `VmError` tells of. */
export type VmErrorCode =
  /** An option is wrong or contradicts another. */
  | 'bad-option'
  /** A file, folder or image that was named cannot be used. */
  | 'bad-file'
  /** The guest does not run the agent that `exec`, mounts and `powerOff` need. */
  | 'no-agent'
  /** The guest refused: a mount failed, a command could not be started. */
  | 'refused'
  /** The machine has stopped, or was disposed of, before it could do what was asked. */
  | 'stopped'
  /** A file operation on a share failed; `errno` says how. */
  | 'file-error'
  /** A WASI program did what WebAssembly forbids. */
  | 'trap'
  /** A defect in this program, not in the guest or its options. */
  | 'internal';

/** Every error the API throws or rejects with by design. The message names what was wrong and what to do. */
export class VmError extends Error {
  readonly code: VmErrorCode;
  /** The system's name for a 'file-error': ENOENT … */
  readonly errno: ErrnoName | undefined;

  constructor(code: VmErrorCode, message: string, options?: ErrorOptions & { readonly errno?: ErrnoName }) {
    super(message, options);
    this.name = 'VmError';
    this.code = code;
    this.errno = options?.errno;
  }
}

function codeOf(error: unknown): VmErrorCode {
  if (error instanceof AgentClosed) return 'stopped';
  if (error instanceof AgentError) return 'refused';
  // By its name: its class is fetched when it is used.
  return error instanceof Error && error.name === 'SnapshotError' ? (error as SnapshotError).code : 'internal';
}

/** Any error as one of the API's; `context` is put before its message. */
export function asVmError(error: unknown, context?: string): VmError {
  if (error instanceof VmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new VmError(codeOf(error), context === undefined ? message : `${context}: ${message}`, { cause: error });
}
