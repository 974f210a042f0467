// v86 from npm. It is no dependency: it is fetched when it is measured.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The release whose inner names the bench knows. */
export const release = '0.5.462';

/** The tag of its share; it has no other. */
export const shareTag = 'host9p';

/** Puts v86 into `folder`. False when npm does not get it. */
export function installV86(folder: string): boolean {
  const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, `v86@${release}`];
  return spawnSync('npm', words, { stdio: 'ignore', timeout: 120_000 }).status === 0;
}

/** What is used of a machine of v86. */
export interface Emulator {
  add_listener(event: 'emulator-loaded', listener: () => void): void;
  add_listener(event: 'serial0-output-byte', listener: (byte: number) => void): void;
  /** Types at the first serial port. */
  serial0_send(text: string): void;
  /** Makes a file of the share, in a folder that exists. */
  create_file(path: string, content: Uint8Array): Promise<void>;
}

/** A machine of the v86 in `folder`, with an empty share in memory, and with what `options` of v86 tell. */
export async function loadEmulator<E extends Emulator>(folder: string, options: object): Promise<E> {
  const build = join(folder, 'node_modules', 'v86', 'build');
  const { V86 } = (await import(pathToFileURL(join(build, 'libv86.mjs')).href)) as {
    V86: new (options: object) => E;
  };
  const emulator = new V86({
    wasm_path: join(build, 'v86.wasm'),
    filesystem: {},
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    ...options,
  });
  await new Promise<void>((resolve) => {
    emulator.add_listener('emulator-loaded', resolve);
  });
  return emulator;
}
