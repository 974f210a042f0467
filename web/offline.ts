// The page's end of its service worker: isolation where the host cannot send headers, use offline, and new versions.

export interface OfflineOptions {
  /** A new version of the page is there. `apply` loads it in this tab; other tabs go on with what they have. */
  readonly onUpdate: (apply: () => void) => void;
}

/** Why there is no service worker; undefined where there is one. */
export type OfflineTrouble = string | undefined;

const reloadedMark = 'vm9 reloaded for isolation';

/**
 * Registers the service worker. Where only that can isolate the page (`mustReload`) it loads the page once more instead, and never
 * resolves: no machine is started before.
 */
export async function registerServiceWorker({ onUpdate }: OfflineOptions): Promise<OfflineTrouble> {
  if (!('serviceWorker' in navigator)) return 'this browser, or an address without https, has no service workers';
  let registration: ServiceWorkerRegistration;
  try {
    registration = await navigator.serviceWorker.register('service-worker.js', { updateViaCache: 'none' });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (mustReload()) {
    if (!(await activated(registration))) return 'the files of this page cannot be kept: the console tells why';
    sessionStorage.setItem(reloadedMark, 'yes');
    location.reload();
    return new Promise(() => undefined);
  }
  void navigator.serviceWorker.ready.then(({ active }) => active?.postMessage('complete'));
  watchForUpdates(registration, onUpdate);
  return undefined;
}

/** Whether a service worker has given the page its files. */
export function isKept(): boolean {
  return 'serviceWorker' in navigator && navigator.serviceWorker.controller !== null;
}

/** A page inside another's frame is isolated only if that one is: nothing it does itself helps. */
export function mustReload(): boolean {
  if (crossOriginIsolated || window !== window.top) return false;
  return sessionStorage.getItem(reloadedMark) === null;
}

/** Resolves when the service worker answers the next load of the page; with false when it has given up. */
async function activated({ active, waiting, installing }: ServiceWorkerRegistration): Promise<boolean> {
  const worker = active ?? waiting ?? installing;
  if (worker === null) return false;
  while (worker.state !== 'activated' && worker.state !== 'redundant') {
    await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }));
  }
  return worker.state === 'activated';
}

function watchForUpdates(registration: ServiceWorkerRegistration, onUpdate: OfflineOptions['onUpdate']): void {
  const offer = (worker: ServiceWorker): void => {
    onUpdate(() => {
      navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
      worker.postMessage('take-over');
    });
  };
  if (registration.waiting !== null && registration.active !== null) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing;
    worker?.addEventListener('statechange', () => {
      // The first one replaces none.
      if (worker.state === 'installed' && registration.active !== null) offer(worker);
    });
  });
}
