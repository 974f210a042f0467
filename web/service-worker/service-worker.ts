// The page's service worker. It serves the page's files from a cache, so that the page works offline and all its files are
// of one version; and it adds the headers that make the page cross-origin isolated, where the host cannot send them.

declare const self: ServiceWorkerGlobalScope;

/**
 * Written by the build: every file of the page by its path below the page, with its SHA-256 in base64; a gzip file has a
 * second one, because some hosts send it so that it arrives unpacked.
 */
declare const siteFiles: Readonly<Record<string, readonly string[]>>;

/** What a page says: 'complete' fetches the files that are not here yet, 'take-over' replaces an older service worker. */
type FromPage = 'complete' | 'take-over';

/** What a browser starts: for that it has to bring the headers that isolate it. */
const isStarted = /\.html$|^browser-[^/]*worker\.js$/;

/** Files that a page waits for anyway, and that are large: they come with the first page, not before it. */
const isLarge = /^images\//;

const isolatingHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

// Caches belong to the origin, which may have pages of other people at other paths.
const { scope } = self.registration;
const cacheName = `vm9 ${scope}`;

/** Where a file is in the cache: under its digest, so that a new version fetches only what has changed. */
function keyOf(path: string): URL {
  const url = new URL(path, scope);
  url.search = new URLSearchParams({ digest: siteFiles[path]?.[0] ?? '' }).toString();
  return url;
}

let opened: Promise<Cache> | undefined;

/** Opened once for all that is looked for: each time is a way to another process and back. */
function openOnce(): Promise<Cache> {
  return (opened ??= caches.open(cacheName).catch((error: unknown) => {
    // The next file may have better luck.
    opened = undefined;
    throw error;
  }));
}

/** Files that are on their way into the cache. */
const underWay = new Set<string>();

/** The file from the cache; else as it comes from the network, to be kept beside that. */
async function answer(path: string, event: FetchEvent): Promise<Response> {
  const kept = await (await openOnce()).match(keyOf(path));
  if (kept !== undefined) return kept;
  const response = await fetchFile(path);
  event.waitUntil(keep(path, response.clone()));
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(isolatingHeaders)) headers.set(name, value);
  return new Response(response.body, { headers });
}

async function fetchFile(path: string): Promise<Response> {
  const url = new URL(path, scope);
  const response = await fetch(url, { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${url} cannot be kept for use offline: the server answers ${response.status}`);
  return response;
}

/** Whether it can be kept as it came: Chromium keeps a script in its compiled form beside an answer of the network's alone. */
function canStay(path: string, { redirected, headers }: Response): boolean {
  return path.endsWith('.js') && !isStarted.test(path) && !redirected && !headers.get('Vary')?.includes('*');
}

/** Rejects for a file that is not of this version: the host is being updated, or a cache on the way is stale. */
async function keep(path: string, response: Response): Promise<void> {
  underWay.add(path);
  try {
    const asItCame = canStay(path, response) ? response.clone() : undefined;
    const content = await response.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
    if (!siteFiles[path]?.includes(btoa(String.fromCharCode(...digest)))) {
      await asItCame?.body?.cancel();
      throw new Error(`${response.url} is not the file of this version of the page: it is not kept for use offline`);
    }
    // Of the other headers some tell how it was sent: its encoding, its length.
    const type = response.headers.get('Content-Type') ?? 'application/octet-stream';
    const headers = { ...isolatingHeaders, 'Content-Type': type, 'Content-Length': String(content.byteLength) };
    await (await caches.open(cacheName)).put(keyOf(path), asItCame ?? new Response(content, { headers }));
  } finally {
    underWay.delete(path);
  }
}

async function fetchMissing(paths: readonly string[]): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(
    paths.map(async (path) => {
      if (underWay.has(path) || (await cache.match(keyOf(path))) !== undefined) return;
      await keep(path, await fetchFile(path));
    }),
  );
}

async function removeOldFiles(): Promise<void> {
  const cache = await caches.open(cacheName);
  const present = new Set(Object.keys(siteFiles).map((path) => keyOf(path).href));
  const kept = await cache.keys();
  await Promise.all(kept.filter(({ url }) => !present.has(url)).map((request) => cache.delete(request)));
}

/** The path of a file of the page; undefined for what is none. */
function pathOf(address: string): string | undefined {
  const url = new URL(address);
  if (!`${url.origin}${url.pathname}`.startsWith(scope)) return undefined;
  const path = `${url.origin}${url.pathname}`.slice(scope.length);
  const name = path === '' ? 'index.html' : path;
  return Object.hasOwn(siteFiles, name) ? name : undefined;
}

self.addEventListener('install', (event) => {
  event.waitUntil(fetchMissing(Object.keys(siteFiles).filter((path) => !isLarge.test(path))));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(removeOldFiles().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const path = event.request.method === 'GET' ? pathOf(event.request.url) : undefined;
  if (path !== undefined) event.respondWith(answer(path, event));
});

self.addEventListener('message', (event) => {
  const message = event.data as FromPage;
  if (message === 'complete') event.waitUntil(fetchMissing(Object.keys(siteFiles)));
  else event.waitUntil(self.skipWaiting());
});
