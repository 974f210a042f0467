// Reads the booted machine of a cache: in a file of its own, so that a page can begin with it before it has anything else.
export const tagHeader = 'X-Vm9-Tag';

/** A machine as it was found. */
export interface BootedAhead {
  readonly address: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The bytes are as they were written. */
  readonly isWhole: boolean;
}

/** What a worker that is started before its page's program says: first that it has begun, then, if it reads one, how that went. */
export type AheadMessage =
  | { readonly type: 'begun' }
  | { readonly type: 'booted'; readonly booted: BootedAhead | undefined }
  | { readonly type: 'unread' };

/**
 * Reads the machine that is kept in the cache with that name, before it is known which is wanted: there is one. For the option
 * `ahead` of browserCache. Rejects where the page has no Cache Storage.
 */
export async function readBootedAhead(name = 'vm9'): Promise<BootedAhead | undefined> {
  const cache = await openBootCache(name);
  const [request] = await cache.keys();
  const response = request && (await cache.match(request));
  if (request === undefined || response === undefined) return undefined;
  const bytes = new Uint8Array(await bodyOf(response));
  return { address: request.url, bytes, isWhole: (await tagOf(bytes)) === response.headers.get(tagHeader) };
}

/** Where a thread may wait: for 15 MB 29 ms of all processors instead of 39. */
async function bodyOf(response: Response): Promise<ArrayBuffer> {
  if (typeof FileReaderSync === 'undefined') return response.arrayBuffer();
  return new FileReaderSync().readAsArrayBuffer(await response.blob());
}

export async function openBootCache(name: string): Promise<Cache> {
  if (typeof caches === 'undefined') throw new Error('this address has no Cache Storage: it is not https');
  return caches.open(`${name} booted machine`);
}

/**
 * GMAC (NIST SP 800-38D) in hexadecimal, only to see damage: it takes half of the time of SHA-256. Whoever could forge it could write
 * another in its place.
 */
export async function tagOf(additionalData: Uint8Array<ArrayBuffer>): Promise<string> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['encrypt']);
  const iv = new Uint8Array(12);
  return hex(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, new Uint8Array(0)));
}

export function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
