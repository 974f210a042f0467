// The Debian in which real programs run: what `make debian` unpacks, once.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../scripts/debian/build.sh', import.meta.url));

/** Where the tree is, once it is made. DEBIAN=FOLDER takes another. */
export const debianTree = resolve(process.env['DEBIAN'] ?? fileURLToPath(new URL('../dist/debian', import.meta.url)));

/** Milliseconds for 120 MB from a mirror, and for unpacking them. */
export const debianTreeTime = 15 * 60_000;

/**
 * Makes the tree unless it is there. Returns what is wanting on this machine: apt, or a mirror that it reaches. Throws an Error
 * with what the script has said for everything else.
 */
export function makeDebianTree(): string | undefined {
  const { status, stderr, error } = spawnSync(script, { env: { ...process.env, DIR: debianTree }, encoding: 'utf8' });
  if (status === 0) return undefined;
  const obstacle = /^debian: (not installed:.*|none of apt's mirrors.*)$/m.exec(stderr);
  if (obstacle === null) throw new Error(`${script} failed: ${stderr}`, { cause: error });
  return obstacle[1];
}
