// The 9P server alone beside the one of v86, a machine that runs in a page as well: both keep files in memory, and get the same
// requests in one thread. v86 is no dependency: it is fetched into a folder that is removed in the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Awaitable } from '../../devices/9p/backend.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import type { Exchange } from '../../devices/9p/request.ts';
import { gather, scatter, totalLength } from '../../devices/9p/scatter.ts';
import { Server } from '../../devices/9p/server.ts';
import type { Bytes } from '../../devices/ports.ts';
import { decode, encode, make, type Message } from '../devices/9p/client.ts';
import { describeRatios } from './measurements.ts';
import { measureRateLater, rateCells, rateTitles, type Rate } from './rate.ts';
import { print, progress, ratio, table } from './report.ts';
import { measureServer, prepareLoad } from './server-load.ts';

/** The release whose inner names these are. */
const release = '0.5.462';
const goal = 3;
const now = (): bigint => 1_700_000_000_000_000_000n;

type Answer = (exchange: Exchange) => Awaitable<number>;

/** The buffers of a request, as v86's device sees them. */
interface Chain {
  readonly length_readable: number;
  get_next_blob(into: Bytes): number;
  set_next_blob(from: Bytes): number;
}

/** What is used of v86's 9P device. */
interface Device {
  virtqueue: { push_reply(chain: Chain): void; flush_replies(): void };
  ReceiveRequest(chain: Chain): Promise<void>;
}

interface Emulator {
  readonly v86: { readonly cpu: { readonly devices: { readonly virtio_9p: Device } } };
  add_listener(event: 'emulator-loaded', listener: () => void): void;
  destroy(): Promise<void>;
}

/** A machine of v86 that does not run, with an empty share. */
async function loadEmulator(folder: string): Promise<Emulator> {
  const build = join(folder, 'node_modules', 'v86', 'build');
  const { V86 } = (await import(pathToFileURL(join(build, 'libv86.mjs')).href)) as {
    V86: new (options: object) => Emulator;
  };
  const emulator = new V86({
    wasm_path: join(build, 'v86.wasm'),
    autostart: false,
    memory_size: 2 ** 25,
    filesystem: {},
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  await new Promise<void>((resolve) => {
    emulator.add_listener('emulator-loaded', resolve);
  });
  return emulator;
}

/** The device without its virtqueue: bytes come from an exchange, and go there. */
function answerOf(device: Device): (exchange: Exchange) => Promise<number> {
  device.virtqueue = { push_reply: () => undefined, flush_replies: () => undefined };
  return async ({ readable, writable }) => {
    let length = 0;
    await device.ReceiveRequest({
      length_readable: totalLength(readable),
      get_next_blob(into) {
        gather(readable, 0, into.length, into, 0);
        return into.length;
      },
      set_next_blob(from) {
        length = from.length;
        scatter(from, length, writable, 0);
        return length;
      },
    });
    return length;
  };
}

async function measureDevice(answer: (exchange: Exchange) => Promise<number>): Promise<Rate[]> {
  const rates: Rate[] = [];
  for (const { name, rounds, worth, unit } of await prepareLoad(answer)) {
    let next = 0;
    const once = async (): Promise<void> => {
      for (const [exchange, least] of rounds[next]!) {
        const length = await answer(exchange);
        if (length < least) throw new Error(`${name}: an answer of ${length} bytes`);
      }
      next = next + 1 === rounds.length ? 0 : next + 1;
    };
    rates.push(await measureRateLater(name, once, worth, unit));
  }
  return rates;
}

const writers = 64;
const piece = 8192;

/** Lets many write at once to a file that grows, in no order. Resolves with what became of that. */
async function writeAtOnce(answer: Answer): Promise<string> {
  const ask = async (message: Message): Promise<Message> => {
    const writable = new Uint8Array(piece + 64);
    return decode(writable.slice(0, await answer({ readable: [encode(message, 1)], writable: [writable] })));
  };
  const contents = (index: number): Bytes => new Uint8Array(piece).fill(index + 1);
  const indices = Array.from({ length: writers }, (_, index) => (index * 37) % writers);
  await ask(make.Tversion({ msize: 512_000, version: '9P2000.L' }));
  await ask(make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
  await ask(make.Twalk({ fid: 0, newfid: 1, names: [] }));
  await ask(make.Tlcreate({ fid: 1, name: 'growing', flags: 2, mode: 0o644, gid: 0 }));
  const outcomes = await Promise.allSettled(
    indices.map(async (index) => ask(make.Twrite({ fid: 1, offset: index * piece, data: contents(index) }))),
  );
  // An exception in the device: its guest waits for the answer for ever.
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  let lost = 0;
  for (const index of indices) {
    const { data } = await ask(make.Tread({ fid: 1, offset: index * piece, count: piece }));
    if (data === undefined || Buffer.compare(data, contents(index)) !== 0) lost++;
  }
  return `${failed} got no answer, what ${lost} wrote is not there`;
}

async function report(folder: string): Promise<void> {
  progress(`v86 ${release}`);
  const emulator = await loadEmulator(folder);
  const answer = answerOf(emulator.v86.cpu.devices.virtio_9p);
  const server = new Server({ backend: new MemoryBackend({ now }) });
  const outcomes = [await writeAtOnce((exchange) => server.answer(exchange)), await writeAtOnce(answer)];
  const others = await measureDevice(answer);
  await emulator.destroy();
  const own = await measureServer(new MemoryBackend({ now }));

  print(`v86 ${release}. Both keep files in memory, and are measured without their virtqueues.\n\n`);
  print(
    table(
      ['', 'vm9, minimum', ...rateTitles.slice(1), 'v86, minimum', 'median', 'maximum', '|', 'vm9 / v86'],
      own.map((rate, index) => [
        rate.name,
        ...rateCells(rate),
        ...rateCells(others[index]!),
        ratio(rate.rate, others[index]!.rate),
      ]),
    ),
  );
  const ratios = own.map(({ name, rate }, index) => [name, rate.median / others[index]!.rate.median] as const);
  print(`vm9 / v86: ${describeRatios(ratios)}; goal: at least ${goal}.\n\n`);
  print(`${writers} writers at once to one file that grows: vm9: ${outcomes[0]}; v86: ${outcomes[1]}.\n\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-v86-'));
try {
  const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, `v86@${release}`];
  const { status } = spawnSync('npm', words, { stdio: 'ignore', timeout: 120_000 });
  if (status === 0) await report(folder);
  else print(`not run: v86 ${release}, which npm does not get here\n\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
