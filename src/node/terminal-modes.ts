// Cites ECMA-48 (5th edition) and the private modes of DEC's terminals as xterm documents them (ctlseqs).
import type { Bytes } from '../../devices/ports.ts';

/** Private modes that a terminal begins with switched on: line wrap and the cursor. All others begin switched off. */
const onAtFirst = new Set([7, 25]);

/** Longer than any sequence that matters here; what is longer is passed over. */
const longestSequence = 64;

/**
 * Reads along with what a guest writes to a terminal, so that the terminal can be left as it was found when the guest is
 * cut off in the middle of vi: on the alternate screen, without a cursor, with the mouse caught.
 */
export class TerminalModes {
  readonly #changed = new Set<number>();
  #keypad = false;
  #region = false;
  #styled = false;
  #shifted = false;
  #sequence: string | undefined;

  observe(bytes: Bytes): void {
    for (const byte of bytes) this.#take(byte);
  }

  /** What puts everything back. Empty where nothing was changed. */
  restoring(): string {
    // Each part by itself, alternate screen last: to leave it puts the cursor back where it was.
    const modes = [...this.#changed]
      .sort((a, b) => a - b)
      .map((mode) => `\x1b[?${mode}${onAtFirst.has(mode) ? 'h' : 'l'}`);
    return [
      this.#styled ? '\x1b[0m' : '',
      this.#shifted ? '\x0f' : '',
      this.#keypad ? '\x1b>' : '',
      // Setting the margins moves the cursor: keep it.
      this.#region ? '\x1b7\x1b[r\x1b8' : '',
      ...modes,
    ].join('');
  }

  #take(byte: number): void {
    if (byte === 0x1b) {
      this.#sequence = '';
    } else if (this.#sequence === undefined) {
      if (byte === 0x0e || byte === 0x0f) this.#shifted = byte === 0x0e;
    } else {
      this.#continue(byte);
    }
  }

  #continue(byte: number): void {
    const sequence = (this.#sequence ?? '') + String.fromCharCode(byte);
    const isControlSequence = sequence.startsWith('[');
    // ECMA-48 §5.4: parameter and intermediate bytes are 02/00 to 03/15, the final byte 04/00 to 07/14.
    const isOpen = isControlSequence && (sequence.length === 1 || (byte >= 0x20 && byte <= 0x3f));
    this.#sequence = isOpen && sequence.length < longestSequence ? sequence : undefined;
    if (!isOpen) this.#heed(sequence);
  }

  #heed(sequence: string): void {
    if (sequence === '=' || sequence === '>') this.#keypad = sequence === '=';
    else if (sequence === 'c') this.#reset();
    else if (/^\[\?[\d;]+[hl]$/.test(sequence)) this.#setModes(sequence);
    else if (/^\[[\d;]*r$/.test(sequence)) this.#region = sequence !== '[r';
    else if (/^\[[\d;:]*m$/.test(sequence)) this.#styled = !/^\[0*m$/.test(sequence);
  }

  #setModes(sequence: string): void {
    const on = sequence.endsWith('h');
    for (const text of sequence.slice(2, -1).split(';')) {
      const mode = Number(text);
      if (on === onAtFirst.has(mode)) this.#changed.delete(mode);
      else this.#changed.add(mode);
    }
  }

  #reset(): void {
    this.#changed.clear();
    this.#keypad = this.#region = this.#styled = this.#shifted = false;
  }
}
