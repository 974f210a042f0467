import { expect, onTestFinished, test, vi } from 'vitest';
import { makeInterpreter } from '../../src/interpreter-of.ts';
import { interpreterFor } from '../../src/node/interpreter.ts';
import { smallMachine as setup } from './machine-setup.ts';

test('machines of the same kind have one interpreter, compiled once for as long as it is kept', () => {
  const compile = vi.spyOn(WebAssembly, 'Module');
  onTestFinished(() => compile.mockRestore());
  const kept = interpreterFor(setup);
  expect(Buffer.compare(kept.module, makeInterpreter(16 << 20, true, 'translator'))).toBe(0);
  expect(interpreterFor({ ...setup, clock: 'icount', commandLine: 'quiet' })).toBe(kept);
  expect(compile).not.toHaveBeenCalled();
  kept.keepCompiled();
  kept.keepCompiled();
  expect(compile.mock.calls).toEqual([[kept.module]]);

  const other = interpreterFor({ ...setup, memoryBytes: 32 << 20 });
  expect(Buffer.compare(other.module, kept.module)).not.toBe(0);
  expect(interpreterFor({ ...setup, memoryBytes: 32 << 20 })).toBe(other);
});
