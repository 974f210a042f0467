// Ctrl-A in a terminal: what follows it is for this program, not for the guest.
import type { Bytes } from '../../devices/ports.ts';

const ctrlA = 0x01;

export type EscapeAction = 'quit' | 'save' | 'help';

/** Text for the terminal in raw mode. */
export const escapeHelp = [
  '',
  'Ctrl-A x       quit: the guest is switched off; a second time, at once',
  'Ctrl-A s       save the machine into the file of --save, and quit',
  'Ctrl-A h       this help',
  'Ctrl-A Ctrl-A  type Ctrl-A; so does Ctrl-A a',
  '',
].join('\r\n');

/** Splits what is typed. Remembers a Ctrl-A at the end of a chunk. */
export class EscapeKeys {
  #escaped = false;

  /** Returns the bytes for the guest, and calls `act` for each key that is for this program. */
  feed(bytes: Bytes, act: (action: EscapeAction) => void): Bytes {
    const guest: number[] = [];
    for (const byte of bytes) {
      if (!this.#escaped) {
        if (byte === ctrlA) this.#escaped = true;
        else guest.push(byte);
        continue;
      }
      this.#escaped = false;
      const key = String.fromCharCode(byte);
      if (key === 'x') act('quit');
      else if (key === 's') act('save');
      else if (key === 'h') act('help');
      else if (key === 'a' || byte === ctrlA) guest.push(ctrlA);
      // Whoever goes to the start of a line with Ctrl-A, and types on, meant just that.
      else guest.push(ctrlA, byte);
    }
    return Uint8Array.from(guest);
  }
}
