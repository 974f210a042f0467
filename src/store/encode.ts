// Turns what has changed, or everything there is, into the records of a frame.
import type { Entry } from '../../devices/9p/memory/folder.ts';
import type { Inode } from '../../devices/9p/memory/inode.ts';
import type { Changes } from './changes.ts';
import type { Chunk } from './chunk.ts';
import { frameHeaderLength } from './frame.ts';
import { RecordWriter } from './records.ts';
import { chunksOf, inodesBelow } from './tree.ts';

/** An inode without a name is none of the journal's business: it can not get one again, and is gone after a mount. */
function isJournaled({ nlink }: Inode): boolean {
  return nlink > 0;
}

function numberOf({ ino }: Inode): number {
  return Number(ino);
}

function putInode(writer: RecordWriter, inode: Inode): void {
  const { mode, uid, gid, atime, mtime, ctime, content, xattrs } = inode;
  const attributes = { ino: numberOf(inode), mode, uid, gid, atime, mtime, ctime };
  switch (content.kind) {
    case 'file':
      writer.put('file', { ...attributes, length: content.data.length });
      break;
    case 'folder':
      writer.put('folder', { ...attributes, nextCookie: content.folder.nextCookie });
      break;
    case 'link':
      writer.put('link', { ...attributes, target: content.target });
      break;
    case 'special':
      writer.put('special', { ...attributes, rdev: BigInt.asIntN(64, content.rdev) });
      break;
  }
  for (const { name, value } of xattrs?.entries ?? []) writer.put('xattr', { ino: attributes.ino, name, value });
}

function putEntry(writer: RecordWriter, { parent, cookie, name, inode }: Entry): void {
  if (parent === undefined) throw new Error('an entry that is in no folder');
  writer.put('entry', { folder: numberOf(parent), cookie, name, ino: numberOf(inode) });
}

function putChunk(writer: RecordWriter, ino: number, { number, length, place }: Chunk): void {
  // A chunk that has never been written is on its way, and so is its commit.
  if (place === undefined) return;
  writer.put('chunk', { ino, number, length, pack: place.pack, offset: place.offset, stored: place.length });
}

/** A frame, yet to be sealed, of what has changed. Chunks whose place is to come later are not in it. */
export function encodeChanges({ inodes, entries, chunks }: Changes, nextIno: bigint): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter(frameHeaderLength);
  writer.put('next', { ino: Number(nextIno) });
  for (const was of entries.values()) {
    if (was !== undefined) writer.put('removed', { folder: numberOf(was.folder), name: was.name });
  }
  for (const [inode, known] of inodes) {
    if (known && !isJournaled(inode)) writer.put('gone', { ino: numberOf(inode) });
  }
  for (const inode of inodes.keys()) if (isJournaled(inode)) putInode(writer, inode);
  for (const [chunk, was] of chunks) {
    const { inode } = chunk.data;
    if (chunk.gone && was !== undefined && inode !== undefined && isJournaled(inode)) {
      writer.put('cut', { ino: numberOf(inode), number: chunk.number });
    }
  }
  for (const chunk of chunks.keys()) {
    const { inode } = chunk.data;
    if (!chunk.gone && inode !== undefined && isJournaled(inode)) putChunk(writer, numberOf(inode), chunk);
  }
  // By cookie: a folder takes its entries in the order of its listing.
  const present = [...entries.keys()].filter(({ parent }) => parent !== undefined);
  for (const entry of present.sort((one, other) => one.cookie - other.cookie)) putEntry(writer, entry);
  return writer.bytes;
}

/** A frame, yet to be sealed, of everything from the root on. */
export function encodeSnapshot(root: Inode, nextIno: bigint): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter(frameHeaderLength);
  writer.put('next', { ino: Number(nextIno) });
  const inodes = inodesBelow(root);
  for (const inode of inodes) {
    putInode(writer, inode);
    for (const chunk of chunksOf(inode)) putChunk(writer, numberOf(inode), chunk);
  }
  for (const { content } of inodes) {
    if (content.kind === 'folder') for (const entry of content.folder.after(0)) putEntry(writer, entry);
  }
  return writer.bytes;
}
