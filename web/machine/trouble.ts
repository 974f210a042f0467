// What went wrong, in the words of somebody who wants to go on: what it is, and what to do about it.
import { VmError, describeExit, type VmExit } from 'vm9';

export interface Trouble {
  /** 'ended' is an end that somebody wanted. */
  readonly kind: 'error' | 'ended';
  readonly title: string;
  readonly advice: string;
  /** What the machine itself said; empty for nothing. */
  readonly details: string;
  /** Whether the machine would start with a folder that is not kept. */
  readonly offerMemory: boolean;
}

/** What this browser lacks, looked for before anything is tried. */
export function missingFeature(): Trouble | undefined {
  if (typeof WebAssembly !== 'undefined') return undefined;
  return {
    kind: 'error',
    title: 'This browser runs no WebAssembly',
    advice:
      'The machine computes with it. A strict security mode can have switched it off: allow it for this page, or use a current Firefox, Chrome, Edge or Safari.',
    details: '',
    offerMemory: false,
  };
}

export function troubleOfError(error: unknown): Trouble {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof VmError) || error.code === 'internal') {
    return {
      kind: 'error',
      title: 'The machine failed',
      advice:
        'This is a defect in vm9, not in what you did. Files that were closed are kept. Try again; if it happens again, please report the text below.',
      details: error instanceof Error && error.stack !== undefined ? error.stack : details,
      offerMemory: false,
    };
  }
  if (/another tab/.test(error.message)) {
    return {
      kind: 'error',
      title: 'The folder is open in another tab',
      advice:
        'One tab at a time can use it, so that nothing is lost. Close the other tab and try again, or go on here with an empty folder that is forgotten when this page is closed.',
      details: '',
      offerMemory: true,
    };
  }
  if (/image/.test(error.message)) {
    return {
      kind: 'error',
      title: 'Linux could not be loaded',
      advice: 'Its image did not come as it should. Check the connection, then try again.',
      details,
      offerMemory: false,
    };
  }
  return {
    kind: 'error',
    title: 'The machine could not be started',
    advice: error.code === 'bad-file' ? 'The folder cannot be used as it is.' : 'The text below says what was wrong.',
    details,
    offerMemory: error.code === 'bad-file',
  };
}

/** How the machine came to its end. */
export function troubleOfExit(exit: VmExit): Trouble {
  if (exit.reason === 'power-off') {
    return {
      kind: 'ended',
      title: 'Linux is switched off',
      advice: 'Your files are kept and can still be used here. Start it again whenever you like.',
      details: '',
      offerMemory: false,
    };
  }
  if (exit.reason === 'panic') {
    return {
      kind: 'error',
      title: 'The kernel panicked',
      advice:
        'Linux inside the machine met something that it cannot go on from. Files that were closed are kept. Start it again.',
      details: exit.lines.join('\n'),
      offerMemory: false,
    };
  }
  const [title = '', ...rest] = describeExit(exit).split('\n');
  return {
    kind: exit.reason === 'stopped' ? 'ended' : 'error',
    title: title.charAt(0).toUpperCase() + title.slice(1),
    advice: 'Start it again to go on.',
    details: rest.join('\n'),
    offerMemory: false,
  };
}
