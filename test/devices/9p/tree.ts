// Files for tests to work on, made through the server as a client makes them.
import { openFlags } from '../../../devices/9p/backend.ts';
import type { Qid } from '../../../devices/9p/wire.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { bytes, make, text } from './client.ts';
import type { Client, Message } from './client.ts';

const { Twalk, Tlcreate, Twrite, Tread, Tclunk, Tmkdir, Tsymlink, Treaddir, Tlopen, Tmknod } = make;
const { Txattrcreate, Txattrwalk } = make;

/** A fid that no test uses by itself. */
const scratchFid = 0xf000;

/** Walks from the root (fid 0); gives the qids. */
export async function walk(client: Client, newfid: number, ...names: readonly string[]): Promise<readonly Qid[]> {
  const { qids } = await client.expect('Rwalk', Twalk({ fid: 0, newfid, names }));
  if (qids.length < names.length) throw new Error(`no ${names.join('/')}`);
  return qids;
}

export async function openFid(client: Client, fid: number, flags: number, ...names: readonly string[]): Promise<void> {
  await walk(client, fid, ...names);
  await client.expect('Rlopen', Tlopen({ fid, flags }));
}

/** Makes a file with contents in the folder `path`. */
export async function makeFile(
  client: Client,
  path: readonly string[],
  name: string,
  data: string | Bytes = '',
): Promise<void> {
  await walk(client, scratchFid, ...path);
  await client.expect('Rlcreate', Tlcreate({ fid: scratchFid, name, flags: openFlags.readWrite, mode: 0o644, gid: 0 }));
  await client.expect('Rwrite', Twrite({ fid: scratchFid, offset: 0, data }));
  await client.expect('Rclunk', Tclunk({ fid: scratchFid }));
}

export async function makeFolder(client: Client, path: readonly string[], name: string): Promise<void> {
  await walk(client, scratchFid, ...path);
  await client.expect('Rmkdir', Tmkdir({ dfid: scratchFid, name, mode: 0o755, gid: 0 }));
  await client.expect('Rclunk', Tclunk({ fid: scratchFid }));
}

/** The root with `file` ("contents"), `folder/inner/deep`, `link` -> "file", `fifo`. */
export async function makeTree(client: Client): Promise<void> {
  await makeFile(client, [], 'file', 'contents');
  await makeFolder(client, [], 'folder');
  await makeFolder(client, ['folder'], 'inner');
  await makeFile(client, ['folder', 'inner'], 'deep', 'deep contents');
  await client.expect('Rsymlink', Tsymlink({ dfid: 0, name: 'link', target: 'file', gid: 0 }));
  await client.expect('Rmknod', Tmknod({ dfid: 0, name: 'fifo', mode: 0o010644, major: 0, minor: 0, gid: 0 }));
}

/** Whatever an open file holds. */
export async function readAll(client: Client, fid: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  for (let offset = 0; ;) {
    const reply = await client.send(Tread({ fid, offset, count: 65_536 }));
    if (reply.name !== 'Rread' || reply.data === undefined) throw new Error(`Tread got ${reply.name}`);
    if (reply.data.length === 0) return new Uint8Array(Buffer.concat(parts));
    parts.push(reply.data);
    offset += reply.data.length;
  }
}

export interface Listed {
  readonly qid: Qid;
  readonly offset: bigint;
  readonly type: number;
  readonly name: string;
}

/** The entries of an Rreaddir. Names are decoded byte by byte, so that none is lost. */
export function parseEntries(data: Bytes): Listed[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const entries: Listed[] = [];
  for (let at = 0; at < data.length;) {
    const qid = { type: data[at]!, version: view.getUint32(at + 1, true), path: view.getBigUint64(at + 5, true) };
    const length = view.getUint16(at + 22, true);
    const name = Buffer.from(data.subarray(at + 24, at + 24 + length)).toString('latin1');
    if (at + 24 + length > data.length) throw new Error('an entry that ends outside the reply');
    entries.push({ qid, offset: view.getBigUint64(at + 13, true), type: data[at + 21]!, name });
    at += 24 + length;
  }
  return entries;
}

/** Lists an open folder from `offset` to its end, `count` bytes at a time. */
export async function list(client: Client, fid: number, count = 8192, offset = 0n): Promise<Listed[]> {
  const entries: Listed[] = [];
  for (let at = offset; ; at = entries.at(-1)?.offset ?? at) {
    const reply = await client.send(Treaddir({ fid, offset: at, count }));
    if (reply.name !== 'Rreaddir' || reply.data === undefined) throw new Error(`Treaddir got ${reply.name}`);
    if (reply.data.length === 0) return entries;
    entries.push(...parseEntries(reply.data));
  }
}

/** The names in a folder, sorted, without "." and "..". */
export async function namesIn(client: Client, ...path: readonly string[]): Promise<string[]> {
  await openFid(client, scratchFid, openFlags.readOnly, ...path);
  const entries = await list(client, scratchFid);
  await client.expect('Rclunk', Tclunk({ fid: scratchFid }));
  return entries
    .map(({ name }) => name)
    .filter((name) => name !== '.' && name !== '..')
    .toSorted();
}

/** Sets an attribute as Linux does; gives the reply to the message that failed, or to the last. */
export async function setXattr(
  client: Client,
  path: readonly string[],
  name: string | Bytes,
  value: string | Bytes,
  flags = 0,
): Promise<Message> {
  const data = bytes(value);
  await walk(client, scratchFid, ...path);
  const created = await client.send(Txattrcreate({ fid: scratchFid, name, size: data.length, flags }));
  const written = data.length > 0 ? await client.send(Twrite({ fid: scratchFid, offset: 0, data })) : created;
  const clunked = await client.send(Tclunk({ fid: scratchFid }));
  return [created, written].find(({ name: reply }) => reply === 'Rlerror') ?? clunked;
}

/** The value of an attribute, or the list of names without one, as Linux asks for it; the reply where there is none. */
export async function getXattr(
  client: Client,
  path: readonly string[],
  name: string | Bytes,
): Promise<string | Message> {
  await walk(client, scratchFid, ...path);
  const walked = await client.send(Txattrwalk({ fid: scratchFid, newfid: scratchFid + 1, name }));
  await client.expect('Rclunk', Tclunk({ fid: scratchFid }));
  if (walked.name === 'Rlerror') return walked;
  const value = await readAll(client, scratchFid + 1);
  await client.expect('Rclunk', Tclunk({ fid: scratchFid + 1 }));
  if (value.length !== walked.body['size']) throw new Error('another length than was announced');
  return text(value);
}
