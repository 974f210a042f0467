import { expect, test } from 'vitest';
import { loadGuestImage } from '../../src/browser/images.ts';

/** An address that serves `bytes`, with their length. */
function serve(bytes: Uint8Array<ArrayBuffer>): string {
  return URL.createObjectURL(new Blob([bytes]));
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const content = crypto.getRandomValues(new Uint8Array(60_000));

test('both files are unpacked, or taken as they are, and their progress is one', async () => {
  const packed = await gzip(content);
  const calls: [number, number | undefined][] = [];
  const image = await loadGuestImage({ kernel: serve(packed), initrd: serve(content) }, (...call) => calls.push(call));
  expect(image).toEqual({ kernel: content, initrd: content });
  const all = packed.length + content.length;
  expect(calls.at(-1)).toEqual([all, all]);
});

test('a damaged file is named', async () => {
  const kernel = serve((await gzip(content)).subarray(0, 30_000));
  const loading = loadGuestImage({ kernel, initrd: serve(content) }, () => undefined);
  await expect(loading).rejects.toMatchObject({ code: 'bad-file', message: expect.stringContaining(kernel) });
});
