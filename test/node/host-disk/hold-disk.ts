// Opens a disk, says so, and stays: hold-disk.ts FILE with-native-calls.
import { openDisk } from '../../../src/disk/open-drive.ts';
import { openHostFile } from '../../../src/node/host-disk/open.ts';
import { hostFile } from '../../../src/node/host-disk/source.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import { planDrives } from '../../../src/vm-drives.ts';

const [file = '', isNative] = process.argv.slice(2);
const native = isNative === 'true' ? loadNative(() => undefined) : undefined;
const [drive] = planDrives([{ source: hostFile(file) }], 0);
if (drive === undefined) throw new Error('there is one drive');
await openDisk(drive, (source, how) => openHostFile(source, how, () => native));
process.stdout.write('open\n');
setInterval(() => undefined, 1000);
