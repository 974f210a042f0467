// What a client of a share and the worker that owns it tell each other over a port of the client's own.
import type { ShareChange } from './share-changes.ts';
import type { VmErrorCode } from './errors.ts';

export type ToShare =
  /** A 9P message; its reply has at most `room` bytes. */
  | {
      readonly type: 'request';
      readonly id: number;
      readonly message: Uint8Array<ArrayBuffer>;
      readonly room: number;
    }
  /** Ends the 9P session: what is under way is answered with nothing. */
  | { readonly type: 'reset' }
  /** Whether changes of the share are to be told. */
  | { readonly type: 'watch'; readonly on: boolean }
  /** The changes last told have been heard: there may be more. */
  | { readonly type: 'heard' }
  /** The client is gone. */
  | { readonly type: 'close' };

export type FromShare =
  /** No bytes: the request was flushed, or its session has ended. */
  | { readonly type: 'reply'; readonly id: number; readonly message: Uint8Array<ArrayBuffer> }
  | { readonly type: 'changes'; readonly changes: readonly ShareChange[] }
  /** The share cannot be opened, or is no longer served. Nothing follows. */
  | { readonly type: 'gone'; readonly code: VmErrorCode; readonly message: string };
