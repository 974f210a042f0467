import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { OutputFile, readInput, ReaderGone } from '../../src/node/stdio.ts';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** A stream that takes each chunk when it is told to. */
function slowStream(): { stream: Writable; taken: string[]; next: (error?: Error) => void } {
  const taken: string[] = [];
  let callback: ((error?: Error) => void) | undefined;
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      taken.push(chunk.toString());
      callback = done;
    },
  });
  return { stream, taken, next: (error) => callback?.(error) };
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('output', () => {
  test('a write resolves when the system has taken it', async () => {
    const { stream, taken, next } = slowStream();
    let done = false;
    const writing = new OutputFile(stream).write('text').then(() => (done = true));
    await settled();
    expect([taken, done]).toEqual([['text'], false]);
    next();
    await writing;
  });

  test('a reader that is gone is an error of its own, then and for every later write', async () => {
    const { stream, next } = slowStream();
    const file = new OutputFile(stream);
    const writing = file.write('a');
    next(systemError('EPIPE'));
    await expect(writing).rejects.toBeInstanceOf(ReaderGone);
    await settled();
    await expect(file.write('b')).rejects.toBeInstanceOf(ReaderGone);
  });

  test('other errors are the system’s', async () => {
    const { stream, next } = slowStream();
    const writing = new OutputFile(stream).write('a');
    next(systemError('ENOSPC'));
    await expect(writing).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

describe('input', () => {
  test('is read a chunk at a time, then its end is told', async () => {
    const stream = new PassThrough();
    const taken: string[] = [];
    const resume: (() => void)[] = [];
    let ended = false;
    readInput(
      stream,
      (bytes) => {
        taken.push(Buffer.from(bytes).toString());
        return new Promise((resolve) => resume.push(() => resolve(true)));
      },
      () => (ended = true),
    );
    stream.write('one');
    await settled();
    stream.write('two');
    stream.end();
    await settled();
    expect([taken, ended]).toEqual([['one'], false]);
    resume.shift()?.();
    await settled();
    expect([taken, ended]).toEqual([['one', 'two'], false]);
    resume.shift()?.();
    await settled();
    expect(ended).toBe(true);
  });

  test('stops when it is wanted no more', async () => {
    const stream = new PassThrough();
    const taken: string[] = [];
    readInput(
      stream,
      (bytes) => Promise.resolve(taken.push(Buffer.from(bytes).toString()) < 2),
      () => taken.push('end'),
    );
    for (const chunk of ['one', 'two', 'three']) {
      stream.write(chunk);
      await settled();
    }
    stream.end();
    await settled();
    expect(taken).toEqual(['one', 'two']);
  });

  test('the returned function stops it', async () => {
    const stream = new PassThrough();
    const taken: string[] = [];
    const stop = readInput(
      stream,
      (bytes) => Promise.resolve(taken.push(Buffer.from(bytes).toString()) > 0),
      () => taken.push('end'),
    );
    stream.write('one');
    await settled();
    stop();
    stream.write('two');
    stream.end();
    await settled();
    expect(taken).toEqual(['one']);
  });

  test('one that cannot be read has ended', async () => {
    const stream = new PassThrough();
    let ended = false;
    readInput(
      stream,
      () => Promise.resolve(true),
      () => (ended = true),
    );
    stream.destroy(systemError('EISDIR'));
    await settled();
    expect(ended).toBe(true);
  });
});
