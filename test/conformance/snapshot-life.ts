// A life of the guest of snapshot.test.ts: from its boot or a snapshot to the next one or its end. As a program,
// `snapshot-life.ts JOB RESULT`, it lives one in a process of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { SnapshotFile } from '../../src/snapshot/container.ts';
import type { CpuEngine, VirtioTransport } from '../../src/worker-protocol.ts';
import { runCounted, type CountedResult } from '../cpu/counted-machine.ts';
import { PortableMemory, type PortableTree } from '../cpu/portable-memory.ts';

/** What is the same in each of its lives. */
export interface Guest {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly cache: 'none' | 'mmap';
  readonly cpu: CpuEngine;
  readonly transport: VirtioTransport;
}

export interface Moments {
  readonly resume?: Uint8Array | undefined;
  readonly saveAt?: number | undefined;
}

export interface Job {
  readonly guest: Guest;
  readonly moments: Moments;
  readonly tree: PortableTree;
}

export interface JobResult {
  readonly result: CountedResult;
  readonly tree: PortableTree;
}

export function live(
  { kernel, initrd, cache, cpu, transport }: Guest,
  { resume, saveAt }: Moments,
  files: PortableMemory,
): Promise<CountedResult> {
  return runCounted({
    kernel,
    initrd,
    // So little that pages have to be given back, whose accessed bits are looked at for that.
    memoryBytes: 48 << 20,
    commandLine: 'console=ttyS0 quiet',
    cpu,
    transport,
    // One of the two guests goes on with what was decoded, as from the cache of booted machines.
    warm: cpu === 'translator',
    shares: ['host', 'also'].map((tag) => ({
      tag,
      readOnly: false,
      writeBack: cache === 'mmap',
      maximumMessageSize: 512_000,
      files,
    })),
    accept: hasNames,
    ...(resume !== undefined && { resume }),
    ...(saveAt !== undefined && { saveAt }),
  });
}

/** Whether all files that the guest has open have a name. One without is not there any more when the guest goes on. */
function hasNames(snapshot: Uint8Array): boolean {
  const shares = new SnapshotFile(snapshot).plain('shares') as readonly {
    readonly session: { readonly fids: readonly { readonly path: number }[] };
  }[];
  return shares.every(({ session }) => session.fids.every(({ path }) => path !== -1));
}

const [, , job, result] = process.argv;
if (process.env['VM9_SNAPSHOT_LIFE'] !== undefined && job !== undefined && result !== undefined) {
  const { guest, moments, tree } = deserialize(readFileSync(job)) as Job;
  const files = PortableMemory.of(tree);
  const lived = await live(guest, moments, files);
  const given: JobResult = { result: lived, tree: files.portable };
  writeFileSync(result, serialize(given));
}
