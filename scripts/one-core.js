// @ts-check
// An esbuild plugin for the worker of a page. esbuild makes a file of every module that several others share, and each file costs
// a page with a service worker five milliseconds of the processor. What an entry needs from the start is one file here: all that
// is fetched when it is used imports it, so that all share the same.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/**
 * @param {string} core the module that everything else is fetched by
 * @param {Readonly<Record<string, string>>} behind modules that are fetched by it, each with one whose modules it may take for granted
 * @param {readonly string[]} shared small modules that several of those have in common: they come with the core
 * @returns {import('esbuild').Plugin}
 */
export function oneCore(core, behind = {}, shared = []) {
  return {
    name: 'one-core',
    setup(build) {
      /** @type {Set<string>} */
      const fetched = new Set();
      build.onResolve({ filter: /^[./]/ }, ({ kind, path, resolveDir }) => {
        const file = resolve(resolveDir, path);
        if (kind === 'dynamic-import') fetched.add(file);
        // Otherwise an import for its own sake would be left out.
        return [core, ...shared, ...Object.values(behind)].includes(file)
          ? { path: file, sideEffects: true }
          : undefined;
      });
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!fetched.has(path) && path !== core) return undefined;
        const before = path === core ? shared : [core, behind[path] ?? core];
        const imports = before.map((file) => `import ${JSON.stringify(file)};`).join('\n');
        return { contents: `${await readFile(path, 'utf8')}\n${imports}`, loader: 'ts' };
      });
    },
  };
}

/**
 * Has the entry fetch the file of the core, instead of one that does nothing but fetch that.
 * @param {string} folder of what was built
 * @param {import('esbuild').Metafile} metafile
 * @param {string} entry the name of the entry's file
 */
export async function withoutDetour(folder, { outputs }, entry) {
  const built = Object.entries(outputs);
  const [, { imports = [] } = {}] = built.find(([path]) => path.endsWith(`/${entry}`)) ?? [];
  for (const { path } of imports) {
    const next = outputs[path];
    if (next?.imports.length !== 1 || Object.keys(next.inputs).length > 0) continue;
    const file = join(folder, entry);
    const [from, to] = [path, next.imports[0]?.path ?? path].map((each) => each.slice(each.lastIndexOf('/') + 1));
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(from ?? '', to ?? ''));
  }
}
