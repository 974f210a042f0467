// The conformance suite: what every backend does, whatever it stores files with.
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { Awaitable } from '../devices/9p/backend.ts';
import { attributeTests } from './backend-suite/attributes.ts';
import { dataTests } from './backend-suite/data.ts';
import { folderTests } from './backend-suite/folders.ts';
import { Guest } from './backend-suite/guest.ts';
import type { Capabilities, Harness } from './backend-suite/guest.ts';
import { lifetimeTests } from './backend-suite/lifetime.ts';
import { linkTests } from './backend-suite/links.ts';
import { nameTests } from './backend-suite/names.ts';
import { renameTests } from './backend-suite/rename.ts';
import { xattrTests } from './backend-suite/xattrs.ts';

export type { Capabilities, Harness } from './backend-suite/guest.ts';

/**
 * Declares the suite for one backend. `makeHarness` makes an empty store for each test. After each test everything is given
 * back, and the backend must then hold what it held before.
 */
export function backendSuite(name: string, makeHarness: () => Awaitable<Harness>, capabilities: Capabilities): void {
  describe(name, () => {
    let harness: Harness | undefined;
    let guest: Guest | undefined;
    let held = 0;

    beforeEach(async () => {
      harness = await makeHarness();
      held = await harness.handles();
      guest = new Guest(harness.backend);
    });

    afterEach(async () => {
      try {
        await guest?.leave();
        expect(await harness?.handles(), 'references and open files that were not given back').toBe(held);
      } finally {
        await harness?.dispose();
      }
    });

    const use = (): Guest => {
      if (guest === undefined) throw new Error('outside of a test');
      return guest;
    };
    const parts = [
      nameTests,
      dataTests,
      folderTests,
      renameTests,
      linkTests,
      attributeTests,
      xattrTests,
      lifetimeTests,
    ];
    for (const tests of parts) tests(use, capabilities);
  });
}
