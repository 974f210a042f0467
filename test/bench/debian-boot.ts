// The boot of Debian's own kernel, unmodified, with an initial file system that loads the modules which a share needs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDebianSystem } from '../conformance/debian-kernel.ts';
import { measureBoots } from './boots.ts';
import { print, progress } from './report.ts';

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-debian-'));
try {
  progress('Debian’s kernel, which apt has to bring');
  const system = makeDebianSystem(folder);
  print(`linux-image ${system.version}.\n\n`);
  await measureBoots(system);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
