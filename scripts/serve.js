// Serves the built page on localhost, isolated: node scripts/serve.js [FOLDER] [PORT]
import { fileURLToPath } from 'node:url';
import { isolatingHeaders, serveFolder } from './static-server.js';

const [folder = fileURLToPath(new URL('../dist/web', import.meta.url)), port = '8009'] = process.argv.slice(2);
try {
  const { url } = await serveFolder(folder, { port: Number(port), headers: isolatingHeaders });
  process.stdout.write(`${url}\n`);
} catch (error) {
  if (error.code !== 'EADDRINUSE') throw error;
  process.stderr.write(`port ${port} is in use: make web PORT=${Number(port) + 1} takes another\n`);
  process.exitCode = 1;
}
