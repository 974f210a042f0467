// Written into index.html by the build: begins what a machine waits for while the page's program is still on its way.
import type { BootedAhead } from 'vm9';
import { cacheName } from './machine/cache-name.ts';
import { WorkerAhead } from './machine/worker-ahead.ts';
import { mustReload } from './offline.ts';

/** What was begun, for the page's first machine. */
export interface StartAhead {
  readonly worker: WorkerAhead;
  /** Undefined where Linux is to boot from nothing. */
  readonly booted: Promise<BootedAhead | undefined> | undefined;
}

declare global {
  /** Undefined where nothing was begun, and once it was taken. */
  var startAhead: StartAhead | undefined;
}

/** Milliseconds in which a worker begins, on a computer with other work. */
const patience = 1000;

// A page that is about to be loaded once more has no machine.
if (mustReload()) loadProgram();
else {
  globalThis.startAhead = begin();
  // The worker's beginning needs this thread for a moment. While the program runs here it would wait, for a tenth of a second; and it
  // has more to do than the page.
  const late = new Promise((resolve) => setTimeout(resolve, patience));
  void Promise.race([globalThis.startAhead.worker.begun, late]).then(loadProgram);
}

function loadProgram(): void {
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', loadProgram);
  else document.head.append(Object.assign(document.createElement('script'), { src: 'page.js' }));
}

function begin(): StartAhead {
  const worker = new WorkerAhead();
  if (new URLSearchParams(location.search).has('cold')) {
    worker.begin();
    return { worker, booted: undefined };
  }
  const booted = worker.beginToRead(cacheName());
  // Whoever wants it is told.
  booted.catch(() => undefined);
  return { worker, booted };
}
