// Prints the list of the initramfs's entries, sorted, for the kernel's gen_init_cpio.
// Usage: node initramfs-list.js BUSYBOX AGENT ROOTFS
import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';

const [busybox, agent, rootfs] = process.argv.slice(2).map((path) => resolve(path));

/** Applets that make no sense as commands: the agent is PID 1. */
const leftOut = new Set(['busybox', 'init', 'linuxrc']);

/** The applets' names stand in the program, sorted, each with a NUL behind it; an empty name ends them. */
function applets(program) {
  const start = program.indexOf(Buffer.from('[\0[[\0'));
  if (start < 0) throw new Error(`${busybox}: no table of applets found`);
  const names = program.toString('latin1', start, program.indexOf('\0\0', start, 'latin1')).split('\0');
  for (const wanted of ['ash', 'less', 'ls', 'mount', 'poweroff', 'sh', 'vi']) {
    if (!names.includes(wanted)) throw new Error(`${busybox}: the applet ${wanted} is missing`);
  }
  return names.filter((name) => !leftOut.has(name));
}

const folders = {
  '/bin': 755,
  '/dev': 755,
  '/etc': 755,
  '/home': 755,
  '/lib': 755,
  '/mnt': 755,
  '/opt': 755,
  '/proc': 555,
  '/root': 700,
  '/run': 755,
  '/srv': 755,
  '/sys': 555,
  '/tmp': 1777,
  '/usr': 755,
  '/usr/local': 755,
  '/usr/local/bin': 755,
  '/usr/local/sbin': 755,
  '/usr/share': 755,
  '/var': 755,
  '/var/log': 755,
  '/var/tmp': 1777,
};

const links = {
  '/etc/mtab': '/proc/self/mounts',
  '/sbin': 'bin',
  '/usr/bin': '../bin',
  '/usr/lib': '../lib',
  '/usr/sbin': '../bin',
  '/var/run': '../run',
};

const entries = [
  ...Object.entries(folders).map(([path, mode]) => ['dir', path, String(mode).padStart(4, '0'), 0, 0]),
  ...Object.entries(links).map(([path, target]) => ['slink', path, target, '0777', 0, 0]),
  ...applets(readFileSync(busybox)).map((name) => ['slink', `/bin/${name}`, 'busybox', '0777', 0, 0]),
  ...readdirSync(`${rootfs}/etc`).map((name) => ['file', `/etc/${name}`, `${rootfs}/etc/${name}`, '0644', 0, 0]),
  ['file', '/bin/busybox', busybox, '0755', 0, 0],
  ['file', '/init', agent, '0755', 0, 0],
  // The kernel opens it for PID 1 before /dev is mounted.
  ['nod', '/dev/console', '0600', 0, 0, 'c', 5, 1],
];
// By path: a folder comes before what is in it.
entries.sort(([, a], [, b]) => (a < b ? -1 : 1));
process.stdout.write(entries.map((entry) => `${entry.join(' ')}\n`).join(''));
