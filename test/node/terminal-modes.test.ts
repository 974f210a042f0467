import { describe, expect, test } from 'vitest';
import { TerminalModes } from '../../src/node/terminal-modes.ts';

function restoringAfter(...chunks: string[]): string {
  const modes = new TerminalModes();
  for (const chunk of chunks) modes.observe(Buffer.from(chunk));
  return modes.restoring();
}

describe('what puts a terminal back', () => {
  test.each([
    ['plain text', 'hello\r\n', ''],
    ['the alternate screen of an editor', '\x1b[?1049h', '\x1b[?1049l'],
    ['an editor that has ended', '\x1b[?1049h\x1b[?1049l', ''],
    ['a hidden cursor', '\x1b[?25l', '\x1b[?25h'],
    ['a hidden cursor that is shown again', '\x1b[?25l\x1b[?25h', ''],
    ['line wrap switched off', '\x1b[?7l', '\x1b[?7h'],
    ['several modes in one sequence', '\x1b[?1000;1006h', '\x1b[?1000l\x1b[?1006l'],
    ['bracketed paste', '\x1b[?2004h', '\x1b[?2004l'],
    ['application keypad', '\x1b=', '\x1b>'],
    ['colour', '\x1b[1;31mred', '\x1b[0m'],
    ['colour that is over', '\x1b[1;31mred\x1b[0m\x1b[31mx\x1b[m', ''],
    ['a scrolling region', '\x1b[3;20r', '\x1b7\x1b[r\x1b8'],
    ['the line-drawing set', '\x0eqqq', '\x0f'],
    ['a full reset', '\x1b[?1049h\x1b[?25l\x1b[1m\x1bc', ''],
    ['cursor movement', '\x1b[2J\x1b[10;20H\x1b[K', ''],
  ])('%s', (_, output, expected) => {
    expect(restoringAfter(output)).toBe(expected);
  });

  test('the screen is left last, since that puts the cursor back', () => {
    expect(restoringAfter('\x1b[?1049h\x1b[?25l\x1b[31m')).toBe('\x1b[0m\x1b[?25h\x1b[?1049l');
  });

  test('sequences may be cut anywhere', () => {
    expect(restoringAfter(...Array.from('\x1b[?1049h\x1b[?25l'))).toBe('\x1b[?25h\x1b[?1049l');
  });

  test('a sequence that never ends is given up', () => {
    expect(restoringAfter(`\x1b[${'1;'.repeat(1000)}`, '\x1b[?25l')).toBe('\x1b[?25h');
  });
});
