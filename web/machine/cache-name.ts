/** The name of this page's cache of booted machines: an origin may have pages of other people at other paths. */
export function cacheName(): string {
  return `vm9 ${new URL('.', location.href).pathname}`;
}
