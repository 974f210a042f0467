// Writes more than the process may (RLIMIT_FSIZE). Prints what each write returned as JSON.
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { openFlags } from '../../../../devices/9p/backend.ts';
import { Errno } from '../../../../devices/9p/errno.ts';
import { NodeFsBackend } from '../../../../src/node/node-fs/backend.ts';
import { bytes, nobodySpecial } from '../../../backend-suite/guest.ts';

const [place = ''] = process.argv.slice(2);
// Without a listener the signal ends the process.
process.on('SIGXFSZ', () => undefined);
mkdirSync(join(place, 'share'));
const backend = NodeFsBackend.open(join(place, 'share'), { readOnly: false });
const { file } = backend.create(backend.root(), bytes('file'), openFlags.readWrite, 0o644, nobodySpecial);

function write(offset: number, ...pieces: number[]): number | string {
  try {
    return backend.write(
      file,
      offset,
      pieces.map((length) => new Uint8Array(length)),
    );
  } catch (error) {
    return error instanceof Errno ? error.code : String(error);
  }
}

const results = [write(0, 4000), write(4000, 90, 10, 96), write(4096, 100), write(0, 4096), write(0, 2000, 2000, 2000)];
const { size } = backend.getattrOpen(file);
await backend.close();
process.stdout.write(JSON.stringify({ results, size }));
