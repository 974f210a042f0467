// Requests and bytes per second of the 9P server alone, with the memory backend in the same thread. Bundle it with
// esbuild and run it in Node.js. Each figure is the median of five measurements.
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Server } from '../../devices/9p/server.ts';
import type { Exchange } from '../../devices/9p/request.ts';
import type { Bytes } from '../../devices/ports.ts';
import { encode, make } from '../devices/9p/client.ts';
import type { Message } from '../devices/9p/client.ts';

const { Tversion, Tattach, Twalk, Tgetattr, Tlcreate, Twrite, Tread, Tclunk, Tlopen, Treaddir } = make;

/** Milliseconds that one measurement lasts, and how many there are; the median counts. */
const duration = 300;
const repetitions = 5;
const pageSize = 4096;
const fileSize = 64 * 2 ** 20;
const transfer = 512_000 - 24;

const server = new Server({ backend: new MemoryBackend({ now: () => 1_700_000_000_000_000_000n }) });
/** Guest RAM: the server sees views of shared memory, as in the machine. */
const ram = new Uint8Array(new SharedArrayBuffer(8 * 2 ** 20));

function inRam(address: number, contents: Bytes): Bytes {
  ram.set(contents, address);
  return ram.subarray(address, address + contents.length);
}

/** `length` bytes as pages that do not follow one another, as Linux's page cache has them. */
function pages(address: number, length: number): Bytes[] {
  const segments = [];
  for (let done = 0; done < length; done += pageSize) {
    const start = address + 2 * done;
    segments.push(ram.subarray(start, start + Math.min(pageSize, length - done)));
  }
  return segments;
}

function exchangeOf(message: Message, address = 0): Exchange {
  return {
    readable: [inRam(address, encode(message, 1))],
    writable: [ram.subarray(address + 16_384, address + 16_384 + 8192)],
  };
}

async function send(message: Message): Promise<void> {
  await server.answer(exchangeOf(message));
}

function rate(run: () => void): number {
  const rates = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < duration) {
      for (let i = 0; i < 64; i++) run();
      count += 64;
      elapsed = performance.now() - start;
    }
    rates.push((count / elapsed) * 1000);
  }
  return rates.toSorted((a, b) => a - b)[Math.floor(repetitions / 2)]!;
}

function answer(exchange: Exchange, least = 11): void {
  const length = server.answer(exchange);
  if (typeof length !== 'number') throw new TypeError('an answer by promise');
  if (length < least) throw new Error(`an answer of ${length} bytes`);
}

function report(name: string, perSecond: number, unit: string): void {
  process.stdout.write(`${name.padEnd(44)} ${Math.round(perSecond).toLocaleString('en').padStart(12)} ${unit}\n`);
}

await send(Tversion({ msize: 512_000, version: '9P2000.L' }));
await send(Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
await send(Twalk({ fid: 0, newfid: 1, names: [] }));
await send(Tlcreate({ fid: 1, name: 'source-file.txt', flags: 2, mode: 0o644, gid: 0 }));
for (let offset = 0; offset < fileSize; offset += 2 ** 18) {
  const message = Twrite({ fid: 1, offset, data: new Uint8Array(2 ** 18).fill(offset) });
  await server.answer({ readable: [encode(message, 1)], writable: [new Uint8Array(64)] });
}

const getattr = exchangeOf(Tgetattr({ fid: 1, requestMask: 0x7ffn }));
report(
  'Tgetattr',
  rate(() => answer(getattr, 100)),
  'per s',
);

const walk = exchangeOf(Twalk({ fid: 0, newfid: 2, names: ['source-file.txt'] }));
const clunk = exchangeOf(Tclunk({ fid: 2 }), 2 ** 16);
report(
  'Twalk of one name (and the Tclunk after it)',
  rate(() => {
    answer(walk, 20);
    answer(clunk, 7);
  }),
  'per s',
);

const miss = exchangeOf(Twalk({ fid: 0, newfid: 2, names: ['missing'] }));
report(
  'Twalk to a missing name',
  rate(() => answer(miss)),
  'per s',
);

/** The header goes to a buffer of its own, the data to pages: Linux's zero-copy read. */
let position = 0;
const readers = Array.from({ length: Math.floor(fileSize / transfer) }, (_, i): Exchange => ({
  readable: [encode(Tread({ fid: 1, offset: i * transfer, count: transfer }), 1)],
  writable: [ram.subarray(100, 111), ...pages(2 ** 20, transfer)],
}));
const reads = rate(() => answer(readers[position++ % readers.length]!, transfer));
report('Tread of 512 KB into pages', (reads * transfer) / 1e6, 'MB/s');

const write = encode(Twrite({ fid: 1, offset: 0, data: new Uint8Array(transfer) }), 1);
const writer: Exchange = {
  readable: [inRam(0, write.subarray(0, 23)), ...pages(2 ** 20, transfer)],
  writable: [ram.subarray(16_384, 16_500)],
};
const writes = rate(() => answer(writer));
report('Twrite of 512 KB from pages', (writes * transfer) / 1e6, 'MB/s');

const small = exchangeOf(Tread({ fid: 1, offset: 4096, count: 4096 }));
report(
  'Tread of 4 KiB',
  rate(() => answer(small, 4096)),
  'per s',
);

for (let i = 0; i < 1000; i++) {
  await send(Twalk({ fid: 0, newfid: 3, names: [] }));
  await send(Tlcreate({ fid: 3, name: `entry-${i}`, flags: 1, mode: 0o644, gid: 0 }));
  await send(Tclunk({ fid: 3 }));
}
await send(Twalk({ fid: 0, newfid: 3, names: [] }));
await send(Tlopen({ fid: 3, flags: 0 }));
const list: Exchange = {
  readable: [encode(Treaddir({ fid: 3, offset: 0n, count: 100_000 }), 1)],
  writable: pages(2 ** 20, 100_000),
};
report('Treaddir entries (1,000 at a time)', rate(() => answer(list, 20_000)) * 1003, 'per s');
