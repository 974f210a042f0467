// Tlock and Tgetlock. Linux asks so for flock(2) too, of the whole file, and gives locks back when a process closes the file.
import { endOfLocks } from '../backend.ts';
import type { ByteLock } from '../backend.ts';
import { Errno } from '../errno.ts';
import { FidLocks } from '../locks.ts';
import { keyOf } from '../memory/folder.ts';
import { lockFlags, lockStatus, lockType } from '../messages.ts';
import type { Body } from '../messages.ts';
import type { Handlers, Session } from '../request.ts';

/** Linux passes the name of the machine, of at most 64 bytes. It is kept with each lock, and told to others. */
const longestClientId = 255;

function locksOf({ fids, locks }: Session, number: number): FidLocks {
  const file = fids.opened(number);
  const fid = fids.get(number);
  return (fid.locks ??= new FidLocks(locks, fid.ino, file));
}

/** A length of 0 reaches to the end, however far the file grows. */
function rangeOf({
  type,
  start,
  length,
  clientId,
}: Pick<Body<'Tgetlock'>, 'type' | 'start' | 'length' | 'clientId'>): ByteLock {
  const end = length === 0n ? endOfLocks : start + length;
  if (type > lockType.unlock || start >= end || end > endOfLocks || clientId.length > longestClientId)
    throw new Errno('EINVAL', `a lock of type ${type} from ${start} to ${end}`);
  return { type, start, end };
}

export const lockHandlers: Handlers<'Tlock' | 'Tgetlock'> = {
  // Neither looks at what the fid was opened for: Linux has done so where fcntl(2) asks, and flock(2) asks for nothing. There
  // is no time of grace in which locks could be reclaimed: to reclaim is to ask.
  Tlock({ session }, body) {
    const { fid, flags, procId, clientId } = body;
    if ((flags & ~(lockFlags.block | lockFlags.reclaim)) !== 0)
      throw new Errno('EINVAL', `flags 0x${flags.toString(16)}`);
    const lock = { ...rangeOf(body), procId, clientId: keyOf(clientId) };
    const set = locksOf(session, fid).set(lock, (flags & lockFlags.block) !== 0);
    if (typeof set === 'boolean') return { status: set ? lockStatus.success : lockStatus.blocked };
    return (answer) => set((failure) => answer(failure ?? { status: lockStatus.success }));
  },

  Tgetlock({ session }, body) {
    const { fid, type, start, length, procId, clientId } = body;
    // Linux asks with this type whichever lock its process asks for: the one is told that would be in the way of any.
    const asked = type === lockType.unlock ? lockType.write : type;
    const lock = { ...rangeOf(body), type: asked, procId, clientId: keyOf(clientId) };
    const found = locksOf(session, fid).find(lock);
    if (found === undefined) return { type: lockType.unlock, start, length, procId, clientId };
    return {
      type: found.type,
      start: found.start,
      length: found.end === endOfLocks ? 0n : found.end - found.start,
      procId: found.procId,
      clientId: Uint8Array.from(found.clientId, (character) => character.charCodeAt(0)),
    };
  },
};
