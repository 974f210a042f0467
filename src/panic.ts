import type { Bytes } from '../devices/ports.ts';

/** With this line every Linux kernel begins to say why it can not go on. */
const announcement = 'Kernel panic - not syncing';
/** With this one it ends. */
const ending = '---[ end Kernel panic - not syncing';
/** So much of a panic is kept: reason, registers and call trace fit. */
const keptLines = 100;
/** After a real panic nothing runs that could print more than this: whoever does was quoting a panic. */
const linesUntilDoubt = 1000;
const longestLine = 1024;

const newline = 0x0a;

/**
 * Reads along with a kernel's console, so that a reset can be told apart: on RISC-V a panic that restarts the machine
 * looks like any reboot.
 */
export class PanicWatcher {
  readonly #decoder = new TextDecoder();
  readonly #line = new Uint8Array(longestLine);
  #lineLength = 0;
  #kept: string[] = [];
  #linesSince = 0;
  #ended = false;

  /** Console output as it comes, cut anywhere. */
  observe(bytes: Bytes): void {
    for (const byte of bytes) {
      if (byte === newline) this.#endLine();
      else if (this.#lineLength < longestLine) this.#line[this.#lineLength++] = byte;
    }
  }

  /** The panic's lines without line ends, from its announcement on; undefined when the kernel has not panicked. */
  lines(): readonly string[] | undefined {
    // The last line may lack its end: a reset can cut it.
    const last = this.#text();
    if (this.#kept.length > 0) return last === '' || this.#ended ? this.#kept : [...this.#kept, last];
    return last.includes(announcement) ? [last] : undefined;
  }

  #endLine(): void {
    const line = this.#text();
    this.#lineLength = 0;
    if (this.#kept.length === 0) {
      if (!line.includes(announcement)) return;
      this.#linesSince = 0;
      this.#ended = false;
    } else if (++this.#linesSince > linesUntilDoubt) {
      this.#kept = [];
      return;
    }
    if (this.#ended || this.#kept.length >= keptLines) return;
    this.#kept.push(line);
    this.#ended = line.includes(ending);
  }

  #text(): string {
    return this.#decoder.decode(this.#line.slice(0, this.#lineLength)).replace(/\r$/, '');
  }
}
