// What a session is made of, for session-state.ts. It imports none of it: whoever bundles the two apart, because few sessions are
// ever saved, would else have every module that they share in a file of its own.
import { fileType, noId, openFlags } from './backend.ts';
import { Errno } from './errno.ts';
import { Fid, LostFid } from './fids.ts';
import { FidLocks } from './locks.ts';
import { checkName } from './names.ts';
import type { Session, Share } from './request.ts';
import { XattrReading, XattrSetting } from './xattr.ts';

export const sessionParts = {
  Errno,
  Fid,
  FidLocks,
  LostFid,
  XattrReading,
  XattrSetting,
  checkName,
  fileType,
  noId,
  openFlags,
} as const;

export type SessionParts = typeof sessionParts;

/** A server's session, with its parts. */
export interface PresentSession {
  readonly share: Share;
  readonly session: Session;
  readonly parts: SessionParts;
}
