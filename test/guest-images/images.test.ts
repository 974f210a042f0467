// The committed images, their manifest and the pins belong together.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { AGENT_PORT_NAME } from '../../src/agent.ts';
import { readCpio } from './cpio.ts';

const folder = new URL('../../guest-images/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder));

interface Image {
  file: string;
  size: number;
  sha256: string;
  unpackedSize: number;
  unpackedSha256: string;
}
interface Manifest {
  commandLine: string;
  agentPort: string;
  kernelRelease: string;
  kernel: Image;
  initramfs: Image;
  packages: { package: string; version: string; architecture: string; sha256: string }[];
}
const manifest = JSON.parse(read('images/manifest.json').toString()) as Manifest;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.each(['kernel', 'initramfs'] as const)('the %s', (name) => {
  const image = manifest[name];
  const packed = read(`images/${image.file}`);

  test('has the size and hash of the manifest, packed and unpacked', () => {
    const raw = gunzipSync(packed);
    expect({ size: packed.length, sha256: sha256(packed) }).toEqual({ size: image.size, sha256: image.sha256 });
    expect({ size: raw.length, sha256: sha256(raw) }).toEqual({
      size: image.unpackedSize,
      sha256: image.unpackedSha256,
    });
  });

  test('is exported by its package', () => {
    const { exports } = JSON.parse(read('package.json').toString()) as { exports: Record<string, string> };
    expect(exports[`./${image.file}`]).toBe(`./images/${image.file}`);
  });

  test('carries no time in its gzip header', () => {
    expect([...packed.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  });
});

test('the manifest names the agent’s port, and a command line that fits', () => {
  expect(manifest.agentPort).toBe(AGENT_PORT_NAME);
  // COMMAND_LINE_SIZE of RISC-V is 1024; what a user appends has to fit too.
  expect(manifest.commandLine.length).toBeLessThan(100);
});

test('the pinned packages are those that the images were made of', () => {
  const pins = read('sources.txt')
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/ +/));
  expect(pins).toEqual(manifest.packages.map((from) => [from.package, from.version, from.architecture, from.sha256]));
});

test('NOTICE names the versions that are in the images', () => {
  const notice = read('NOTICE.md').toString();
  for (const { package: name, version } of manifest.packages) expect(notice).toContain(`${name} ${version}`);
});

test('the kernel is a RISC-V Image that is loaded 2 MiB into memory, without EFI', () => {
  const image = gunzipSync(read(`images/${manifest.kernel.file}`));
  // Documentation/arch/riscv/boot-image-header.rst of Linux 6.12.
  expect(image.readBigUInt64LE(8)).toBe(0x200000n);
  expect(image.readBigUInt64LE(16)).toBeGreaterThanOrEqual(BigInt(image.length));
  expect(image.toString('latin1', 0x30, 0x38)).toBe('RISCV\0\0\0');
  expect(image.toString('latin1', 0x38, 0x3c)).toBe('RSC\x05');
  expect(image.includes(`Linux version ${manifest.kernelRelease} (vm9@vm9)`)).toBe(true);
});

describe('the initramfs', () => {
  const archive = gunzipSync(read(`images/${manifest.initramfs.file}`));
  const entries = readCpio(archive);
  const at = (path: string) => entries.find((entry) => entry.path === path);

  test('has a program as /init, and the console that the kernel opens for it', () => {
    const init = at('init')!;
    expect(init.mode).toBe(0o100755);
    // An ELF file, 64 bits, little endian, for machine 243, RISC-V.
    expect(init.data.toString('latin1', 0, 6)).toBe('\x7fELF\x02\x01');
    expect(init.data.readUInt16LE(18)).toBe(243);
    expect(at('dev/console')).toMatchObject({ mode: 0o020600, device: [5, 1] });
  });

  test('belongs to root, with one time for all', () => {
    expect(entries.every(({ uid, gid }) => uid === 0 && gid === 0)).toBe(true);
    expect(new Set(entries.map((entry) => entry.mtime)).size).toBe(1);
  });

  test('has each folder before what is in it', () => {
    const seen = new Set(['']);
    for (const { path } of entries) {
      expect(seen).toContain(path.split('/').slice(0, -1).join('/'));
      seen.add(path);
    }
  });

  test('has its files where the kernel copies fast: at multiples of 8', () => {
    expect(entries.filter(({ data, offset }) => data.length > 0 && offset % 8 !== 0)).toEqual([]);
  });

  test('lists the applets that the agent links, and PID 1’s names are not among them', () => {
    const applets = at('etc/applets')!.data.toString().trimEnd().split('\n');
    for (const name of ['[', 'awk', 'less', 'ls', 'mount', 'poweroff', 'tar', 'vi', 'zcat']) expect(applets).toContain(name);
    for (const name of ['busybox', 'init', 'linuxrc']) expect(applets).not.toContain(name);
    const busybox = new Set(at('bin/busybox')!.data.toString('latin1').split('\0'));
    expect(applets.filter((name) => !busybox.has(name))).toEqual([]);
    expect(at('bin/sh')!.data.toString()).toBe('busybox');
  });

  test('has the files of rootfs/ as they are', () => {
    for (const name of ['passwd', 'group', 'profile', 'shrc']) {
      expect(at(`etc/${name}`)!.data.equals(read(`rootfs/etc/${name}`))).toBe(true);
    }
  });
});
