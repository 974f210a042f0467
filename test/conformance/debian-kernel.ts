// Debian's kernel for riscv64 as it is installed, and an initial file system that loads the modules which it needs for a
// share. Nothing of the package is executed here.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initialFilesWith, type InitialFile } from '../boot/initial-files.ts';

/** What the guest agent, a 9P mount and a disk need, where it is not built in; their dependencies are found. */
const wanted = ['virtio_mmio', 'virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'virtio_blk'];

/** Packages stay here from run to run: they have 110 MB. */
const packages = fileURLToPath(new URL('../../guest-images/build/debian-kernel', import.meta.url));

export interface DebianSystem {
  readonly release: string;
  /** The package's version. */
  readonly version: string;
  /** Paths of files. */
  readonly kernel: string;
  readonly initrd: string;
  /** The modules in the order in which they are loaded. */
  readonly modules: readonly string[];
}

/** Downloads the package and makes the system in `folder`. Throws an Error that ends with what apt has said. */
export function makeDebianSystem(folder: string): DebianSystem {
  const script = fileURLToPath(new URL('debian-kernel.sh', import.meta.url));
  const deb = execFileSync(script, [packages], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const root = join(folder, 'root');
  mkdirSync(root);
  execFileSync('dpkg-deb', ['-x', deb, root]);

  const modulesFolder = join(root, 'usr/lib/modules');
  const release = only(readdirSync(modulesFolder), modulesFolder);
  const modules = loadingOrder(join(modulesFolder, release), wanted);
  const initrd = join(folder, 'initrd');
  writeFileSync(initrd, initialFilesWith(moduleFiles(modules)));
  return {
    release,
    version: execFileSync('dpkg-deb', ['-f', deb, 'Version'], { encoding: 'utf8' }).trim(),
    kernel: join(root, 'boot', `vmlinux-${release}`),
    initrd,
    modules: [...modules.keys()],
  };
}

/** The modules, and the list by which the agent loads them. */
function moduleFiles(modules: ReadonlyMap<string, Buffer>): InitialFile[] {
  const folder = 'lib/modules';
  const paths = [...modules.keys()].map((name) => `${folder}/${name}.ko`);
  return [
    { path: folder, mode: 0o040755, content: Buffer.alloc(0) },
    ...[...modules.values()].map((content, index) => ({ path: paths[index]!, mode: 0o100644, content })),
    { path: 'etc/modules', mode: 0o100644, content: Buffer.from(paths.map((path) => `/${path}\n`).join('')) },
  ];
}

/** The wanted modules with what they depend on, which comes first. `folder` is /lib/modules/RELEASE. */
export function loadingOrder(folder: string, names: readonly string[]): Map<string, Buffer> {
  const builtIn = new Set(
    readFileSync(join(folder, 'modules.builtin'), 'utf8')
      .split('\n')
      .map((path) => moduleName(path)),
  );
  const files = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (/\.ko(\.xz)?$/.test(path)) files.set(moduleName(path), join(folder, path));
  }
  const order = new Map<string, Buffer>();
  const add = (name: string): void => {
    if (builtIn.has(name) || order.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel has no module ${name}, and it is not built in`);
    const content = file.endsWith('.xz')
      ? execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 26 })
      : readFileSync(file);
    for (const dependency of dependencies(content)) add(dependency);
    order.set(name, content);
  };
  for (const name of names) add(name);
  return order;
}

/** A module's section .modinfo has NAME=VALUE strings; `depends` names other modules. depmod(8) reads the same. */
function dependencies(module: Buffer): string[] {
  const match = /\0depends=([^\0]*)\0/.exec(module.toString('latin1'));
  if (match === null) throw new Error('a module without the string depends=');
  return match[1] === '' ? [] : match[1]!.split(',').map((name) => moduleName(name));
}

/** File names may have hyphens where the kernel has underscores. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

function only(names: readonly string[], where: string): string {
  if (names.length !== 1) throw new Error(`${where} has ${names.length} entries instead of one`);
  return names[0]!;
}
