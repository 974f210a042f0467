// The smallest page with a machine: what it comes to is its title, for tests of what is below the real page.
import { createVm, memory } from 'vm9';
import { registerServiceWorker } from '../../../web/offline.ts';

declare global {
  interface Window {
    /** There once a new version of the page is. */
    applyUpdate?: () => void;
  }
}

async function boot(): Promise<void> {
  const trouble = await registerServiceWorker({ onUpdate: (apply) => (window.applyUpdate = apply) });
  if (trouble !== undefined) console.error(trouble);
  const vm = createVm({ shares: [{ source: memory() }] });
  await vm.start();
  const release = await vm.exec('uname -m').stdout.text();
  document.title = `${release.trim()}, ${crossOriginIsolated ? 'isolated' : 'not isolated'}`;
}

void boot();
