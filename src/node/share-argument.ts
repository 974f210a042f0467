// One `--share` or `--root`: a folder and its options, separated by commas.
import { cacheModes, type CacheMode } from '../vm-options.ts';
import { checkHostFolder, securityModels, type HostFolderOptions } from './host-folder-options.ts';
import type { IdRange } from './node-fs/owners.ts';
import { bad, parseNumber, splitAtCommas } from './option-values.ts';

/** As it was written. */
export interface ShareArgument {
  readonly folder: string;
  readonly tag?: string;
  readonly mount?: string;
  readonly readOnly: boolean;
  readonly cache?: CacheMode;
  readonly maximumMessageSize?: number;
  /** What is the folder's own affair; absent where nothing was said of it. */
  readonly files?: HostFolderOptions;
}

const keys = {
  tag: 'tag=NAME',
  mount: 'mount=PATH or mount=none',
  ro: 'ro',
  cache: 'cache=MODE',
  msize: 'msize=N',
  security: 'security=MODEL',
  owner: 'owner=UID:GID',
  map: 'map=GUEST:HOST:COUNT',
  uidmap: 'uidmap=GUEST:HOST:COUNT',
  gidmap: 'gidmap=GUEST:HOST:COUNT',
  fmode: 'fmode=MODE',
  dmode: 'dmode=MODE',
  hide: 'hide=GLOB',
} as const;
type Key = keyof typeof keys;

const repeatable: ReadonlySet<string> = new Set<Key>(['map', 'uidmap', 'gidmap', 'hide']);

/** Reads `DIR[,OPTION…]`, where `,,` is a comma. Throws VmError 'bad-option' that says what is wrong. */
export function parseShare(text: string): ShareArgument {
  return parseFolder(`--share ${text}`, text);
}

/** The same for a root, whose place needs no word. */
export function parseRoot(text: string): Omit<ShareArgument, 'mount'> {
  const { mount, ...root } = parseFolder(`--root ${text}`, text);
  if (mount !== undefined) throw bad(`--root ${text}: mount is for --share: this folder is the guest's /`);
  return root;
}

/** `argument` is the option as it was written. */
function parseFolder(argument: string, text: string): ShareArgument {
  const [folder = '', ...settings] = splitAtCommas(text);
  if (folder === '') throw bad(`${argument}: it starts with the folder`);
  const seen = new Map<string, string[]>();
  for (const setting of settings) {
    const equals = setting.indexOf('=');
    const key = equals < 0 ? setting : setting.slice(0, equals);
    const hasValue = equals >= 0;
    if (!Object.hasOwn(keys, key)) {
      throw bad(`${argument}: "${setting}" is none of ${Object.values(keys).join(', ')} (a comma is written ,,)`);
    }
    if (hasValue === (key === 'ro')) throw bad(`${argument}: ${key} ${hasValue ? 'has no value' : 'needs a value'}`);
    const values = seen.get(key) ?? [];
    if (values.length > 0 && !repeatable.has(key)) throw bad(`${argument}: ${key} is given twice`);
    seen.set(key, [...values, setting.slice(equals + 1)]);
  }
  const of = (key: Key): string | undefined => seen.get(key)?.[0];
  const tag = of('tag');
  const mount = of('mount');
  const cache = of('cache');
  const msize = of('msize');
  const files = parseFiles(argument, (key) => seen.get(key) ?? []);
  return {
    folder,
    ...(tag !== undefined && { tag }),
    ...(mount !== undefined && { mount }),
    readOnly: seen.has('ro'),
    ...(cache !== undefined && { cache: parseCacheMode(argument, cache) }),
    ...(msize !== undefined && { maximumMessageSize: parseNumber(`${argument}: msize`, msize) }),
    ...(Object.keys(files).length > 0 && { files }),
  };
}

function parseFiles(argument: string, of: (key: Key) => readonly string[]): HostFolderOptions {
  const problem = (what: string): Error => bad(`${argument}: ${what}`);
  const ranges = (key: Key): IdRange[] => of(key).map((text) => parseRange(problem, key, text));
  const mode = (key: Key): number | undefined => {
    const [text] = of(key);
    if (text === undefined) return undefined;
    if (!/^0?[0-7]{3}$/.test(text)) throw problem(`${key}=${text} is no mode in octal digits, such as 0644`);
    return Number.parseInt(text, 8);
  };
  const [model] = of('security');
  const security = securityModels.find((known) => known === model);
  if (model !== undefined && security === undefined)
    throw problem(`security=${model} is none of ${securityModels.join(', ')}`);
  const [owner] = of('owner');
  const ids = owner === undefined ? undefined : /^(\d{1,10}):(\d{1,10})$/.exec(owner);
  if (ids === null) throw problem(`owner=${owner} is not UID:GID, two numbers`);
  const [fileMode, folderMode] = [mode('fmode'), mode('dmode')];
  const both = ranges('map');
  const [uidMap, gidMap] = [
    [...both, ...ranges('uidmap')],
    [...both, ...ranges('gidmap')],
  ];
  const hide = of('hide');
  const files: HostFolderOptions = {
    ...(security !== undefined && { security }),
    ...(ids !== undefined && { owner: { uid: Number(ids[1]), gid: Number(ids[2]) } }),
    ...(uidMap.length > 0 && { uidMap }),
    ...(gidMap.length > 0 && { gidMap }),
    ...(fileMode !== undefined && { fileMode }),
    ...(folderMode !== undefined && { folderMode }),
    ...(hide.length > 0 && { hide }),
  };
  checkHostFolder(files, problem);
  return files;
}

function parseRange(problem: (what: string) => Error, key: Key, text: string): IdRange {
  const numbers = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (numbers === null) throw problem(`${key}=${text} is not GUEST:HOST:COUNT, three numbers`);
  return { guest: Number(numbers[1]), host: Number(numbers[2]), count: Number(numbers[3]) };
}

function parseCacheMode(argument: string, text: string): CacheMode {
  const mode = cacheModes.find((known) => known === text);
  if (mode === undefined) throw bad(`${argument}: cache=${text} is none of ${cacheModes.join(', ')}`);
  return mode;
}
