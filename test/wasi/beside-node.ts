// Runs a WASI program on a share, and beside it under node:wasi on a folder of the host.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WASI } from 'node:wasi';
import { createVm, hostFolder, memory, type Vm, type WasiOptions } from 'vm9';
import { onTestFinished } from 'vitest';

export const files = readFileSync(new URL('files.wasm', import.meta.url));
export const packaged = (name: string): Uint8Array =>
  readFileSync(join(dirname(createRequire(import.meta.url).resolve('@wasmer/wasi')), '..', 'tests', `${name}.wasm`));
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-wasi-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function withShare(kind: 'memory' | 'host'): Vm {
  const vm = createVm({ shares: [{ source: kind === 'memory' ? memory() : hostFolder(temporaryFolder()) }] });
  onTestFinished(() => vm.dispose());
  return vm;
}

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
}

interface NodeOptions {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly preopens?: Record<string, string>;
}

/** Runs a program under node:wasi with `folder` as its "/". */
export function byNode(
  program: Uint8Array,
  folder: string,
  { args = [], env = {}, stdin = '', preopens = { '/': folder } }: NodeOptions = {},
): Outcome {
  const streams = temporaryFolder();
  writeFileSync(join(streams, 'in'), stdin);
  const input = openSync(join(streams, 'in'), 'r');
  const output = openSync(join(streams, 'out'), 'w');
  try {
    const wasi = new WASI({
      version: 'preview1',
      args: ['program', ...args],
      env,
      preopens,
      stdin: input,
      stdout: output,
      returnOnExit: true,
    });
    const imports = wasi.getImportObject() as Record<string, Record<string, unknown>>;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(program)), imports);
    const status = wasi.start(instance);
    return { status: status ?? 0, stdout: readFileSync(join(streams, 'out'), 'utf8') };
  } finally {
    closeSync(input);
    closeSync(output);
  }
}

export async function byVm(vm: Vm, program: Uint8Array, options: WasiOptions = {}): Promise<Outcome> {
  const { status, stdout } = await vm.runWasi(program, options).output();
  return { status, stdout: text(stdout) };
}
