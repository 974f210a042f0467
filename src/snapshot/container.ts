// A snapshot as a file: a header that names the sections, and the sections one behind another, each with a checksum.
import type { Bytes } from '../../devices/ports.ts';
import { crc32 } from '../store/crc32.ts';
import { checkShape, decodePlain, encodePlain } from './plain.ts';
import { SnapshotError, damaged } from './snapshot-error.ts';

/** As in PNG: a byte that is no text, the name, and line ends that a transfer as text would change. */
const magic = Uint8Array.of(0x89, 0x76, 0x6d, 0x39, 0x0d, 0x0a, 0x1a, 0x0a);
/** Counts up with each change of what is in a section, so that no program takes one state for another. */
export const formatVersion = 2;
/** magic[8] version[4] length of the table[4] checksum of the table[4], little endian; then the table. */
const prologue = 20;
const longestTable = 65_536;

/** As it is in a file. */
export interface SavedSection {
  readonly name: string;
  readonly bytes: Bytes;
}

/** As it is made, to be posted and written. */
export interface Section extends SavedSection {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the bytes, where somebody has it. */
  readonly checksum?: number | undefined;
}

interface Entry {
  readonly name: string;
  readonly length: number;
  readonly checksum: number;
}

/** `program` is the version of the program, for people. */
export function writeSnapshot(program: string, sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const table = encodePlain({
    program,
    sections: sections.map(({ name, bytes, checksum = crc32(bytes) }) => ({ name, length: bytes.length, checksum })),
  });
  const length = sections.reduce((sum, { bytes }) => sum + bytes.length, prologue + table.length);
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  file.set(magic);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, table.length, true);
  view.setUint32(16, crc32(table), true);
  file.set(table, prologue);
  let at = prologue + table.length;
  for (const { bytes } of sections) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/** A snapshot's sections, wherever they are. */
export interface Sections {
  readonly names: readonly string[];
  /** The bytes of a section. Throws SnapshotError 'bad-file' where there is none, or it is not as it was written. */
  section(name: string): Bytes;
  /** The same, with the check left to whoever calls `check`: he can begin with the bytes before. */
  unchecked(name: string): { readonly bytes: Bytes; readonly check: () => void };
  /** A section of plain data. Throws SnapshotError 'bad-file'. */
  plain(name: string): unknown;
}

/** Sections that were looked at already. */
export class CheckedSections implements Sections {
  readonly #bytes: ReadonlyMap<string, Bytes>;

  constructor(sections: readonly SavedSection[]) {
    this.#bytes = new Map(sections.map(({ name, bytes }) => [name, bytes]));
  }

  get names(): readonly string[] {
    return [...this.#bytes.keys()];
  }

  section(name: string): Bytes {
    const bytes = this.#bytes.get(name);
    if (bytes === undefined) throw damaged(`no section ${name}`);
    return bytes;
  }

  unchecked(name: string): ReturnType<Sections['unchecked']> {
    return { bytes: this.section(name), check: () => undefined };
  }

  plain(name: string): unknown {
    return decodePlain(this.section(name), `section ${name}`);
  }
}

/** A snapshot's sections, each checked when it is asked for. */
export class SnapshotFile implements Sections {
  /** Version of the program that has made it. */
  readonly program: string;
  readonly #bytes: Bytes;
  readonly #isWhole: boolean;
  readonly #places = new Map<string, Entry & { readonly start: number }>();

  /**
   * Throws SnapshotError 'bad-file' for what is no snapshot, or none that this program reads. `isWhole`: the bytes are known to be
   * as they were written.
   */
  constructor(bytes: Bytes, isWhole = false) {
    this.#bytes = bytes;
    this.#isWhole = isWhole;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const begins = magic.subarray(0, bytes.length);
    if (bytes.length === 0 || begins.some((byte, index) => bytes[index] !== byte)) {
      throw new SnapshotError(
        'bad-file',
        'this is no snapshot of a vm9 machine: --save, vm.save() or the page makes one',
      );
    }
    if (bytes.length < prologue) throw cutShort(bytes.length, undefined);
    const version = view.getUint32(8, true);
    if (version !== formatVersion) {
      throw new SnapshotError(
        'bad-file',
        `the snapshot has format ${version}, this program reads format ${formatVersion}: save the machine anew, or ` +
          `resume it with the ${version < formatVersion ? 'older' : 'newer'} vm9 that made it`,
      );
    }
    const tableLength = view.getUint32(12, true);
    if (tableLength > longestTable) throw damaged('its table');
    if (prologue + tableLength > bytes.length) throw cutShort(bytes.length, undefined);
    const tableBytes = bytes.subarray(prologue, prologue + tableLength);
    if (view.getUint32(16, true) !== crc32(tableBytes)) throw damaged('its table');
    const table = decodePlain(tableBytes, 'its table') as unknown;
    checkShape(table, { program: '', sections: [{ name: '', length: 0, checksum: 0 }] }, 'its table');
    const { program, sections } = table as { readonly program: string; readonly sections: readonly Entry[] };
    this.program = program;
    let start = prologue + tableLength;
    for (const entry of sections) {
      this.#places.set(entry.name, { ...entry, start });
      start += entry.length;
    }
    if (start > bytes.length) throw cutShort(bytes.length, start);
    if (start < bytes.length) throw damaged('bytes behind its end');
  }

  section(name: string): Bytes {
    const { bytes, check } = this.unchecked(name);
    check();
    return bytes;
  }

  unchecked(name: string): ReturnType<Sections['unchecked']> {
    const place = this.#places.get(name);
    if (place === undefined) throw damaged(`no section ${name}`);
    const bytes = this.#bytes.subarray(place.start, place.start + place.length);
    const check = (): void => {
      if (!this.#isWhole && crc32(bytes) !== place.checksum) throw damaged(`section ${name}`);
    };
    return { bytes, check };
  }

  plain(name: string): unknown {
    return decodePlain(this.section(name), `section ${name}`);
  }

  get names(): readonly string[] {
    return [...this.#places.keys()];
  }
}

function cutShort(length: number, whole: number | undefined): SnapshotError {
  const missing = whole === undefined ? `${length} bytes are there` : `${length} of ${whole} bytes are there`;
  return new SnapshotError(
    'bad-file',
    `the snapshot is cut short, ${missing}: copy it again, or save the machine anew`,
  );
}
