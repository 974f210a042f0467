// What a file holds, for somebody who looks at it.

export type Content =
  | { readonly kind: 'loading' }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** UTF-8, and whole: it can be edited. */ readonly editable: boolean;
    }
  | { readonly kind: 'image'; readonly blob: Blob }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly size: number }
  | { readonly kind: 'error'; readonly message: string };

/** Bytes of a binary file that are shown. */
const mostDump = 4096;

/** Text where it is UTF-8 without NULs, bytes otherwise. */
export function contentOf(bytes: Uint8Array, size: number): Content {
  const whole = bytes.length >= size;
  const text = utf8(bytes, whole);
  if (text === undefined || text.includes('\0')) return { kind: 'bytes', bytes: bytes.subarray(0, mostDump), size };
  return { kind: 'text', text, editable: whole };
}

function utf8(bytes: Uint8Array, whole: boolean): string | undefined {
  try {
    // A cut file can end within a character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: !whole });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Sixteen bytes a line: offset, hexadecimal, characters. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = Array.from(bytes.subarray(at, at + 16));
    const hex = line.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}
