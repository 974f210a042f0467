// @ts-check
// Serves a folder of static files on localhost, as any static host would: `make web` and the page tests use it.
import { createServer } from 'node:http';
import sirv from 'sirv';

/** What makes a page cross-origin isolated, so that it has shared memory. */
export const isolatingHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * @param {string} folder
 * @param {{ port?: number, base?: string, headers?: Readonly<Record<string, string>> }} [options] `port` 0: any free one.
 *   `base` is the path, between slashes, that the folder is served under. `headers` are sent with every answer.
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} the address ends with a slash
 */
export async function serveFolder(folder, { port = 0, base = '/', headers = {} } = {}) {
  // `dev`: looks at the disk for every request, and tells browsers to ask again.
  const answer = sirv(folder, { dev: true, dotfiles: true });
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!request.url?.startsWith(base)) {
      response.writeHead(404).end(`nothing is served outside ${base}\n`);
      return;
    }
    request.url = request.url.slice(base.length - 1);
    answer(request, response);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, 'localhost', () => resolve(undefined));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    url: `http://localhost:${address.port}${base}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
