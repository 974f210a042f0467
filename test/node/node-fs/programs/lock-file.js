// A process of the host that locks the file of its first argument. For each line `command type start length` of numbers on
// its standard input (fcntl(2)'s, F_SETLK 6, F_OFD_SETLK 37) it prints 0, or the number of the error.
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import koffi from 'koffi';

const fcntl = koffi.load(null).func('int fcntl(int fd, int command, ...)');
const fd = openSync(process.argv[2], 'r+');
const lock = Buffer.alloc(32);

for await (const line of createInterface(process.stdin)) {
  const [command, type, start, length] = line.split(' ');
  lock.fill(0);
  lock.writeInt16LE(Number(type), 0);
  lock.writeBigInt64LE(BigInt(start), 8);
  lock.writeBigInt64LE(BigInt(length), 16);
  console.log(fcntl(fd, Number(command), 'void *', lock) === 0 ? 0 : koffi.errno());
}
