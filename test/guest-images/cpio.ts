// Reads a cpio archive of the kind "newc", for tests.

export interface CpioEntry {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  device: [major: number, minor: number];
  data: Buffer;
  /** Where the data stands in the archive. */
  offset: number;
}

export function readCpio(archive: Buffer): CpioEntry[] {
  const entries: CpioEntry[] = [];
  for (let at = 0; ; ) {
    const header = archive.toString('latin1', at, at + 110);
    if (!header.startsWith('070701')) throw new Error(`no cpio header at ${at}`);
    const field = (index: number) => Number.parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
    const nameEnd = at + 110 + field(11);
    const path = archive.toString('utf8', at + 110, nameEnd).replace(/\0+$/, '');
    const offset = (nameEnd + 3) & ~3;
    if (path === 'TRAILER!!!') return entries;
    entries.push({
      path,
      mode: field(1),
      uid: field(2),
      gid: field(3),
      mtime: field(5),
      device: [field(9), field(10)],
      data: archive.subarray(offset, offset + field(6)),
      offset,
    });
    at = (offset + field(6) + 3) & ~3;
  }
}
