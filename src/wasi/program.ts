// Runs a WASI program to its end in this thread: arguments, clocks, randomness and the exit are @wasmer/wasi's; files and
// standard streams are ours.
import { init, WASI } from '@wasmer/wasi';
import { Client } from '../../devices/9p/client.ts';
import { Files } from '../../devices/9p/client-files.ts';
import { splitPath } from '../../devices/9p/client-path.ts';
import { reach } from '../../devices/9p/client-walk.ts';
import { Errno } from '../../devices/9p/errno.ts';
import type { PortEnd, TransferablePort } from '../port.ts';
import { dialects } from './abi.ts';
import { atOnce, BlockingTransport } from './blocking-transport.ts';
import { firstDescriptor } from './descriptors.ts';
import { FileCalls, type Preopen, type WasiCall } from './file-calls.ts';
import { StandardStreams } from './standard-streams.ts';
import type { FromWasi, WasiSetup } from './wasi-protocol.ts';

/** What the thread brings along: Node.js and the browser each have one. */
export interface WasiPlatform {
  post(message: FromWasi, transfer?: readonly ArrayBuffer[]): void;
  openPort(port: TransferablePort, onMessage: (message: never) => void): PortEnd;
}

/** Never rejects: the end is told, whatever it is. */
export async function runProgram(platform: WasiPlatform, setup: WasiSetup): Promise<void> {
  try {
    platform.post({ type: 'exit', code: await runToExit(platform, setup) });
  } catch (error) {
    platform.post(failure(error));
  }
}

/** A program that cannot be run. */
class BadProgram extends Error {}
/** A program that did what WebAssembly forbids. */
class Trap extends Error {}

/** What the engine said, out of what the library makes of it. */
function trapOf(message: string): string {
  return /JsValue\((?:RuntimeError: )?([^\n]*)/.exec(message)?.[1] ?? message;
}

async function runToExit(platform: WasiPlatform, setup: WasiSetup): Promise<number> {
  await init();
  const module = compile(setup.program);
  const exports = WebAssembly.Module.exports(module);
  if (!exports.some(({ name, kind }) => name === '_start' && kind === 'function')) {
    throw new BadProgram('it has no _start: only commands can be run, not libraries');
  }
  if (!WebAssembly.Module.imports(module).every(({ module: name }) => name in dialects)) {
    throw new BadProgram(`it needs more than ${Object.keys(dialects).join(' and ')}`);
  }
  const wasi = new WASI({ args: [...setup.args], env: { ...setup.env }, preopens: {} });
  const imports = wasi.getImports(module) as Record<string, Record<string, WasiCall>>;
  const streams = new StandardStreams(setup, (message, transfer) => platform.post(message, transfer));
  const files: FileCalls[] = [];
  for (const [name, calls] of Object.entries(imports)) {
    const dialect = dialects[name];
    if (dialect === undefined) continue;
    const own = new FileCalls(openPreopens(platform, setup), dialect);
    files.push(own);
    replaceCalls(calls, own.calls(), streams.calls());
  }
  const instance = instantiate(module, imports);
  const { memory } = instance.exports;
  if (!(memory instanceof WebAssembly.Memory)) throw new BadProgram('it exports no memory');
  for (const own of files) own.memory = memory;
  streams.memory = memory;
  try {
    return wasi.start(instance);
  } catch (error) {
    for (const { defect } of files) if (defect !== undefined) throw defect;
    throw new Trap(trapOf(messageOf(error)));
  }
}

function compile(bytes: WasiSetup['program']): WebAssembly.Module {
  try {
    return new WebAssembly.Module(new Uint8Array(bytes));
  } catch (error) {
    throw new BadProgram(messageOf(error));
  }
}

function instantiate(
  module: WebAssembly.Module,
  imports: Record<string, Record<string, WasiCall>>,
): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(module, imports);
  } catch (error) {
    throw new BadProgram(messageOf(error));
  }
}

/**
 * The library's file calls are over files in memory that lose data. Descriptors of streams are its own, but for reading
 * and writing; all others, and paths, are ours.
 */
function replaceCalls(
  calls: Record<string, WasiCall>,
  ofFiles: Record<string, WasiCall>,
  ofStreams: Record<string, WasiCall>,
): void {
  for (const [name, ofFile] of Object.entries(ofFiles)) {
    const ofStream = ofStreams[name] ?? calls[name];
    if (name.startsWith('path_') || ofStream === undefined) calls[name] = ofFile;
    else {
      calls[name] = (fd: number, ...rest: never[]) =>
        ((fd < firstDescriptor && fd >= 0 ? ofStream : ofFile) as (...parameters: unknown[]) => number)(fd, ...rest);
    }
  }
}

function openPreopens(platform: WasiPlatform, { shares, preopens, messageSize }: WasiSetup): Preopen[] {
  const files = shares.map(({ port, doorbell, replies }) => {
    const transport = new BlockingTransport({ port: platform.openPort(port, () => undefined), doorbell, replies });
    return new Files(atOnce(Client.connect(transport, messageSize)));
  });
  return preopens.map(({ name, share, path }) => {
    const own = files[share];
    if (own === undefined) throw new RangeError(`there is no share ${share}`);
    const names = splitPath(new TextEncoder().encode(path));
    const from = { ...names, needsFolder: true, from: own.client.root, confined: false };
    try {
      return { name, files: own, fid: atOnce(reach(own.client, from, true)).fid };
    } catch (error) {
      if (error instanceof Errno) throw new BadProgram(`the folder ${path} for its ${name}: ${error.code}`);
      throw error;
    }
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failure(error: unknown): FromWasi {
  if (error instanceof BadProgram) return { type: 'failed', code: 'bad-file', message: error.message };
  return { type: 'failed', code: error instanceof Trap ? 'trap' : 'internal', message: messageOf(error) };
}
