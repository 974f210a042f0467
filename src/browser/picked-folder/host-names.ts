// Names of the guest, which are bytes, as names of the host, which are text and may not be all text: browsers refuse some
// characters and endings, some file systems do not tell "A" from "a". A byte that can not stand for itself becomes a character
// of the private use area, U+F000 plus the byte, as in the host's own subsystems that have this trouble (Cygwin, WSL, SMB
// clients). So every file of the guest's is a file on the host, and its name can be read back without any record of it.
import type { Bytes } from '../../../devices/ports.ts';

const firstEscape = 0xf000;

/** Characters that some host refuses anywhere in a name. */
const refusedCharacters = '"*:<>?\\|';
const control = 0x20;
const escapes = /[\uf001-\uf02e\uf030-\uf0ff]/;
const escapesOrText = /[\uf001-\uf02e\uf030-\uf0ff]|[^\uf001-\uf02e\uf030-\uf0ff]+/g;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function escaped(byte: number): string {
  return String.fromCharCode(firstEscape + byte);
}

/** Undefined where the bytes are no UTF-8. */
function textOf(name: Bytes): string | undefined {
  try {
    // The decoder takes no shared memory.
    return decoder.decode(new Uint8Array(name));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Each byte above ASCII on its own: for what is no UTF-8, and for what would be taken for an escape. */
function byBytes(name: Bytes): string {
  return Array.from(name, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : escaped(byte))).join('');
}

/** Escapes what some host refuses: characters, a blank or dot at an end, and the dot of the last extension. */
function cautious(text: string): string {
  const characters = Array.from(text);
  const extension = characters.lastIndexOf('.');
  const escape = (character: string, index: number): string => {
    const code = character.charCodeAt(0);
    const isEnd = index === 0 || index === characters.length - 1;
    const isRefused =
      code < control ||
      refusedCharacters.includes(character) ||
      (isEnd && ' ~.'.includes(character)) ||
      (index === extension && index > 0);
    return isRefused ? escaped(code) : character;
  };
  return characters.map(escape).join('');
}

function withoutFirst(text: string): string {
  const [first = ''] = text;
  return Array.from(encoder.encode(first), escaped).join('') + text.slice(first.length);
}

/** Names that a name may have on the host, the one to be wanted first. All are read back as the name. */
export function hostNamesFor(name: Bytes): readonly string[] {
  const text = textOf(name);
  const plain = text === undefined || escapes.test(text) ? byBytes(name) : text;
  // A name that is refused as a whole (a device of old) or is taken by one that differs in case only.
  const last = escapes.test(plain[0] ?? '') ? cautious(plain) : withoutFirst(cautious(plain));
  return [...new Set([plain, cautious(plain), last])];
}

/** The name of a file of the host in the guest. */
export function guestNameOf(hostName: string): Uint8Array<ArrayBuffer> {
  if (!escapes.test(hostName)) return encoder.encode(hostName);
  const parts = Array.from(hostName.matchAll(escapesOrText), ([part]) =>
    escapes.test(part) ? Uint8Array.of(part.charCodeAt(0) - firstEscape) : encoder.encode(part),
  );
  const name = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    name.set(part, at);
    at += part.length;
  }
  return name;
}

/** The name as it is, for a host that has two files which would have one name. */
export function literalNameOf(hostName: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(hostName);
}

/** Equal for names that some file system takes for one. */
export function foldedName(hostName: string): string {
  return hostName.normalize('NFC').toLowerCase();
}
