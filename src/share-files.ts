// The files of a share from outside the guest, in the words of node:fs/promises.
import { fileType, openFlags } from '../devices/9p/backend.ts';
import type { FileAttributes, Files, FolderEntry } from '../devices/9p/client-files.ts';
import { splitPath } from '../devices/9p/client-path.ts';
import type { Path } from '../devices/9p/client-walk.ts';
import { run, type Coroutine } from '../devices/9p/coroutine.ts';
import { Errno } from '../devices/9p/errno.ts';
import type { Bytes } from '../devices/ports.ts';
import { Emitter } from './emitter.ts';
import { VmError } from './errors.ts';
import { observed } from './observed.ts';
import type { ShareChange } from './share-changes.ts';
import type { ShareConnection } from './share-connection.ts';
import { fileError } from './share-error.ts';
import { bytesOf, textOf, type SharePath } from './share-path.ts';

export type ShareFileType = 'file' | 'directory' | 'symlink' | 'other';

export interface ShareEntry {
  /** What is not UTF-8 in it is shown as U+FFFD; `bytes` is the name itself. */
  readonly name: string;
  readonly bytes: Bytes;
  readonly type: ShareFileType;
}

export interface ShareStat {
  readonly type: ShareFileType;
  /** Linux's st_mode: permissions and the bits of the type. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Units of 512 bytes that are allocated. */
  readonly blocks: number;
  readonly ino: bigint;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970. */
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** As in node:fs: reading, writing from nothing, appending; `+` for both ways, `x` for a new file only. */
const flagsByWord = {
  r: openFlags.readOnly,
  'r+': openFlags.readWrite,
  w: openFlags.writeOnly | openFlags.create | openFlags.truncate,
  wx: openFlags.writeOnly | openFlags.create | openFlags.exclusive,
  'w+': openFlags.readWrite | openFlags.create | openFlags.truncate,
  'wx+': openFlags.readWrite | openFlags.create | openFlags.exclusive,
  a: openFlags.writeOnly | openFlags.create | openFlags.append,
  ax: openFlags.writeOnly | openFlags.create | openFlags.append | openFlags.exclusive,
  'a+': openFlags.readWrite | openFlags.create | openFlags.append,
  'ax+': openFlags.readWrite | openFlags.create | openFlags.append | openFlags.exclusive,
} as const;

export type ShareOpenFlags = keyof typeof flagsByWord;

/** The most that `readFile` reads, as in Node.js. */
const longestFile = 2 ** 31 - 1;
const defaultFileMode = 0o644;
const defaultFolderMode = 0o755;

const types: Readonly<Record<number, ShareFileType>> = {
  [fileType.file]: 'file',
  [fileType.folder]: 'directory',
  [fileType.link]: 'symlink',
};

/** From the `fileType` bits of a mode. */
function typeOf(mode: number): ShareFileType {
  return types[mode & fileType.mask] ?? 'other';
}

function statOf({ mode, size, blocks, qid, nlink, uid, gid, atime, mtime, ctime }: FileAttributes): ShareStat {
  const milliseconds = (nanoseconds: bigint): number => Number(nanoseconds) / 1e6;
  return {
    type: typeOf(mode),
    mode,
    size,
    blocks,
    ino: qid.path,
    nlink,
    uid,
    gid,
    atimeMs: milliseconds(atime),
    mtimeMs: milliseconds(mtime),
    ctimeMs: milliseconds(ctime),
  };
}

function entryOf({ name, type }: FolderEntry): ShareEntry {
  // Linux's DT_ numbers are the type bits of the mode.
  return { name: textOf(name), bytes: name, type: typeOf(type << 12) };
}

/** A Date, or seconds since 1970, as nanoseconds. */
function nanosecondsOf(time: Date | number): bigint {
  const microseconds = time instanceof Date ? time.getTime() * 1000 : Math.round(time * 1e6);
  if (!Number.isFinite(microseconds)) throw new VmError('bad-option', `${time} is no time`);
  return BigInt(microseconds) * 1000n;
}

function* readAll(files: Files, fid: number): Coroutine<Uint8Array<ArrayBuffer>> {
  const { size } = yield* files.attributes(fid);
  if (size > longestFile) throw new Errno('EFBIG');
  let bytes = new Uint8Array(size);
  let length = yield* files.read(fid, 0, bytes);
  // It may have grown meanwhile, and files like those of /proc have no size at all.
  for (const more = new Uint8Array(65_536); length === bytes.length;) {
    const count = yield* files.read(fid, length, more);
    if (count === 0) return bytes;
    const larger = new Uint8Array(length + count);
    larger.set(bytes);
    larger.set(more.subarray(0, count), length);
    bytes = larger;
    length += count;
  }
  return bytes.slice(0, length);
}

/** What a handle needs of the files it belongs to. */
type Runner = <R>(operation: string, action: (files: Files) => Coroutine<R>) => Promise<R>;

/** An open file. It is closed by `close`, and with the files it belongs to. */
export class ShareFileHandle {
  readonly #fid: number;
  readonly #run: Runner;

  constructor(fid: number, run: Runner) {
    this.#fid = fid;
    this.#run = run;
  }

  /** Up to `length` bytes from `offset` on; less only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const into = new Uint8Array(length);
    return this.#do('read', (files) => files.read(this.#fid, offset, into)).then((count) => into.subarray(0, count));
  }

  /** Writes all of it; a file that is open for appending takes it at its end. */
  write(offset: number, bytes: Bytes | string): Promise<void> {
    return this.#do('write', (files) => files.write(this.#fid, offset, bytesOf(bytes)));
  }

  stat(): Promise<ShareStat> {
    return this.#do('fstat', (files) => files.attributes(this.#fid)).then(statOf);
  }

  truncate(size: number): Promise<void> {
    return this.#do('ftruncate', (files) => files.change(this.#fid, { size }));
  }

  /** Resolves when what was written is where it survives. */
  sync(): Promise<void> {
    return this.#do('fsync', (files) => files.sync(this.#fid));
  }

  /** Rejects where what was written could not be stored. */
  close(): Promise<void> {
    return this.#do('close', (files) => files.client.clunk(this.#fid));
  }

  #do<R>(operation: string, action: (files: Files) => Coroutine<R>): Promise<R> {
    return this.#run(operation, action);
  }
}

/** A connection to a share's files. */
export interface OpenFiles {
  readonly connection: ShareConnection;
  readonly files: Files;
}

/**
 * A share's files, as root sees them. Paths are absolute in the share; symbolic links are followed within it, as if the
 * share were all there is. It can be used before the VM is started, while it runs and after it has stopped.
 */
export class ShareFiles {
  readonly #connect: (onChange: (change: ShareChange) => void) => Promise<OpenFiles>;
  readonly #changes = new Emitter<{ change: ShareChange }>();
  /** Listeners of changes. */
  #watching = 0;
  #open: Promise<OpenFiles> | undefined;

  /** For Vm only. */
  constructor(connect: (onChange: (change: ShareChange) => void) => Promise<OpenFiles>) {
    this.#connect = connect;
  }

  readFile(path: SharePath): Promise<Uint8Array<ArrayBuffer>> {
    return this.#with('open', path, (files, at) => this.#opened(files, at, 'r', 0, (fid) => readAll(files, fid)));
  }

  /** Makes the file, or takes the place of what was in it. */
  writeFile(path: SharePath, content: Bytes | string, { mode }: { readonly mode?: number } = {}): Promise<void> {
    return this.#write('w', path, content, mode);
  }

  appendFile(path: SharePath, content: Bytes | string, { mode }: { readonly mode?: number } = {}): Promise<void> {
    return this.#write('a', path, content, mode);
  }

  /** In the order of the store. */
  async readdir(path: SharePath): Promise<ShareEntry[]> {
    const entries = await this.#with('readdir', path, (files, at) => files.at(at, true, (fid) => files.list(fid)));
    return entries.map(entryOf);
  }

  async stat(path: SharePath): Promise<ShareStat> {
    return statOf(await this.#attributes('stat', path, true));
  }

  /** Of a symbolic link itself. */
  async lstat(path: SharePath): Promise<ShareStat> {
    return statOf(await this.#attributes('lstat', path, false));
  }

  mkdir(path: SharePath, options: { readonly recursive?: boolean; readonly mode?: number } = {}): Promise<void> {
    const { recursive = false, mode = defaultFolderMode } = options;
    return this.#with('mkdir', path, (files, at) => (recursive ? makeAll(files, at, mode) : files.mkdir(at, mode)));
  }

  /** Removes a file or a link; with `recursive` also a folder with all that is in it. `force`: nothing there is no error. */
  rm(path: SharePath, options: { readonly recursive?: boolean; readonly force?: boolean } = {}): Promise<void> {
    const { recursive = false, force = false } = options;
    return this.#with('rm', path, function* (files, at) {
      try {
        const { mode } = yield* files.at(at, false, (fid) => files.attributes(fid));
        if ((mode & fileType.mask) !== fileType.folder) yield* files.unlink(at, false);
        else if (recursive) yield* files.unlinkTree(at);
        else throw new Errno('EISDIR');
      } catch (error) {
        if (!force || !(error instanceof Errno) || error.code !== 'ENOENT') throw error;
      }
    });
  }

  /** Removes an empty folder. */
  rmdir(path: SharePath): Promise<void> {
    return this.#with('rmdir', path, (files, at) => files.unlink(at, true));
  }

  /** Takes the place of what is at `to`, as rename(2). */
  rename(from: SharePath, to: SharePath): Promise<void> {
    return this.#with('rename', from, (files, at) => files.rename(at, pathOf(files, to)));
  }

  /** Gives a file another name. */
  link(existing: SharePath, path: SharePath): Promise<void> {
    return this.#with('link', path, (files, at) => files.link(pathOf(files, existing), at, false));
  }

  async readlink(path: SharePath): Promise<string> {
    return textOf(await this.#with('readlink', path, (files, at) => files.at(at, false, (fid) => files.readlink(fid))));
  }

  symlink(target: SharePath, path: SharePath): Promise<void> {
    return this.#with('symlink', path, (files, at) => files.symlink(at, bytesOf(target)));
  }

  /** The permission bits. */
  chmod(path: SharePath, mode: number): Promise<void> {
    return this.#with('chmod', path, (files, at) => files.at(at, true, (fid) => files.change(fid, { mode })));
  }

  /** Times are Dates, or seconds since 1970. */
  async utimes(path: SharePath, atime: Date | number, mtime: Date | number): Promise<void> {
    const times = { atime: nanosecondsOf(atime), mtime: nanosecondsOf(mtime) };
    await this.#with('utimes', path, (files, at) => files.at(at, true, (fid) => files.change(fid, times)));
  }

  truncate(path: SharePath, size = 0): Promise<void> {
    return this.#with('truncate', path, (files, at) => files.at(at, true, (fid) => files.change(fid, { size })));
  }

  /** For reading and writing in parts. `mode` is that of a new file. */
  async open(
    path: SharePath,
    flags: ShareOpenFlags = 'r',
    { mode = defaultFileMode }: { readonly mode?: number } = {},
  ): Promise<ShareFileHandle> {
    if (!(flags in flagsByWord)) {
      throw new VmError('bad-option', `open flags "${flags}": they are ${Object.keys(flagsByWord).join(', ')}`);
    }
    const open = await this.#opening();
    const fid = await runOn(open, 'open', path, (files) => files.open(pathOf(files, path), flagsByWord[flags], mode));
    // Of this connection, whatever comes after it: fids are its own.
    return new ShareFileHandle(fid, (operation, action) => runOn(open, operation, path, action));
  }

  /**
   * Calls `listener` with every change of the share from now on, by the guest, through this API or by the host, until the
   * returned function is called. Changes that follow each other fast are told together, up to a
   * twentieth of a second later.
   */
  watch(listener: (change: ShareChange) => void): () => void {
    // Wrapped: the same function may watch twice.
    const stop = this.#changes.on('change', (change) => listener(change));
    let watches = true;
    this.#watching++;
    // An error in opening the share is told by the calls that need it.
    const opening = observed(this.#opening());
    if (this.#watching === 1) opening.then(watchOn(true), () => undefined);
    return () => {
      if (!watches) return;
      watches = false;
      stop();
      this.#watching--;
      if (this.#watching === 0) this.#open?.then(watchOn(false), () => undefined);
    };
  }

  /**
   * Ends what is under way and closes what is open, and lets the worker go, if no machine runs in it. The next call opens
   * the share again, for the watches too. Rejects where the worker went and a share could not store what it had.
   */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    // One that could not be opened was told of by the calls that waited for it.
    const opened = await open?.catch(() => undefined);
    await opened?.connection.close();
  }

  #opening(): Promise<OpenFiles> {
    const opening = (this.#open ??= this.#connecting());
    const forget = (): void => {
      if (this.#open === opening) this.#open = undefined;
    };
    return opening.then(
      (open) => {
        if (open.connection.isOpen) return open;
        // The worker it was connected to is gone.
        forget();
        return this.#opening();
      },
      (error: unknown) => {
        forget();
        throw error;
      },
    );
  }

  async #connecting(): Promise<OpenFiles> {
    const open = await this.#connect((change) => this.#changes.emit('change', change));
    if (this.#watching > 0) open.connection.watch(true);
    return open;
  }

  async #with<R>(operation: string, path: SharePath, action: (files: Files, at: Path) => Coroutine<R>): Promise<R> {
    const open = await this.#opening();
    return runOn(open, operation, path, (files) => action(files, pathOf(files, path)));
  }

  #attributes(operation: string, path: SharePath, follow: boolean): Promise<FileAttributes> {
    return this.#with(operation, path, (files, at) => files.at(at, follow, (fid) => files.attributes(fid)));
  }

  #write(flags: 'w' | 'a', path: SharePath, content: Bytes | string, mode = defaultFileMode): Promise<void> {
    // Taken now: the caller may use its memory again before the connection is there.
    const bytes = typeof content === 'string' ? bytesOf(content) : content.slice();
    return this.#with('open', path, (files, at) =>
      this.#opened(files, at, flags, mode, (fid) => files.write(fid, 0, bytes)),
    );
  }

  *#opened<R>(
    files: Files,
    at: Path,
    flags: ShareOpenFlags,
    mode: number,
    action: (fid: number) => Coroutine<R>,
  ): Coroutine<R> {
    const fid = yield* files.open(at, flagsByWord[flags], mode);
    let result: R;
    try {
      result = yield* action(fid);
    } catch (error) {
      files.client.drop(fid);
      throw error;
    }
    yield* files.client.clunk(fid);
    return result;
  }
}

function watchOn(on: boolean): (open: OpenFiles) => void {
  return ({ connection }) => connection.watch(on);
}

async function runOn<R>(
  { files }: OpenFiles,
  operation: string,
  path: SharePath,
  action: (files: Files) => Coroutine<R>,
): Promise<R> {
  try {
    return await run(action(files));
  } catch (error) {
    throw fileError(error, operation, typeof path === 'string' ? path : textOf(path));
  }
}

/** The place that a path names. Throws VmError 'bad-option' for a relative one. */
export function pathOf({ client }: Files, path: SharePath): Path {
  const names = splitPath(bytesOf(path));
  if (!names.isAbsolute) {
    throw new VmError('bad-option', `the path ${JSON.stringify(path)}: paths in a share begin with "/"`);
  }
  return { ...names, from: client.root, confined: false };
}

/** Makes the folder and those above it that are not there. */
function* makeAll(files: Files, path: Path, mode: number): Coroutine<void> {
  for (let count = 1; count <= path.names.length; count++) {
    const above = { ...path, names: path.names.slice(0, count) };
    try {
      yield* files.mkdir(above, mode);
    } catch (error) {
      if (!(error instanceof Errno) || error.code !== 'EEXIST') throw error;
      const { mode: found } = yield* files.at(above, true, (fid) => files.attributes(fid));
      if ((found & fileType.mask) !== fileType.folder) throw count < path.names.length ? new Errno('ENOTDIR') : error;
    }
  }
}
