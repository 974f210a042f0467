// Tests keep booted machines in a folder of their own, as every run of the command line would else in the user's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-cache-'));
  process.env['VM9_CACHE'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
