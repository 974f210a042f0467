import { expect, test } from 'vitest';
import { VmError, asVmError } from '../../src/errors.ts';
import { checkSnapshot, nameSnapshot } from '../../src/node/snapshot-file.ts';
import { damaged } from '../../src/snapshot/snapshot-error.ts';

test('what is wrong with a snapshot is told with its file, once; what is wrong with something else is not', () => {
  const error = asVmError(damaged('section ram'));
  const message = '--resume a/b: the snapshot is damaged (section ram): save the machine anew';
  expect(nameSnapshot(error, 'a/b')).toMatchObject({ code: 'bad-file', message, cause: error });

  let told: unknown;
  try {
    checkSnapshot('a/b', Uint8Array.of(1));
  } catch (thrown) {
    told = thrown;
  }
  expect(told).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/^--resume a\/b: this is no snapshot/),
  });
  for (const other of [
    told,
    new VmError('bad-file', 'disk.img: it is in use'),
    new TypeError('the snapshot of a defect'),
  ]) {
    expect(nameSnapshot(other, 'a/b')).toBe(other);
  }
});
