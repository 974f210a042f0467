// Whether a change on one side of a share is seen on the other, by cache mode. No timing: each line is tried ten times,
// with the guest having read the file, or looked for its name, before.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shareDefaults } from 'vm9';
import { mountOptions, mountPoint, remount, startVm9, type Guest } from './guests.ts';
import { print, progress, table } from './report.ts';

const modes = ['none', 'readahead', 'mmap', 'loose'] as const;
const tries = 10;
/** Seconds of a file's time; all edits of a file are in one of them. */
const second = 1_700_000_000;

/** Returns whether try number `attempt` on a file of its own at `path` (in the guest `inGuest`) is seen as it should be. */
type Change = (guest: Guest, path: string, inGuest: string, attempt: number) => Promise<boolean>;

const contentOf = (attempt: number, version: number): string => `attempt ${attempt} version ${version}\n`;

/** The guest reads version 1, `edit` makes version 2 of the same size, the guest opens the file again. */
function seenAfter(edit: (path: string, content: string, attempt: number) => void): Change {
  return async (guest, path, inGuest, attempt) => {
    writeFileSync(path, contentOf(attempt, 1));
    utimesSync(path, second, second);
    const before = await guest.run(`cat ${inGuest}`);
    if (before !== contentOf(attempt, 1)) throw new Error(`the guest reads ${before}`);
    edit(path, contentOf(attempt, 2), attempt);
    return (await guest.run(`cat ${inGuest} 2>&1 || true`)) === readFileSync(path, 'latin1');
  };
}

/** Runs a shell's `first` in the guest, then `meanwhile` here, then `last` in the same shell. Resolves with its output. */
async function inTheMiddle(
  guest: Guest,
  path: string,
  inGuest: string,
  first: string,
  meanwhile: () => void,
  last: string,
): Promise<string> {
  const waiting = `touch ${inGuest}.reached; until test -e ${inGuest}.done; do sleep 0.02; done`;
  const output = guest.run(`${first}; ${waiting}; ${last}`);
  const deadline = performance.now() + 10_000;
  while (!existsSync(`${path}.reached`)) {
    if (performance.now() > deadline) throw new Error(`the guest did not do: ${first}`);
    await sleep(5);
  }
  meanwhile();
  writeFileSync(`${path}.done`, '');
  return output;
}

const changes: Readonly<Record<string, Change>> = {
  'written over in place: same size, same second': seenAfter((path, content, attempt) => {
    writeFileSync(path, content, { flag: 'r+' });
    utimesSync(path, second, second + (attempt + 1) / 1000);
  }),
  'written over in place: same size, same time to the nanosecond': seenAfter((path, content) => {
    writeFileSync(path, content, { flag: 'r+' });
    utimesSync(path, second, second);
  }),
  'replaced by rename: same size, same second': seenAfter((path, content, attempt) => {
    writeFileSync(`${path}.new`, content);
    utimesSync(`${path}.new`, second, second + (attempt + 1) / 1000);
    renameSync(`${path}.new`, path);
  }),
  'a line added': seenAfter((path, content) => writeFileSync(path, content, { flag: 'a' })),
  'a new name, which the guest missed before': async (guest, path, inGuest) => {
    if ((await guest.run(`cat ${inGuest} 2>&1 || true`)) === '') throw new Error('the file is there already');
    writeFileSync(path, 'new\n');
    return (await guest.run(`cat ${inGuest} 2>&1 || true`)) === 'new\n';
  },
  'a name removed': async (guest, path, inGuest) => {
    writeFileSync(path, 'old\n');
    await guest.run(`cat ${inGuest}`);
    rmSync(path);
    return (await guest.run(`cat ${inGuest} > /dev/null 2>&1 && echo there || echo gone`)) === 'gone\n';
  },
  'a line added to a file that the guest keeps open': async (guest, path, inGuest) => {
    writeFileSync(path, 'one\n');
    const add = (): void => writeFileSync(path, 'two\n', { flag: 'a' });
    const output = await inTheMiddle(guest, path, inGuest, `exec 3< ${inGuest}; cat <&3 > /dev/null`, add, 'cat <&3');
    return output === 'two\n';
  },
  'the other way: a line in a file that the guest keeps open': async (guest, path, inGuest, attempt) => {
    let content = '';
    const look = (): void => {
      content = readFileSync(path, 'latin1');
    };
    await inTheMiddle(guest, path, inGuest, `exec 3> ${inGuest}; echo ${attempt} >&3`, look, 'exec 3>&-');
    return content === `${attempt}\n`;
  },
  'the other way: a file that the guest has closed': async (guest, path, inGuest, attempt) => {
    await guest.run(`echo ${attempt} > ${inGuest}`);
    return existsSync(path) && readFileSync(path, 'latin1') === `${attempt}\n`;
  },
};

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-edits-'));
const seen = new Map<string, number>();
const guest = await startVm9(folder);
try {
  for (const mode of modes) {
    progress(`edits, cache=${mode}`);
    await remount(guest, mountOptions(mode, shareDefaults.maximumMessageSize));
    for (const [index, [name, change]] of Object.entries(changes).entries()) {
      for (let attempt = 0; attempt < tries; attempt++) {
        const file = `${mode}-${index}-${attempt}`;
        const isSeen = await change(guest, join(folder, file), `${mountPoint}/${file}`, attempt);
        const key = `${mode} ${name}`;
        seen.set(key, (seen.get(key) ?? 0) + (isSeen ? 1 : 0));
      }
    }
  }
} finally {
  await guest.dispose();
  rmSync(folder, { recursive: true, force: true });
}

const answer = (count: number): string => (count === tries ? 'yes' : `no (${count} of ${tries})`);
print('Is it seen on the next open, or the next read?\n\n');
print(
  table(
    ['on the host', ...modes.map((mode) => `|cache=${mode}`)],
    Object.keys(changes).map((name) => [name, ...modes.map((mode) => answer(seen.get(`${mode} ${name}`)!))]),
  ),
);
