// Paths in a share: absolute, with slashes, without a last one.

export function joinPath(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** Empty for the share itself. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function isInside(path: string, folder: string): boolean {
  return folder === '/' ? path !== '/' : path.startsWith(`${folder}/`);
}

/** Why a name cannot be given to a file or folder; undefined where it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'A name has at least one character.';
  if (name === '.' || name === '..') return `${name} stands for a folder already.`;
  if (name.includes('/') || name.includes('\0')) return 'A name has no slash in it.';
  if (new TextEncoder().encode(name).length > 255) return 'A name has at most 255 bytes.';
  return undefined;
}
