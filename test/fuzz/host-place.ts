// A folder of the host that a fuzzed server shares, with things around it that nobody may touch, and what a user of the host
// may do inside it meanwhile.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/** What is done to one path of the share; `aside` is a folder outside of it, `fifo` a FIFO there. */
type HostAction = (path: string, place: { readonly aside: string; readonly fifo: string }) => void;

/** The order is part of the kept cases: new ones come last. */
export const hostActions: readonly HostAction[] = [
  (path) => rmSync(path, { recursive: true }),
  (path) => {
    // Never through a link: the host's user would write outside of the share himself.
    const fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o644);
    writeSync(fd, 'from the host');
    closeSync(fd);
  },
  (path) => mkdirSync(path),
  (path) => symlinkSync('../outside', path),
  (path) => {
    rmSync(path, { recursive: true });
    symlinkSync('../outside', path);
  },
  (path) => renameSync(path, `${path}2`),
  (path) => renameSync(`${path}2`, path),
  (path, { aside }) => renameSync(path, join(aside, 'moved')),
  (path, { aside }) => renameSync(join(aside, 'moved'), path),
  (path) => {
    if (!lstatSync(path).isSymbolicLink()) chmodSync(path, 0o000);
  },
  (path) => {
    writeFileSync(`${path}3`, 'replaced');
    renameSync(`${path}3`, path);
  },
  (path, { fifo }) => {
    rmSync(path, { recursive: true });
    linkSync(fifo, path);
  },
  (path) => unlinkSync(path),
];

export const hostNames = ['file', 'folder', 'folder/inner', 'folder/inner/deep', 'link', 'new', 'other'] as const;

export class HostPlace {
  readonly #place = mkdtempSync(join(tmpdir(), 'vm9-fuzz-'));
  readonly share = join(this.#place, 'share');
  readonly #outside = join(this.#place, 'outside');
  readonly #aside = join(this.#place, 'aside');
  /** In the share it gets a second name now and then, through which it may be changed. */
  readonly #fifo = join(this.#place, 'fifo');
  readonly #surroundings: string;

  constructor() {
    mkdirSync(this.#outside);
    mkdirSync(join(this.#outside, 'inner'));
    for (const name of ['secret', 'file', 'inner/deep', 'new']) writeFileSync(join(this.#outside, name), 'secret');
    symlinkSync('secret', join(this.#outside, 'link'));
    execFileSync('mkfifo', [this.#fifo]);
    writeFileSync(join(this.#place, 'secret'), 'secret');
    this.refill();
    this.#surroundings = this.surroundings();
  }

  /** The share as every case finds it. */
  refill(): void {
    for (const folder of [this.share, this.#aside]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    }
    writeFileSync(join(this.share, 'file'), 'contents');
    mkdirSync(join(this.share, 'folder'));
    mkdirSync(join(this.share, 'folder/inner'));
    writeFileSync(join(this.share, 'folder/inner/deep'), 'deep contents');
    symlinkSync('file', join(this.share, 'link'));
    symlinkSync('../outside', join(this.share, 'out'));
    symlinkSync('..', join(this.share, 'up'));
  }

  /** Acts as the host's user; what does not work at the moment is left. */
  act(action: number, name: number): void {
    const path = join(this.share, hostNames[name % hostNames.length] as string);
    try {
      // Not through what is a link by now.
      if (realpathSync(dirname(path)) !== dirname(path)) return;
      hostActions[action % hostActions.length]?.(path, { aside: this.#aside, fifo: this.#fifo });
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  }

  /** Whether all around the share is as it was, to the last byte and time (but that of the last access). */
  get isUntouched(): boolean {
    return this.surroundings() === this.#surroundings;
  }

  surroundings(): string {
    const outside = readdirSync(this.#outside, { recursive: true, encoding: 'utf8' }).toSorted();
    const paths = [join(this.#place, 'secret'), this.#outside, ...outside.map((name) => join(this.#outside, name))];
    return [readdirSync(this.#place).toSorted().join(), ...paths.map((path) => this.#describe(path))].join('\n');
  }

  dispose(): void {
    rmSync(this.#place, { recursive: true, force: true });
  }

  #describe(path: string): string {
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isFile() ? readFileSync(path, 'latin1') : stat.isSymbolicLink() ? readlinkSync(path) : '';
    return [path, stat.ino, stat.mode, stat.nlink, stat.uid, stat.gid, stat.mtimeNs, stat.ctimeNs, content].join();
  }
}
