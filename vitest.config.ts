import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { isolatingHeaders } from './scripts/static-server.js';
import { chromiumArguments, chromiumPath } from './test/chromium.ts';

/** What takes too long for `make test`: it runs with the conformance suites. */
const long = 'test/**/*.long.test.ts';

/** What neither changes its process nor depends on it: a process for each file would take a third of the time. */
const pure = ['test/cpu/**/*.test.ts', 'test/devices/**/*.test.ts'];
/** It collects the tests of other files, so these must not have been loaded before. */
const collecting = 'test/devices/virtio/over-pci.test.ts';

/** What runs the command line: else it would use the user's own cache. */
const globalSetup = 'test/cache-of-tests.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          globalSetup,
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/boot/**',
            'test/browser/**',
            'test/page/**',
            'test/conformance/**',
            'test/cpu/**',
            'test/devices/**',
            long,
          ],
          testTimeout: 20_000,
        },
      },
      {
        test: { name: 'pure', include: pure, exclude: [collecting, long], isolate: false, testTimeout: 20_000 },
      },
      {
        test: { name: 'collecting', include: [collecting], testTimeout: 20_000 },
      },
      {
        test: {
          name: 'boot',
          globalSetup,
          include: ['test/boot/**/*.test.ts'],
          exclude: [long],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        server: { headers: isolatingHeaders },
        // Found now: what is found while tests run makes them start again.
        optimizeDeps: { include: ['fzstd', 'idb'] },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 30_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            // Made when a browser is wanted: the other projects run where there is none.
            get provider() {
              return playwright({ launchOptions: { executablePath: chromiumPath(), args: [...chromiumArguments] } });
            },
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'page',
          globalSetup,
          include: ['test/page/**/*.test.ts'],
          exclude: [long],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'conformance',
          globalSetup,
          include: ['test/conformance/**/*.test.ts', long],
          testTimeout: 40 * 60_000,
          // A Debian is unpacked, and removed, on a disk that may be busy.
          hookTimeout: 5 * 60_000,
          // Full counts take hours: two files at a time then, each of which waits for a guest for much of its time.
          fileParallelism: process.env['VM9_SCALE'] === 'full',
          maxWorkers: 2,
        },
      },
    ],
  },
});
