// What has changed since the last commit: only that something did, and what the journal says about it. What it is now is
// read off when the commit is made.
import type { Entry } from '../../devices/9p/memory/folder.ts';
import type { Inode } from '../../devices/9p/memory/inode.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { Chunk } from './chunk.ts';
import type { Place } from './medium.ts';

/** Where the journal has an entry. */
export interface EntryPlace {
  readonly folder: Inode;
  readonly name: Bytes;
}

export class Changes {
  /** Whether the journal knows the inode. */
  readonly inodes = new Map<Inode, boolean>();
  /** Undefined: the journal does not have the entry. */
  readonly entries = new Map<Entry, EntryPlace | undefined>();
  /** Where the journal says the chunk is. */
  readonly chunks = new Map<Chunk, Place | undefined>();

  get isEmpty(): boolean {
    return this.inodes.size === 0 && this.entries.size === 0 && this.chunks.size === 0;
  }

  /** Takes back earlier changes whose commit has failed: the journal says what it said before those. */
  absorb(earlier: Changes): void {
    for (const [inode, known] of earlier.inodes) this.inodes.set(inode, known);
    for (const [entry, place] of earlier.entries) this.entries.set(entry, place);
    for (const [chunk, place] of earlier.chunks) this.chunks.set(chunk, place);
  }
}
