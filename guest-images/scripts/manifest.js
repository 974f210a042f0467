// Writes images/manifest.json: what the images are, of what and by what they were made.
// Usage: node manifest.js BUILD LINUX-PACKAGE BUSYBOX-PACKAGE CROSS-PREFIX
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const [build, linux, busybox, cross] = process.argv.slice(2);

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function firstLine(program, ...options) {
  return execFileSync(program, options, { encoding: 'utf8' }).split('\n')[0];
}

function image(file) {
  const packed = readFileSync(`${build}/images/${file}`);
  const raw = gunzipSync(packed);
  return {
    file,
    size: packed.length,
    sha256: sha256(packed),
    unpackedSize: raw.length,
    unpackedSha256: sha256(raw),
  };
}

function debianPackage(file) {
  const field = (name) => firstLine('dpkg-deb', '-f', file, name);
  return {
    package: field('Package'),
    version: field('Version'),
    architecture: field('Architecture'),
    sha256: sha256(readFileSync(file)),
  };
}

const manifest = {
  commandLine: 'console=ttyS0 quiet',
  agentPort: 'vm9.agent',
  kernelRelease: readFileSync(`${build}/kernel/include/config/kernel.release`, 'utf8').trim(),
  kernel: image('vmlinux-riscv64.gz'),
  initramfs: image('initramfs-riscv64.cpio.gz'),
  packages: [debianPackage(linux), debianPackage(busybox)],
  toolchain: {
    gcc: firstLine(`${cross}gcc`, '--version'),
    binutils: firstLine(`${cross}ld`, '--version'),
    gzip: firstLine('gzip', '--version'),
  },
};
writeFileSync(`${build}/images/manifest.json`, `${JSON.stringify(manifest, undefined, 2)}\n`);
