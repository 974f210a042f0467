// What a VM is made with: the options, their defaults, and what is refused before anything starts.
import type { Bytes } from '../devices/ports.ts';
import type { HartFeatures } from './cpu/riscv/features.ts';
import { defaultMaximumBytes, engineWeight } from './cpu/riscv/translation-bounds.ts';
import { VmError } from './errors.ts';
import type { StartCache } from './start-cache.ts';
import type { DriveOptions } from './vm-drives.ts';
import type { CpuEngine, MachineEvent, VirtioTransport } from './worker-protocol.ts';

/**
 * Where a share's files are. Made by functions of the host's entry (`hostFolder` in Node.js); it is posted to the VM's
 * worker, and becomes a backend there.
 */
export interface ShareSource {
  readonly kind: string;
  /** The tag that a share of it has unless told otherwise. */
  readonly name?: string;
  /** Its files are gone when the worker ends: the worker then stays until the VM is disposed of. */
  readonly volatile?: boolean;
}

/** Cache modes of Linux's 9p client. */
export const cacheModes = ['none', 'readahead', 'mmap', 'loose', 'fscache'] as const;
export type CacheMode = (typeof cacheModes)[number];

export interface ShareOptions {
  readonly source: ShareSource;
  /** The name the guest mounts it by, 1 to 31 bytes. Default: `host` for the first share, else the source's name. */
  readonly tag?: string;
  /** Where it is mounted in the guest; 'none' leaves that to the user. Default: /mnt/TAG. */
  readonly mount?: string;
  readonly readOnly?: boolean;
  readonly cache?: CacheMode;
  /** The largest message in bytes, 4,096 to 512,000. */
  readonly maximumMessageSize?: number;
}

/** A share that is the guest's root. Default: tag `root`, cache `loose`, since nobody else changes a system that runs. */
export type RootOptions = Omit<ShareOptions, 'mount'>;

export interface VmOptions {
  /** MiB of RAM. */
  readonly memory?: number;
  /**
   * What starts in M-mode in place of the machine's own firmware: a raw binary for the start of RAM or an ELF file. It is
   * told of the kernel as OpenSBI's fw_dynamic is.
   */
  readonly firmware?: Bytes;
  /** A kernel in place of the built-in image: raw, gzip or zstd; 'none' for a firmware that needs none. */
  readonly kernel?: Bytes | 'none';
  /** An initial file system in place of the built-in one: raw, gzip or zstd; 'none' for none at all. */
  readonly initrd?: Bytes | 'none';
  /** Added to the kernel command line. */
  readonly append?: string;
  readonly shares?: readonly ShareOptions[];
  /**
   * A Linux system for riscv64 that is the guest's `/`, mounted by the built-in initial file system. It needs `/bin/sh`; the login
   * shell is root's of `/etc/passwd`.
   */
  readonly root?: RootOptions;
  /** Disks, which the guest has as /dev/vda, vdb and so on. */
  readonly drives?: readonly DriveOptions[];
  /** 'icount' derives time from retired instructions: two runs with the same input are identical. */
  readonly clock?: 'host' | 'icount';
  /**
   * What runs guest code. Default: 'translator', which translates what is hot to WebAssembly; 'interpreter' is for
   * comparison.
   */
  readonly cpu?: CpuEngine;
  /** What the processor offers or does without; what is not named is as in `defaultCpuFeatures`. */
  readonly cpuFeatures?: Partial<HartFeatures>;
  /**
   * MiB of the host's memory that translated code may take, 16 to 4096; beyond it the oldest goes. Counted is WebAssembly:
   * an engine takes up to sixteen times as much. Default: 256.
   */
  readonly jitCache?: number;
  /** How the guest reaches its devices: 'mmio' (the default) or 'pci', a PCI Express bus. */
  readonly transport?: VirtioTransport;
  /**
   * Goes on from a snapshot, which `save` made, instead of booting. Memory and clock are the snapshot's; its shares and drives
   * have to be given again, as they were; more shares may follow them. Firmware, kernel and initrd are those of a later restart.
   */
  readonly resume?: Bytes;
  /**
   * Where machines are kept as they have booted, for later starts to go on from (`cacheFolder` in Node.js). Default: none is kept,
   * and each start boots, as it does with a firmware, a root, drives, a counted clock or a trace.
   */
  readonly cache?: StartCache;
  /** A reboot of the guest ends the machine instead of restarting it. */
  readonly noReboot?: boolean;
  /** Size of the console at the start, in characters. */
  readonly console?: { readonly columns: number; readonly rows: number };
  /**
   * False: the machine does without shared memory, as it must in a page that is not cross-origin isolated. Default: shared
   * wherever the host has it.
   */
  readonly sharedMemory?: boolean;
  /** Which of the machine's events are sent as `trace` events. */
  readonly trace?: readonly MachineEvent['type'][];
}

export interface Share {
  readonly source: ShareSource;
  readonly tag: string;
  /** Undefined: not mounted. */
  readonly mount: string | undefined;
  readonly readOnly: boolean;
  readonly cache: CacheMode;
  readonly maximumMessageSize: number;
}

/**
 * How shares are mounted unless told otherwise. `mmap` and `none` both revalidate a file's attributes on open, so an edit
 * on the host is seen on the next open; `loose` does not.
 */
export const shareDefaults = { cache: 'none', maximumMessageSize: 512_000 } as const;

/** What differs for the root: see RootOptions. */
export const rootDefaults = { tag: 'root', cache: 'loose' } as const;

/** Where the root is mounted, and no other share can be. */
export const rootMount = '/';

/**
 * The board has 8 virtio-mmio slots; the console and the entropy source take one each, drives what shares leave. As many on
 * PCI.
 */
export const maximumShares = 6;

/** As QEMU's rv64 has it; Svade is there for who wants to handle accessed and dirty bits by page faults. */
export const defaultCpuFeatures: HartFeatures = { sv48: false, svadu: true, svade: false };

export const defaultMemory = 256;
export const minimumMemory = 16;
export const maximumMemory = 2048;
export const minimumJitCache = 16;
export const maximumJitCache = 4096;
export const defaultJitCache = (defaultMaximumBytes * engineWeight) / 2 ** 20;

export const virtioTransports: readonly VirtioTransport[] = ['mmio', 'pci'];

/** The kernel command line, before what `append` adds. panic=-1: a panicked kernel resets at once, so that it is told. */
export const builtInCommandLine = 'console=ttyS0 panic=-1 quiet';

/** Linux on RISC-V keeps 1,024 bytes of it, the last one a NUL. */
const maximumCommandLine = 1023;

/**
 * Fills in defaults and checks what can be checked before anything starts. The root comes last: the first share is the one that
 * is meant where none is named. Throws VmError 'bad-option'.
 */
export function planShares(others: readonly ShareOptions[], root?: RootOptions): Share[] {
  if (others.some(({ mount }) => mount === rootMount)) {
    throw new VmError(
      'bad-option',
      `mount=${rootMount}: what is to be the guest's root is given as root, not as a share`,
    );
  }
  const shares = root === undefined ? others : [...others, { ...rootDefaults, ...root, mount: rootMount }];
  if (shares.length > maximumShares) {
    throw new VmError(
      'bad-option',
      `${shares.length} shares, but the machine has slots for ${maximumShares}: leave some out`,
    );
  }
  const tags = new Set<string>();
  const mounts = new Set<string>();
  return shares.map((share, index) => {
    const tag = share.tag ?? (index === 0 ? 'host' : (share.source.name ?? `share${index}`));
    const length = new TextEncoder().encode(tag).length;
    if (length < 1 || length > 31 || tag.includes('/') || tag.includes('\0')) {
      throw new VmError('bad-option', `share tag "${tag}": it has 1 to 31 bytes and no slash`);
    }
    if (tags.has(tag)) {
      throw new VmError('bad-option', `two shares have the tag "${tag}": give one of them another with tag=NAME`);
    }
    tags.add(tag);

    const mount = share.mount === 'none' ? undefined : (share.mount ?? `/mnt/${tag}`);
    if (mount !== undefined) {
      if (!mount.startsWith('/') || mount.includes('\0')) {
        throw new VmError('bad-option', `share "${tag}": mount=${mount} is neither an absolute path nor none`);
      }
      if (mounts.has(mount)) {
        throw new VmError(
          'bad-option',
          `two shares are to be mounted at ${mount}: give one of them another mount=PATH`,
        );
      }
      mounts.add(mount);
    }

    const cache = share.cache ?? shareDefaults.cache;
    if (!cacheModes.includes(cache)) {
      throw new VmError('bad-option', `share "${tag}": cache=${cache} is none of ${cacheModes.join(', ')}`);
    }
    const maximumMessageSize = share.maximumMessageSize ?? shareDefaults.maximumMessageSize;
    checkInteger(`share "${tag}": msize`, maximumMessageSize, 4096, 512_000);
    return { source: share.source, tag, mount, readOnly: share.readOnly ?? false, cache, maximumMessageSize };
  });
}

/** Throws VmError 'bad-option' where nothing would run, or nobody would know of the initial file system. */
export function checkBoot({ firmware, kernel, initrd }: Pick<VmOptions, 'firmware' | 'kernel' | 'initrd'>): void {
  if (kernel !== 'none') return;
  if (firmware === undefined) throw new VmError('bad-option', 'there is no kernel: give a firmware, or another kernel');
  if (initrd !== undefined && initrd !== 'none') {
    throw new VmError('bad-option', 'an initial file system is for a kernel: leave it out, or give a kernel');
  }
}

/** MiB to bytes. Throws VmError 'bad-option'. */
export function planMemory(memory: number = defaultMemory): number {
  checkInteger('memory (in MiB)', memory, minimumMemory, maximumMemory);
  return memory * 1024 * 1024;
}

/**
 * MiB of memory to bytes of WebAssembly; undefined: as many as the translator keeps unless told otherwise. Throws VmError
 * 'bad-option'.
 */
export function planJitCache(mebibytes: number | undefined): number | undefined {
  if (mebibytes === undefined) return undefined;
  checkInteger('jitCache (in MiB)', mebibytes, minimumJitCache, maximumJitCache);
  return (mebibytes * 2 ** 20) / engineWeight;
}

/** Throws VmError 'bad-option'. */
export function planTransport(transport: VirtioTransport = 'mmio'): VirtioTransport {
  if (virtioTransports.includes(transport)) return transport;
  throw new VmError('bad-option', `transport is ${transport}: it is ${virtioTransports.join(' or ')}`);
}

/** Throws VmError 'bad-option' where the line is too long for the kernel. */
export function planCommandLine(append: string | undefined): string {
  const line = append === undefined || append === '' ? builtInCommandLine : `${builtInCommandLine} ${append}`;
  const length = new TextEncoder().encode(line).length;
  if (length > maximumCommandLine || line.includes('\0')) {
    throw new VmError(
      'bad-option',
      `the kernel command line would have ${length} bytes, and Linux keeps ${maximumCommandLine}: append less`,
    );
  }
  return line;
}

function checkInteger(what: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new VmError('bad-option', `${what} is ${value}: it must be a whole number from ${minimum} to ${maximum}`);
  }
}
