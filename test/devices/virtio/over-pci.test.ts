// The tests of virtio devices once more, with each device behind a PCI bridge and a driver that finds it there.
import { describe } from 'vitest';
import { useTransport } from '../../transports.ts';

useTransport('pci');

const files = {
  device: () => import('./device.test.ts'),
  registers: () => import('./registers.test.ts'),
  queue: () => import('./queue.test.ts'),
  malformed: () => import('./malformed.test.ts'),
  fuzz: () => import('./fuzz.test.ts'),
  attacks: () => import('./attacks.test.ts'),
  '9p': () => import('./9p.test.ts'),
  block: () => import('./block.test.ts'),
  'block-fuzz': () => import('./block-fuzz.test.ts'),
  console: () => import('./console.test.ts'),
  'console-port': () => import('./console-port.test.ts'),
  rng: () => import('./rng.test.ts'),
  'executed-page': () => import('../../src/executed-page.test.ts'),
};

describe.each(Object.entries(files))('%s, over virtio-pci', async (_, load) => {
  await load();
});
