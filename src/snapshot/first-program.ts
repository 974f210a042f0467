// Which program an initial file system begins with: Linux's buffer-format.rst, cpio "newc".
import type { Bytes } from '../../devices/ports.ts';

/** Before the name: magic[6], then thirteen numbers of eight hexadecimal digits. */
const headerLength = 110;
const fields = { fileSize: 6, nameSize: 11 } as const;
const magics = ['070701', '070702'];

/** What the agent says of itself, in its program (guest-images/agent/main.c). */
const agentMark = 'vm9-agent ';
const elfMagic = '\x7fELF';

/** Whether `/init` is the agent's program, in an archive that is not packed, or the last that has one of several behind each other. */
export function beginsWithAgent(archive: Bytes): boolean {
  let init: Bytes | undefined;
  let at = 0;
  while (at < archive.length) {
    // Between archives there are zeros.
    if (archive[at] === 0) {
      at += 1;
      continue;
    }
    const header = latin1(archive.subarray(at, at + headerLength));
    if (!magics.includes(header.slice(0, 6))) return false;
    const number = (field: number): number => Number.parseInt(header.slice(6 + field * 8, 14 + field * 8), 16);
    const nameSize = number(fields.nameSize);
    const fileSize = number(fields.fileSize);
    // Padded with zeros by who wants the file to begin on a boundary.
    const [name] = latin1(archive.subarray(at + headerLength, at + headerLength + nameSize)).split('\0');
    const start = align(at + headerLength + nameSize);
    const end = start + fileSize;
    // Also where a number is none.
    if (!(start > at && end >= start && end <= archive.length)) return false;
    if (name === 'init' || name === './init' || name === '/init') init = archive.subarray(start, end);
    at = align(end);
  }
  if (init === undefined) return false;
  const text = latin1(init);
  return text.startsWith(elfMagic) && text.includes(agentMark);
}

function align(place: number): number {
  return Math.ceil(place / 4) * 4;
}

function latin1(bytes: Bytes): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}
