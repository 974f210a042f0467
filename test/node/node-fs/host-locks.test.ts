// Locks of guests against those of a process of the host.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { make } from '../../devices/9p/client.ts';
import {
  blocked,
  getlock,
  granted,
  guest,
  isAnswered,
  lock,
  read,
  unlock,
  wait,
  write,
} from '../../devices/9p/lock-bench.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { hasNative, SharedFolder } from './shared-folder.ts';

const { Rgetlock, Tclunk, Tflush } = make;
const EAGAIN = 11;

/** The process's own lock, and a lock of its opening of the file. */
const commands = { process: 6, opening: 37 } as const;

class HostProcess {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    const program = new URL('programs/lock-file.js', import.meta.url).pathname;
    this.#child = spawn(process.execPath, [program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** 0, or the number of the error. Bytes from `start`, `length` of them; 0 is to the end. */
  async set(type: number, start = 0, length = 0, kind: keyof typeof commands = 'opening'): Promise<number> {
    this.#child.stdin.write(`${commands[kind]} ${type} ${start} ${length}\n`);
    return Number((await this.#lines.next()).value);
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

describe.runIf(hasNative)('locks', () => {
  let share: SharedFolder;
  let path: string;

  beforeEach(() => {
    share = new SharedFolder();
    path = join(share.path, 'data');
    writeFileSync(path, 'content');
  });

  afterEach(() => share.dispose());

  it('of the host are in the way of a guest, which is told of them', async () => {
    const client = await guest(share.backend);
    const host = new HostProcess(path);
    expect(await host.set(write, 10, 10)).toBe(0);
    expect(client.call(lock())).toEqual(blocked);
    expect(client.call(lock({ type: read, start: 19n, length: 1n }))).toEqual(blocked);
    expect(client.call(lock({ length: 10n }))).toEqual(granted);
    const held = { type: write, start: 10n, length: 10n, procId: 0, clientId: 'host' };
    expect(client.call(getlock({ procId: 1, clientId: 'guest' }))).toEqual(Rgetlock(held));
    expect(await host.set(unlock)).toBe(0);
    expect(await host.set(read, 2 ** 40, 0, 'process')).toBe(0);
    expect(client.call(lock({ length: 2n ** 40n }))).toEqual(granted);
    expect(client.call(lock({ type: read }))).toEqual(granted);
    expect(client.call(lock())).toEqual(blocked);
    expect(client.call(getlock({ procId: 1, clientId: 'guest' }))).toEqual(
      Rgetlock({ type: read, start: 2n ** 40n, length: 0n, procId: host.pid, clientId: 'host' }),
    );
  });

  it('of all guests together are in the way of the host, as long as one of them has them', async () => {
    const [one, other] = [await guest(share.backend), await guest(share.backend)];
    const host = new HostProcess(path);
    one.call(lock({ type: read, length: 10n }));
    other.call(lock({ type: read, start: 5n, length: 10n }));
    expect(await host.set(write, 0, 1)).toBe(EAGAIN);
    expect(await host.set(read)).toBe(0);
    expect(await host.set(unlock)).toBe(0);
    one.call(lock({ type: unlock }));
    expect(await host.set(write, 0, 5)).toBe(0);
    expect(await host.set(write, 5, 1)).toBe(EAGAIN);
    expect(await host.set(write, 14, 1, 'process')).toBe(EAGAIN);
    expect(await host.set(write, 15)).toBe(0);
    other.call(Tclunk({ fid: 1 }));
    expect(await host.set(write)).toBe(0);
    expect(one.call(lock({ type: read }))).toEqual(blocked);
  });

  it.each(['unlocks', 'is killed'])('are waited for until the process %s', async (end) => {
    const client = await guest(share.backend);
    const host = new HostProcess(path);
    await host.set(write);
    const waiting = client.post(wait());
    expect(await isAnswered(waiting)).toBe(false);
    await (end === 'unlocks' ? host.set(unlock) : host.kill());
    expect(await waiting.reply).toEqual(granted);
    const later = new HostProcess(path);
    expect(await later.set(read)).toBe(EAGAIN);
  });

  it('that are waited for no more leave nothing open', async () => {
    const client = await guest(share.backend);
    const host = new HostProcess(path);
    await host.set(write);
    const before = readdirSync('/proc/self/fd').length;
    const waiting = client.post(wait());
    expect(readdirSync('/proc/self/fd')).toHaveLength(before + 1);
    await client.send(Tflush({ oldtag: waiting.tag }));
    client.call(getlock());
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  it('of a share that may only be read keep out the host’s writers', async () => {
    const reading = new SharedFolder({ readOnly: true }, (folder) => writeFileSync(join(folder, 'data'), 'content'));
    const client = await guest(reading.backend, { readOnly: true });
    const host = new HostProcess(join(reading.path, 'data'));
    // As flock(2) asks, whatever the file was opened for.
    expect(client.call(lock())).toEqual(granted);
    expect(await host.set(read)).toBe(0);
    expect(await host.set(write)).toBe(EAGAIN);
    await reading.dispose();
    expect(await host.set(write)).toBe(0);
  });

  it('without the native calls are the guests’ alone', async () => {
    const plain = new SharedFolder({ native: false }, (folder) => writeFileSync(join(folder, 'data'), 'content'));
    onTestFinished(() => plain.dispose());
    const [one, other] = [await guest(plain.backend), await guest(plain.backend)];
    const host = new HostProcess(join(plain.path, 'data'));
    await host.set(write);
    expect(one.call(lock())).toEqual(granted);
    expect(other.call(lock())).toEqual(blocked);
  });

  it('of two shares of one folder meet on the host', async () => {
    const twin = NodeFsBackend.open(share.path, { readOnly: false });
    onTestFinished(() => twin.close());
    const [one, other] = [await guest(share.backend), await guest(twin)];
    expect(one.call(lock())).toEqual(granted);
    const waiting = other.post(wait());
    expect(await isAnswered(waiting)).toBe(false);
    one.call(lock({ type: unlock }));
    expect(await waiting.reply).toEqual(granted);
  });
});
