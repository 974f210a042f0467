// Packages of Debian's for riscv64, unpacked. Nothing of them is executed here.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** They stay here from run to run. */
const packages = fileURLToPath(new URL('../../guest-images/build/debian-packages', import.meta.url));
const script = fileURLToPath(new URL('debian-package.sh', import.meta.url));

export interface DebianPackage {
  /** The folder with its files. */
  readonly root: string;
  readonly version: string;
}

/** Downloads a package and unpacks it into `root`, which is made. Throws an Error that ends with what apt has said. */
export function unpackDebian(name: string, architecture: 'riscv64' | 'all', root: string): DebianPackage {
  const words = [packages, name, architecture];
  const deb = execFileSync(script, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  mkdirSync(root);
  execFileSync('dpkg-deb', ['-x', deb, root]);
  return { root, version: execFileSync('dpkg-deb', ['-f', deb, 'Version'], { encoding: 'utf8' }).trim() };
}
