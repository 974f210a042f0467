// What the journal says: the state of what a commit has changed, not the operations that changed it. A frame's records come
// in the order of this table.
import { bytes, FieldReader, FieldWriter, i64, int } from './fields.ts';
import type { AnyBody, Columns, Fields, Values } from './fields.ts';
import { StoreError } from './store-error.ts';

/** Times are nanoseconds since 1970. */
const attributes = { ino: int, mode: int, uid: int, gid: int, atime: i64, mtime: i64, ctime: i64 } as const;

export const records = {
  /** The number of the next new inode. */
  next: { type: 1, body: { ino: int } },
  /** An entry that is not in its folder any more. */
  removed: { type: 2, body: { folder: int, name: bytes } },
  /** An inode that has lost its last name, with everything that was its own. */
  gone: { type: 3, body: { ino: int } },
  /** An inode is new, or has changed; extended attributes follow it. The data of a file stays. */
  file: { type: 4, body: { ...attributes, length: int } },
  folder: { type: 5, body: { ...attributes, nextCookie: int } },
  link: { type: 6, body: { ...attributes, target: bytes } },
  special: { type: 7, body: { ...attributes, rdev: i64 } },
  xattr: { type: 8, body: { ino: int, name: bytes, value: bytes } },
  /** A chunk that a file does not have any more. */
  cut: { type: 9, body: { ino: int, number: int } },
  /** Where a chunk of a file is: `stored` bytes, of which the first `length` count; as many as are missing are zeros. */
  chunk: { type: 10, body: { ino: int, number: int, length: int, pack: int, offset: int, stored: int } },
  /** A name in a folder. */
  entry: { type: 11, body: { folder: int, cookie: int, name: bytes, ino: int } },
} as const satisfies Record<string, { readonly type: number; readonly body: Fields }>;

export type RecordName = keyof typeof records;
export type Body<N extends RecordName> = Values<(typeof records)[N]['body']>;
/** What takes the records of a frame. */
export type RecordHandlers = { readonly [N in RecordName]: (body: Body<N>) => void };

const columns = Object.fromEntries(
  Object.entries(records).map(([name, { body }]) => [name, Object.entries(body)]),
) as unknown as Record<RecordName, Columns>;
const byType: (RecordName | undefined)[] = [];
for (const [name, { type }] of Object.entries(records)) byType[type] = name as RecordName;

export class RecordWriter {
  readonly #fields: FieldWriter;

  /** Leaves `room` bytes in front. */
  constructor(room: number) {
    this.#fields = new FieldWriter(4096);
    this.#fields.length = room;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#fields.written;
  }

  put<N extends RecordName>(name: N, body: Body<N>): void {
    this.#fields.int(records[name].type);
    this.#fields.body(columns[name], body);
  }
}

/** Hands the records of a frame's payload to the handlers. Throws StoreError 'damaged'. */
export function readRecords(payload: Uint8Array, handlers: RecordHandlers): void {
  const reader = new FieldReader(payload);
  while (!reader.atEnd) {
    const type = reader.int();
    const name = byType[type];
    if (name === undefined) throw new StoreError('damaged', `the journal has a record of type ${type}, which is none`);
    (handlers[name] as (body: AnyBody) => void)(reader.body(columns[name]));
  }
}
