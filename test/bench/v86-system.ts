// Linux for v86, of packages of Debian's bookworm, the last whose kernel runs on 32-bit x86: the kernel, its modules of the
// share, a shell at the first serial port, and a BIOS, which v86's own package does not carry. Nothing of it is executed here.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initialFiles, type InitialFile } from '../boot/initial-files.ts';
import { loadingOrder } from '../conformance/debian-kernel.ts';

/** They stay here from run to run: they have 53 MB. */
const packages = fileURLToPath(new URL('../../guest-images/build/debian-i386', import.meta.url));

/** Ends what the guest prints: the beginning, and the output of each line. */
export const separator = '\x1e';

/** Paths of files. */
export interface X86System {
  readonly kernel: string;
  readonly initrd: string;
  readonly bios: string;
  readonly vgaBios: string;
  readonly release: string;
}

/** Gets the packages and makes the system in `folder`. Throws an Error that ends with what apt has said. */
export function makeX86System(folder: string): X86System {
  const root = join(folder, 'root');
  for (const deb of getPackages()) execFileSync('dpkg-deb', ['-x', deb, root]);
  const [release] = readdirSync(join(root, 'lib/modules')) as [string];
  const initrd = join(folder, 'initrd');
  const modules = loadingOrder(join(root, 'lib/modules', release), ['virtio_pci', '9pnet_virtio', '9p']);
  writeFileSync(initrd, initialFiles(filesOf(readFileSync(join(root, 'bin/busybox')), modules)));
  return {
    kernel: join(root, 'boot', `vmlinuz-${release}`),
    initrd,
    bios: join(root, 'usr/share/seabios/bios.bin'),
    vgaBios: join(root, 'usr/share/seabios/vgabios-stdvga.bin'),
    release,
  };
}

function filesOf(busybox: Uint8Array, modules: ReadonlyMap<string, Uint8Array>): InitialFile[] {
  // A terminal as it is left by `stty raw` changes nothing in what goes through it.
  const init = `#!/bin/busybox sh
export PATH=/bin
busybox mkdir -p /dev /proc /sys /tmp
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in ${[...modules.keys()].join(' ')}; do insmod /lib/$module.ko; done
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty raw -echo
printf '\\036'
while read -r line; do
  sh -c "$line" > /tmp/output 2>&1
  echo $? >> /tmp/output
  cat /tmp/output
  printf '\\036'
done
`;
  const folders = ['bin', 'lib'].map((path) => ({ path, mode: 0o040755, content: Buffer.alloc(0) }));
  const objects = [...modules].map(([name, content]) => ({ path: `lib/${name}.ko`, mode: 0o100644, content }));
  return [
    ...folders,
    ...objects,
    { path: 'bin/busybox', mode: 0o100755, content: busybox },
    { path: 'init', mode: 0o100755, content: Buffer.from(init) },
  ];
}

/** Paths of the packages' files. */
function getPackages(): string[] {
  const wanted = [/^linux-image-[\d.]+-\d+-686_/, /^busybox-static_/, /^seabios_/];
  mkdirSync(packages, { recursive: true });
  const found = (): string[] => wanted.flatMap((name) => readdirSync(packages).find((file) => name.test(file)) ?? []);
  if (found().length < wanted.length) {
    openMirror();
    // linux-image-686 is an empty package that depends on the present kernel's.
    const [, kernel] = /Depends: (linux-image-\S+)/.exec(apt('apt-cache', 'depends', 'linux-image-686')) ?? [];
    if (kernel === undefined) throw new Error('apt’s linux-image-686 names no kernel');
    apt('apt-get', '-q', 'download', kernel, 'busybox-static', 'seabios');
  }
  return found().map((file) => join(packages, file));
}

/** Finds, among the mirrors that the machine's apt uses, one that serves bookworm for i386. MIRROR=URI and KEYRING=FILE as for make guest. */
function openMirror(): void {
  const keyring = process.env['KEYRING'] ?? '/usr/share/keyrings/debian-archive-keyring.gpg';
  const words = ['indextargets', '--format', '$(REPO_URI)', 'Identifier: Packages', 'Component: main'];
  const mirrors = process.env['MIRROR'] ?? execute('apt-get', words);
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(packages, part), { recursive: true });
  const reasons: string[] = [];
  for (const mirror of new Set(mirrors.trim().split(/\s+/))) {
    const source = `Types: deb\nURIs: ${mirror}\nSuites: bookworm\nComponents: main\nSigned-By: ${keyring}\n`;
    writeFileSync(join(packages, 'debian.sources'), source);
    try {
      apt('apt-get', '-q', 'update');
      return;
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new Error(`no mirror of apt's serves Debian bookworm for i386 (name one: MIRROR=URI): ${reasons.join(' ')}`);
}

/** Runs one of apt's commands with all of its state under `packages`: the machine's is neither used nor changed. */
function apt(command: string, ...words: readonly string[]): string {
  const options = {
    'Dir::Etc::sourcelist': join(packages, 'debian.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::Lists': join(packages, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(packages, 'cache'),
    'APT::Architecture': 'i386',
    'APT::Architectures::': 'i386',
    'APT::Sandbox::User': userInfo().username,
    'Acquire::Languages': 'none',
    'APT::Update::Error-Mode': 'any',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return execute(command, [...flags, ...words]);
}

/** Throws an Error that tells what the command has complained of. */
function execute(command: string, words: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, words, {
    cwd: packages,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr.trim().replaceAll('\n', ' '));
  return stdout;
}
