import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { CacheFolder } from '../../src/node/cache-folder.ts';
import { CodeKeeper } from '../../src/node/code-keeper.ts';
import { keyOfCode, packCode, readCode, type CompiledCode } from '../../src/node/compiled-code.ts';
import { compile, run, sourceOf } from '../../src/node/script.ts';

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-code-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));

const program = `const { join } = require('node:path');
let calls = 0;
exports.add = (a, b) => { calls += 1; return a + b; };
exports.fail = () => { throw new Error(join('a', 'b')); };
exports.file = __filename;
`;
const file = pathToFileURL('/somewhere/program.cjs').href;

interface Program {
  add(a: number, b: number): number;
  fail(): never;
  readonly file: string;
}

test('what was written is read, whatever its lengths; another source, or damage, leads to none', async () => {
  const folder = temporary();
  for (let length = 0; length < 10; length += 1) {
    const code: CompiledCode = {
      main: new Uint8Array(length).fill(7),
      worker: new Uint8Array(10 - length).fill(9),
      wentOn: length % 2 === 1,
    };
    const key = keyOfCode(bytes(`main ${length}`), bytes('worker'));
    await new CacheFolder(folder, {}).writeCode(key, packCode(code));
    expect(readCode(folder, key)).toEqual(code);
  }
  expect(readdirSync(folder)).toHaveLength(10);

  const key = keyOfCode(bytes('main 3'), bytes('worker'));
  for (const other of [keyOfCode(bytes('main x'), bytes('worker')), keyOfCode(bytes('main 3'), bytes('workes'))]) {
    expect(other).not.toBe(key);
    expect(readCode(folder, other)).toBeUndefined();
  }
  const path = join(folder, `${key}.code`);
  const whole = readFileSync(path);
  for (const damaged of [whole.subarray(0, 20), whole.subarray(0, -1), Buffer.from(whole).fill(8, whole.length - 1)]) {
    writeFileSync(path, damaged);
    expect(readCode(folder, key)).toBeUndefined();
  }
  expect(readCode(join(folder, 'none'), key)).toBeUndefined();
  expect(readCode(path, key)).toBeUndefined();
});

test('lengths that do not fit are no code, even where the digest is right', async () => {
  const folder = temporary();
  const lengthOfMain = new Uint8Array(16);
  lengthOfMain[4] = 200;
  for (const contents of [new Uint8Array(3), lengthOfMain]) {
    await new CacheFolder(folder, {}).writeCode('k', contents);
    expect(readCode(folder, 'k')).toBeUndefined();
  }
});

test('a script runs as a module does, from source and from what V8 has compiled of it', () => {
  const first = compile(file, program, undefined);
  const own = run(first, file) as Program;
  expect([own.add(2, 3), own.file]).toEqual([5, '/somewhere/program.cjs']);
  const cachedData = first.createCachedData();

  const again = compile(file, sourceOf(bytes(program)), cachedData);
  expect(again.cachedDataRejected).toBe(false);
  const other = run(again, file) as Program;
  expect(other.add(2, 3)).toBe(5);
  // Where an error is thrown, lines and columns are those of the file, the first line included.
  expect(() => other.fail()).toThrow(
    expect.objectContaining({ message: join('a', 'b'), stack: expect.stringContaining('program.cjs:4:30') as string }),
  );
  const early = compile(file, "throw new Error('early')", undefined);
  expect(() => run(early, file)).toThrow(
    expect.objectContaining({ stack: expect.stringContaining('program.cjs:1:7') as string }),
  );

  expect(compile(file, `${program} `, cachedData).cachedDataRejected).toBe(true);
});

/** A keeper, and what the thread hears of it; the thread answers with `answer`. */
function keeperWith(present: boolean | undefined, answer?: unknown): { keeper: CodeKeeper; port: MessagePort } {
  const { port1: port, port2 } = new MessageChannel();
  onTestFinished(() => port2.close());
  port2.on('message', () => {
    if (answer !== undefined) port2.postMessage(answer);
  });
  const script = compile(file, program, undefined);
  return { keeper: new CodeKeeper({ key: 'k', present, script, port }), port: port2 };
}

test('code is kept where there is none, and of a run that went on from a kept machine where it is of another', async () => {
  const worker = new Uint8Array(16).fill(1);
  for (const [present, wentOn, isWanted] of [
    [undefined, false, true],
    [undefined, true, true],
    [false, false, false],
    [false, true, true],
    [true, false, false],
    [true, true, false],
  ] as const) {
    const kept = await keeperWith(present, worker).keeper.collect(wentOn);
    expect({ present, wentOn, isWanted: kept !== undefined }).toEqual({ present, wentOn, isWanted });
    if (kept === undefined) continue;
    const folder = temporary();
    await new CacheFolder(folder, {}).writeCode('k', kept);
    const code = readCode(folder, 'k');
    expect(code).toMatchObject({ worker, wentOn });
    expect(compile(file, program, code?.main).cachedDataRejected).toBe(false);
  }
});

test('code that the thread could not use is kept anew', async () => {
  const { keeper, port } = keeperWith(true, new Uint8Array(8));
  port.postMessage('rejected');
  await expect.poll(() => keeper.collect(true)).toBeDefined();
});
