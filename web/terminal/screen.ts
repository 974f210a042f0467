// xterm.js as the machine's console.
import { FitAddon } from '@xterm/addon-fit';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import type { Vm } from 'vm9';
import type { ConsoleScreen } from '../machine/session.ts';
import { copySelection } from './clipboard.ts';
import { darkTerminal, lightTerminal } from './theme.ts';

const fallbackSize = { columns: 80, rows: 24 };

export class Screen implements ConsoleScreen {
  readonly #terminal = new Terminal({
    // The page's own mono stack, so that it looks the same beside the panels.
    fontFamily: "ui-monospace, 'Cascadia Mono', 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    fontSize: 14,
    lineHeight: 1.2,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    scrollback: 10_000,
    minimumContrastRatio: 4.5,
    // Costs little, and a screen reader can then follow what is printed.
    screenReaderMode: true,
  });
  readonly #fit = new FitAddon();
  #console: Vm['console'] | undefined;

  constructor() {
    const terminal = this.#terminal;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(new WebLinksAddon());
    terminal.onData((text) => void this.#console?.write(text));
    terminal.onBinary(
      (text) => void this.#console?.write(Uint8Array.from(text, (character) => character.charCodeAt(0))),
    );
    terminal.onResize(({ cols, rows }) => this.#console?.resize(cols, rows));
    terminal.attachCustomKeyEventHandler((event) => this.#isForGuest(event));
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return this.#terminal.element === undefined
      ? fallbackSize
      : { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /** Shows the terminal in `element`, as large as that is. Returns what ends the watching of its size. */
  open(element: HTMLElement): () => void {
    this.#terminal.open(element);
    const observer = new ResizeObserver(() => this.#fitNow(element));
    observer.observe(element);
    return () => observer.disconnect();
  }

  connect(console: Vm['console']): () => void {
    this.#console = console;
    // The guest waits for the terminal to have drawn what it was given.
    const detach = console.attach(
      (bytes) => new Promise((resolve) => this.#terminal.write(new Uint8Array(bytes), resolve)),
    );
    return () => {
      detach();
      if (this.#console === console) this.#console = undefined;
    };
  }

  print(bytes: Uint8Array): void {
    // Byte by byte: a piece may end within a character.
    this.#terminal.write(Uint8Array.from(Array.from(bytes).flatMap((byte) => (byte === 0x0a ? [0x0d, 0x0a] : [byte]))));
  }

  say(line: string): void {
    this.#terminal.write(`\r\n\x1b[90m[${line.replaceAll('\n', '\r\n')}]\x1b[0m\r\n`);
  }

  clear(): void {
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  setDark(dark: boolean): void {
    this.#terminal.options.theme = dark ? darkTerminal : lightTerminal;
  }

  #fitNow(element: HTMLElement): void {
    // A hidden tab has no size: the guest keeps the one it had.
    if (element.clientWidth > 0 && element.clientHeight > 0) this.#fit.fit();
  }

  /** Keys that the page takes: copy, paste by the browser's own paste event, and the page's shortcuts. */
  #isForGuest(event: KeyboardEvent): boolean {
    if (!event.ctrlKey || !event.shiftKey) return true;
    if (event.code === 'KeyC') {
      event.preventDefault();
      if (event.type === 'keydown') void copySelection(this.#terminal);
      return false;
    }
    return event.code !== 'KeyV' && !event.code.startsWith('Digit');
  }
}
