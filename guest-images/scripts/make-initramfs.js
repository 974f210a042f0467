// Writes the initramfs. The same input gives the same bytes: no clock, owner or inode number of this machine goes in.
// Usage: node make-initramfs.js OUTPUT SECONDS BUSYBOX AGENT ROOTFS
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { CHARACTER_DEVICE, cpio, FILE, FOLDER, LINK } from './cpio.js';

const [output, seconds, busyboxFile, agentFile, rootfs] = process.argv.slice(2);

/** Applets that make no sense as commands: the agent is PID 1. */
const leftOut = new Set(['busybox', 'init', 'linuxrc']);

/** The applets' names stand in the program, sorted, each with a NUL behind it; an empty name ends them. */
function applets(busybox) {
  const start = busybox.indexOf(Buffer.from('[\0[[\0'));
  if (start < 0) throw new Error(`${busyboxFile}: no table of applets found`);
  const names = busybox.toString('latin1', start, busybox.indexOf('\0\0', start, 'latin1')).split('\0');
  for (const wanted of ['ash', 'less', 'ls', 'mount', 'poweroff', 'sh', 'vi']) {
    if (!names.includes(wanted)) throw new Error(`${busyboxFile}: the applet ${wanted} is missing`);
  }
  return names.filter((name) => !leftOut.has(name));
}

const busybox = readFileSync(busyboxFile);
const plainFolders =
  'bin dev etc home lib mnt opt run srv usr usr/local usr/local/bin usr/local/sbin usr/share var var/log'.split(' ');
const appletList = `${applets(busybox).join('\n')}\n`;

/** Path, mode, and what the entry holds. */
const entries = [
  ...plainFolders.map((path) => [path, FOLDER | 0o755]),
  ...['proc', 'sys'].map((path) => [path, FOLDER | 0o555]),
  ...['tmp', 'var/tmp'].map((path) => [path, FOLDER | 0o1777]),
  ['root', FOLDER | 0o700],
  ['sbin', LINK | 0o777, 'bin'],
  ['usr/bin', LINK | 0o777, '../bin'],
  ['usr/lib', LINK | 0o777, '../lib'],
  ['usr/sbin', LINK | 0o777, '../bin'],
  ['var/run', LINK | 0o777, '../run'],
  ['etc/mtab', LINK | 0o777, '/proc/self/mounts'],
  ...readdirSync(`${rootfs}/etc`).map((name) => [`etc/${name}`, FILE | 0o644, readFileSync(`${rootfs}/etc/${name}`)]),
  // The agent makes the links, which costs the guest a third of what the kernel takes to unpack them.
  ['etc/applets', FILE | 0o644, appletList],
  ['bin/busybox', FILE | 0o755, busybox],
  ['bin/sh', LINK | 0o777, 'busybox'],
  ['init', FILE | 0o755, readFileSync(agentFile)],
  // The kernel opens it for PID 1 before /dev is mounted.
  ['dev/console', CHARACTER_DEVICE | 0o600, '', [5, 1]],
];

writeFileSync(output, cpio(entries, Number(seconds)));
