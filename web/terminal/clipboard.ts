import type { Terminal } from '@xterm/xterm';

/** Copies what is selected in the terminal; nothing where nothing is. */
export async function copySelection(terminal: Terminal): Promise<void> {
  const text = terminal.getSelection();
  if (text === '') return;
  // The clipboard API exists in secure contexts only, and asks; the old command copies what xterm.js holds selected.
  if (navigator.clipboard === undefined) document.execCommand('copy');
  else await navigator.clipboard.writeText(text);
}
