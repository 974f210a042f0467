import { expect, test } from 'vitest';
import { formatVersion, SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';

const sections = [
  { name: 'one', bytes: Uint8Array.of(1, 2, 3) },
  { name: 'empty', bytes: new Uint8Array(0) },
  { name: 'two', bytes: new Uint8Array(5000).fill(7) },
];
const file = writeSnapshot('1.2.3', sections);

/** Reads everything. */
function read(bytes: Uint8Array): void {
  const snapshot = new SnapshotFile(bytes);
  for (const name of snapshot.names) snapshot.section(name);
}

test('sections come back, with the version of the program', () => {
  const snapshot = new SnapshotFile(file);
  expect(snapshot.program).toBe('1.2.3');
  expect(snapshot.names).toEqual(['one', 'empty', 'two']);
  for (const { name, bytes } of sections) expect(Uint8Array.from(snapshot.section(name))).toEqual(bytes);
  expect(() => snapshot.section('three')).toThrow('no section three');
});

test('what is no snapshot says so', () => {
  for (const bytes of [new Uint8Array(0), Buffer.from('# README\n'), Uint8Array.of(0x89, 0x50, 0x4e, 0x47)]) {
    expect(() => new SnapshotFile(bytes)).toThrow(
      'this is no snapshot of a vm9 machine: --save, vm.save() or the page makes one',
    );
  }
});

test('another format is named with both versions and what to do', () => {
  const other = (version: number): Uint8Array => {
    const bytes = file.slice();
    new DataView(bytes.buffer).setUint32(8, version, true);
    return bytes;
  };
  expect(() => new SnapshotFile(other(formatVersion - 1))).toThrow(
    /has format 1, this program reads format 2: save the machine anew, or resume it with the older vm9/,
  );
  expect(() => new SnapshotFile(other(formatVersion + 1))).toThrow(/the newer vm9/);
});

test('every length that is too short is told as such', () => {
  for (let length = 1; length < file.length; length += length < 300 ? 1 : 97) {
    expect(() => read(file.slice(0, length))).toThrow(/cut short|no snapshot/);
  }
});

test('every bit that is not as it was is noticed', () => {
  for (let at = 0; at < file.length; at += at < 300 ? 1 : 53) {
    const changed = file.slice();
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    expect(() => read(changed)).toThrow(/snapshot/);
  }
  expect(() => read(Buffer.concat([file, Buffer.of(0)]))).toThrow('bytes behind its end');
});
