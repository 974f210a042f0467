// RFC 1952 (gzip) and RFC 8878 (Zstandard), told apart by their first bytes.
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';
import { isGzip } from './gzip.ts';

/** The host's own gunzip: zlib in Node.js, DecompressionStream in browsers. Rejects or throws on a broken file. */
export type Gunzip = (bytes: Bytes) => Bytes | Promise<Bytes>;

const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];

/** `bytes` unpacked when they are gzip or Zstandard, else as they are. `what` names them in errors: `kernel`. */
export async function decompress(bytes: Bytes, gunzip: Gunzip, what: string): Promise<Bytes> {
  try {
    if (isGzip(bytes)) return await gunzip(bytes);
    if (startsWith(bytes, zstdMagic)) {
      // Few need it: a page fetches it when it does.
      const fzstd = await import('fzstd');
      return fzstd.decompress(bytes);
    }
  } catch (error) {
    const format = isGzip(bytes) ? 'gzip' : 'Zstandard';
    const reason = error instanceof Error ? error.message : String(error);
    throw new BootError(
      `the ${what} is a truncated or damaged ${format} file of ${bytes.length} bytes (${reason}): fetch or build it again`,
      { cause: error },
    );
  }
  return bytes;
}

function startsWith(bytes: Bytes, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}
