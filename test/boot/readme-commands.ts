// The commands of README.md: lines of blocks marked "sh"; a backslash at the end continues one.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const readme = fileURLToPath(new URL('../../README.md', import.meta.url));

/** Needs a Debian, which is unpacked for the conformance run: debian-tree.test.ts is where these are run. */
export const isInDebian = /\bdist\/debian\b/;

/** Needs a firmware that is fetched or built for the conformance run: firmware.test.ts runs these. */
export const isForFirmware = /--firmware /;

export function readmeCommands(): string[] {
  const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  return blocks
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/^\$ /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
