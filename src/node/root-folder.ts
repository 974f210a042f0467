// A folder of the host that is to be the guest's root: a share of it, and what its programs are made for.
import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { VmError } from '../errors.ts';
import type { ShareSource } from '../vm-options.ts';
import { hostFolder } from './host-folder.ts';
import type { HostFolderOptions } from './host-folder-options.ts';

/** ELF header: e_ident's class and data, e_machine. */
const headerLength = 20;
const elfMagic = 0x7f45_4c46;
const class64 = 2;
const littleEndian = 1;
const machineRiscv = 243;
/** What people call them, by e_machine and class. */
const processors: Readonly<Record<string, string>> = {
  '3/1': '32-bit x86',
  '62/2': 'x86-64',
  '40/1': '32-bit ARM',
  '183/2': 'ARM64',
  '21/2': '64-bit POWER',
  '22/2': 's390x',
  '243/1': '32-bit RISC-V',
  '258/2': 'LoongArch',
};

/** As Linux: more links than this lead nowhere. */
const mostLinks = 40;
/** A longer file is no link of `security=mapped`. */
const longestTarget = 4096;

/** How to come to a folder that can be a root. */
const remedy = 'a riscv64 system is needed, such as make debian DIR=… unpacks';

/**
 * A folder of this computer as the `source` of the option `root`, in the security model `mapped` unless told otherwise: owners
 * and device nodes are kept in extended attributes. Throws VmError 'bad-file' where it has no shell for the guest's processor.
 */
export function rootFolder(path: string, options: HostFolderOptions = {}): ShareSource {
  const source = hostFolder(path, { security: 'mapped', ...options });
  checkShell(path);
  return source;
}

function checkShell(path: string): void {
  const shell = find(resolve(path), 'bin/sh');
  if (shell === undefined) throw new VmError('bad-file', `${path}: there is no bin/sh in it: ${remedy}`);
  const header = headerOf(shell);
  // A script, or what the guest's kernel knows better.
  if (header === undefined) return;
  const isLittle = header.getUint8(5) === littleEndian;
  const [machine, bits] = [header.getUint16(18, isLittle), header.getUint8(4)];
  if (machine === machineRiscv && bits === class64 && isLittle) return;
  const processor = processors[`${machine}/${bits}`] ?? `another processor (ELF machine ${machine})`;
  throw new VmError('bad-file', `${path} has programs for ${processor}: ${remedy}`);
}

/** The file at `path` below `root`, whose links are followed as in the guest; undefined where there is none. */
function find(root: string, path: string): string | undefined {
  const left = path.split('/').toReversed();
  let found: string[] = [];
  for (let links = 0; links <= mostLinks;) {
    const name = left.pop();
    if (name === undefined) return join(root, ...found);
    if (name === '' || name === '.') continue;
    if (name === '..') {
      found.pop();
      continue;
    }
    const here = join(root, ...found, name);
    const target = targetOf(here, left.length > 0);
    if (target === undefined) return undefined;
    if (target === '') {
      found.push(name);
      continue;
    }
    links++;
    left.push(...target.split('/').toReversed());
    if (target.startsWith('/')) found = [];
  }
  return undefined;
}

/** Where a link leads; '' for what is no link, undefined where nothing is, or a file that should be a folder. */
function targetOf(path: string, shouldBeFolder: boolean): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink()) return readlinkSync(path);
  if (stat.isDirectory()) return shouldBeFolder ? '' : undefined;
  if (!stat.isFile()) return undefined;
  // A link of `security=mapped` is a file with the target as its content.
  const content = stat.size > 0 && stat.size < longestTarget ? readFileSync(path, 'latin1') : '';
  if (/^[^\0\n#]+$/.test(content)) return Buffer.from(content, 'latin1').toString();
  return shouldBeFolder ? undefined : '';
}

/** The beginning of an ELF file; undefined for any other. */
function headerOf(file: string): DataView | undefined {
  const header = new DataView(new ArrayBuffer(headerLength));
  const descriptor = openSync(file, 'r');
  try {
    const length = readSync(descriptor, header);
    return length === headerLength && header.getUint32(0) === elfMagic ? header : undefined;
  } finally {
    closeSync(descriptor);
  }
}
