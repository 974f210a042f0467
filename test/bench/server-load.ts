// Requests as Linux's client sends them, to a 9P server in the same thread.
import type { Awaitable, Backend } from '../../devices/9p/backend.ts';
import type { Exchange } from '../../devices/9p/request.ts';
import { Server } from '../../devices/9p/server.ts';
import type { Bytes } from '../../devices/ports.ts';
import { encode, make } from '../devices/9p/client.ts';
import type { Message } from '../devices/9p/client.ts';
import { measureInTurn, type Load, type Rate } from './rate.ts';

const { Tversion, Tattach, Twalk, Tgetattr, Tlcreate, Twrite, Tread, Tclunk, Tlopen, Treaddir, Tunlinkat } = make;

const pageSize = 4096;
/** As much as a message of the largest size carries. */
export const transfer = 512_000 - 24;
/** What the load makes in the backend, to be read by others as well. */
export const fileName = 'source-file.txt';
export const fileSize = 64 * 2 ** 20;
export const folderName = 'folder';
export const folderEntries = 1000;
const chunk = 2 ** 18;

/** A request and the least length of its answer. */
type Step = readonly [exchange: Exchange, least: number];

/** What is measured together. */
export interface Operation {
  readonly name: string;
  /** Requests one after another; of several such rounds, each in its turn. */
  readonly rounds: readonly (readonly Step[])[];
  /** What a round counts for; 1 without it. */
  readonly worth?: number;
  readonly unit?: string;
}

/** Measures the server with an empty backend, which keeps the file and the folder. */
export async function measureServer(backend: Backend): Promise<Rate[]> {
  return (await serverLoads(backend)).flatMap((load) => measureInTurn([load]));
}

/** What is measured of a server with an empty backend, which keeps the file and the folder. */
export async function serverLoads(backend: Backend): Promise<Load[]> {
  const server = new Server({ backend });
  const operations = await prepareLoad((exchange) => server.answer(exchange));
  return operations.map(({ name, rounds, worth, unit }) => {
    let next = 0;
    const once = (): void => {
      for (const [exchange, least] of rounds[next]!) {
        const length = server.answer(exchange);
        if (typeof length !== 'number' || length < least) throw new Error('an answer that is late, or too short');
      }
      next = next + 1 === rounds.length ? 0 : next + 1;
    };
    return { name, once, worth, unit };
  });
}

/** Makes a file and a folder in an empty share, by `answer` of a server, and what is to be asked of it then. */
export async function prepareLoad(answer: (exchange: Exchange) => Awaitable<number>): Promise<readonly Operation[]> {
  /** Guest RAM: the server sees views of shared memory, as in the machine. */
  const ram = new Uint8Array(new SharedArrayBuffer(8 * 2 ** 20));

  const inRam = (address: number, contents: Bytes): Bytes => {
    ram.set(contents, address);
    return ram.subarray(address, address + contents.length);
  };
  /** `length` bytes as pages that do not follow one another, as Linux's page cache has them. */
  const pages = (address: number, length: number): Bytes[] =>
    Array.from({ length: Math.ceil(length / pageSize) }, (_, index) => {
      const start = address + 2 * pageSize * index;
      return ram.subarray(start, start + Math.min(pageSize, length - pageSize * index));
    });
  const exchangeOf = (message: Message, address = 0): Exchange => ({
    readable: [inRam(address, encode(message, 1))],
    writable: [ram.subarray(address + 16_384, address + 16_384 + 8192)],
  });
  const send = async (message: Message): Promise<void> => {
    await answer({ readable: [encode(message, 1)], writable: [new Uint8Array(8192)] });
  };

  await send(Tversion({ msize: 512_000, version: '9P2000.L' }));
  await send(Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
  await send(Twalk({ fid: 0, newfid: 1, names: [] }));
  await send(Tlcreate({ fid: 1, name: fileName, flags: 2, mode: 0o644, gid: 0 }));
  for (let offset = 0; offset < fileSize; offset += chunk) {
    await send(Twrite({ fid: 1, offset, data: new Uint8Array(chunk).fill(offset / chunk) }));
  }
  await send(make.Tmkdir({ dfid: 0, name: folderName, mode: 0o755, gid: 0 }));
  for (let index = 0; index < folderEntries; index++) {
    await send(Twalk({ fid: 0, newfid: 3, names: [folderName] }));
    await send(Tlcreate({ fid: 3, name: `entry-${index}`, flags: 1, mode: 0o644, gid: 0 }));
    await send(Tclunk({ fid: 3 }));
  }
  await send(Twalk({ fid: 0, newfid: 3, names: [folderName] }));
  await send(Tlopen({ fid: 3, flags: 0 }));

  const getattr = exchangeOf(Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  const walk = exchangeOf(Twalk({ fid: 0, newfid: 2, names: [fileName] }), 2 ** 15);
  const clunk = exchangeOf(Tclunk({ fid: 2 }), 2 ** 16);
  const miss = exchangeOf(Twalk({ fid: 0, newfid: 2, names: ['missing'] }), 3 * 2 ** 15);
  const root = exchangeOf(Twalk({ fid: 0, newfid: 2, names: [] }), 2 ** 17);
  const create = exchangeOf(Tlcreate({ fid: 2, name: 'new', flags: 1, mode: 0o644, gid: 0 }), 5 * 2 ** 15);
  const remove = exchangeOf(Tunlinkat({ dirfid: 0, name: 'new', flags: 0 }), 6 * 2 ** 15);
  const small = exchangeOf(Tread({ fid: 1, offset: pageSize, count: pageSize }), 7 * 2 ** 15);
  /** The header goes to a buffer of its own, the data to pages: Linux's zero-copy read. */
  const readers = Array.from({ length: Math.floor(fileSize / transfer) }, (_, index): Exchange => ({
    readable: [encode(Tread({ fid: 1, offset: index * transfer, count: transfer }), 1)],
    writable: [ram.subarray(2 ** 19, 2 ** 19 + 11), ...pages(2 ** 20, transfer)],
  }));
  const write = encode(Twrite({ fid: 1, offset: 0, data: new Uint8Array(transfer) }), 1);
  const writer: Exchange = {
    readable: [inRam(2 ** 18, write.subarray(0, 23)), ...pages(2 ** 20, transfer)],
    writable: [ram.subarray(2 ** 19, 2 ** 19 + 100)],
  };
  const list: Exchange = {
    readable: [encode(Treaddir({ fid: 3, offset: 0n, count: 100_000 }), 1)],
    writable: pages(2 ** 20, 100_000),
  };

  return [
    { name: 'Tgetattr', rounds: [[[getattr, 100]]] },
    {
      name: 'Twalk of one name, Tclunk',
      rounds: [
        [
          [walk, 20],
          [clunk, 7],
        ],
      ],
    },
    // Rlerror, or an Rwalk of no qid.
    { name: 'Twalk to a missing name', rounds: [[[miss, 9]]] },
    {
      name: 'Twalk, Tlcreate, Tclunk, Tunlinkat',
      rounds: [
        [
          [root, 9],
          [create, 24],
          [clunk, 7],
          [remove, 7],
        ],
      ],
    },
    { name: 'Tread of 4 KiB', rounds: [[[small, pageSize]]] },
    {
      name: 'Tread of 512 KB into pages',
      rounds: readers.map((reader) => [[reader, transfer]]),
      worth: transfer / 1e6,
      unit: 'MB/s',
    },
    { name: 'Twrite of 512 KB from pages', rounds: [[[writer, 11]]], worth: transfer / 1e6, unit: 'MB/s' },
    { name: 'Treaddir, 1,000 entries', rounds: [[[list, 20 * folderEntries]]] },
  ];
}
