// A worker that keeps files in a store, as the page of a test asks it to.
import { openFlags } from '../../../devices/9p/backend.ts';
import type { Node } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { openIndexedDb } from '../../../src/browser/indexeddb/open.ts';
import { openOpfs } from '../../../src/browser/opfs/open.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';

const name = 'page test';
const logged: string[] = [];
const host = { now: () => BigInt(Date.now()) * 1_000_000n, log: (line: string) => logged.push(line) };
const someone = { uid: 0, gid: 0 };
let store: StoredBackend | undefined;

/** A browser stores what can be packed in less than it takes: no 64 KiB of this can. */
const noise = new Uint8Array(65_521);
for (let index = 0, state = 1; index < noise.length; index++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
  noise[index] = state >>> 24;
}

/** Noise, with a value in every byte that can be found again. */
function mixed(content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return content.map((byte, index) => byte ^ (noise[index % noise.length] as number));
}

function opened(): StoredBackend {
  if (store === undefined) throw new Error('no store is open');
  return store;
}

function found(path: string): Node {
  const node = opened().lookup(opened().root(), new TextEncoder().encode(path));
  if (node === undefined) throw new Errno('ENOENT');
  return node;
}

const commands = {
  open: async (kind: string) => {
    store = kind === 'opfs' ? await openOpfs({ name }, host) : await openIndexedDb({ name }, host);
  },
  /** Writes noise with one value from the start of a file on, and closes it. */
  write: async (path: string, value: number, length: number) => {
    const root = opened().root();
    const { node, file } = opened().create(root, new TextEncoder().encode(path), openFlags.readWrite, 0o644, someone);
    try {
      return await opened().write(file, 0, [mixed(new Uint8Array(length).fill(value))]);
    } finally {
      opened().release(file);
      opened().forget(node);
    }
  },
  fsync: async () => {
    const folder = opened().open(opened().root(), openFlags.readOnly);
    await opened().fsync(folder, false);
    opened().release(folder);
  },
  remove: (path: string) => opened().unlink(opened().root(), new TextEncoder().encode(path), false),
  /** The length of a file, and the values in its bytes. */
  read: async (path: string) => {
    const file = opened().open(found(path), openFlags.readOnly);
    const { size } = opened().getattrOpen(file);
    const into = new Uint8Array(size);
    const result = opened().read(file, 0, [into]);
    const content = mixed(typeof result === 'number' ? into : new Uint8Array(await result));
    opened().release(file);
    const present = new Uint8Array(256);
    for (const byte of content) present[byte] = 1;
    return { length: content.length, values: [...present.keys()].filter((value) => present[value] === 1) };
  },
  close: () => opened().close(),
  logged: () => logged,
};

export type Command = keyof typeof commands;

addEventListener('message', ({ data }: MessageEvent<readonly [Command, ...unknown[]]>) => {
  const [command, ...args] = data;
  const run = async (): Promise<unknown> => Reflect.apply(commands[command] as () => unknown, undefined, args);
  run().then(
    (value) => postMessage({ value }),
    (error: unknown) => postMessage({ code: error instanceof Errno ? error.code : String(error) }),
  );
});
