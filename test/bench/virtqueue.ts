// How many chains per second a split virtqueue carries, driver's offer, device's pop, push and interrupt decision. Bundle
// it with esbuild and run it in Node.js; it prints one line per shape of chain.
import { performance } from 'node:perf_hooks';
import { Queue } from '../../devices/virtio/queue.ts';
import { DriverQueue, GuestRam } from '../driver.ts';
import type { Buffer } from '../driver.ts';

const rounds = 20_000;
const repetitions = 7;

interface Shape {
  readonly name: string;
  readonly buffers: number;
  readonly indirect: boolean;
}

const shapes: readonly Shape[] = [
  { name: '1 buffer, direct', buffers: 1, indirect: false },
  { name: '2 buffers, direct', buffers: 2, indirect: false },
  { name: '2 buffers, indirect', buffers: 2, indirect: true },
  { name: '3 buffers, indirect (a zero-copy read)', buffers: 3, indirect: true },
];

function measure({ buffers, indirect }: Shape): number {
  const ram = new GuestRam({ length: 1 << 20 });
  // A machine has one listener, which marks pages.
  const pages = new Uint8Array(1 << 8);
  ram.memory.onWritten((address, length) => {
    const first = (address - ram.memory.base) >> 12;
    const last = (address - ram.memory.base + length - 1) >> 12;
    for (let page = first; page <= last; page += 1) pages[page] = 1;
  });
  const driver = new DriverQueue({ ram, index: 0, size: 128, eventIndex: true, notify: () => undefined });
  const queue = new Queue({ index: 0, maximumSize: 128, memory: ram.memory, device: 'bench' });
  queue.negotiate({ indirectDescriptors: true, eventIndex: true });
  queue.setAddress('descriptorArea', 'low', driver.table);
  queue.setAddress('driverArea', 'low', driver.available);
  queue.setAddress('deviceArea', 'low', driver.used);
  queue.enable();

  // The same 32 chains again and again: the driver's own work would otherwise be most of what is measured.
  const batch = 32;
  const heads = Array.from({ length: batch }, () => {
    const parts = Array.from({ length: buffers }, (_, index): Buffer => {
      const address = ram.allocate(256, 512);
      return { address, length: 64, writable: index > 0 };
    });
    return driver.add(parts, { indirect });
  });
  let best = 0;
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const start = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
        queue.push(chain, chain.writableLength);
      }
      queue.wantsInterrupt();
      for (const head of heads) driver.offer(head);
    }
    const seconds = (performance.now() - start) / 1000;
    best = Math.max(best, (rounds * heads.length) / seconds);
  }
  return best;
}

for (const shape of shapes) {
  console.log(`${shape.name}: ${(measure(shape) / 1e6).toFixed(2)} million chains per second`);
}
