// Ways through everything a store has.
import type { Inode } from '../../devices/9p/memory/inode.ts';
import type { Chunk } from './chunk.ts';
import { StoredData } from './stored-data.ts';

/** All inodes that have a name, folders before what is in them. */
export function inodesBelow(root: Inode): ReadonlySet<Inode> {
  const inodes = new Set([root]);
  // A set hands out what is added while it is gone through.
  for (const { content } of inodes) {
    if (content.kind === 'folder') for (const entry of content.folder.after(0)) inodes.add(entry.inode);
  }
  return inodes;
}

/** The chunks of a file; of anything else, none. */
export function chunksOf({ content }: Inode): Iterable<Chunk> {
  return content.kind === 'file' && content.data instanceof StoredData ? content.data.chunks : [];
}
