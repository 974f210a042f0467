// What the thread with the API handle and the thread with the machine tell each other.
import type { P9Event } from '../devices/9p/trace.ts';
import type { Bytes } from '../devices/ports.ts';
import type { VirtioEvent } from '../devices/virtio/events.ts';
import type { HartFeatures } from './cpu/riscv/features.ts';
import type { TranslationEvent, TranslatorStatistics } from './cpu/riscv/translator.ts';
import type { VmErrorCode } from './errors.ts';
import type { ProfileSample } from './profile-samples.ts';
import type { TransferablePort } from './port.ts';
import type { Drive } from './vm-drives.ts';
import type { SavedSection, Section } from './snapshot/container.ts';
import type { MachineShape } from './snapshot/shape.ts';
import type { ShareSource } from './vm-options.ts';

/** The byte streams of a machine: the 16550, the console hvc0, and the guest agent's port. */
export type StreamName = 'uart' | 'console' | 'agent';

export interface ShareSetup {
  readonly tag: string;
  readonly readOnly: boolean;
  /** As the server's. */
  readonly writeBack?: boolean;
  readonly maximumMessageSize: number;
  readonly source: ShareSource;
}

/** What runs guest code: the interpreter alone, or with it a translator for what is hot. */
export type CpuEngine = 'interpreter' | 'translator';

/** How the guest reaches its virtio devices: registers in memory, or PCI functions. */
export type VirtioTransport = 'mmio' | 'pci';

/** What is booted. It is needed once in each life of a guest, and too large to be kept for the next. */
export interface BootImage {
  /** Runs in M-mode; without it the machine is the kernel's firmware. */
  readonly firmware?: Bytes;
  /** Missing only where there is a firmware. */
  readonly kernel?: Bytes;
  readonly initrd?: Bytes;
}

/** What a machine is made of, besides the worker's shares; everything in it can be posted. */
export interface MachineSetup {
  readonly memoryBytes: number;
  readonly sharedMemory: boolean;
  readonly clock: 'host' | 'icount';
  readonly cpu: CpuEngine;
  readonly features: HartFeatures;
  /** Bytes of WebAssembly that are kept of translated code; undefined: the translator's default. */
  readonly jitCacheBytes?: number | undefined;
  readonly transport: VirtioTransport;
  /** What is booted; absent where the machine is resumed: asked for if the guest restarts. */
  readonly image?: BootImage;
  /** The sections of a snapshot to go on from, which are as they were written, and what the machine has to be for it. */
  readonly resume?: readonly SavedSection[];
  readonly shape?: MachineShape;
  /** The snapshot is this program's own: what is in it for the program alone can be followed without looking. */
  readonly resumeIsWhole?: boolean;
  /** What to have as memory, where that is shared: its RAM is being filled from the snapshot, until `filled` follows. */
  readonly memory?: WebAssembly.Memory;
  /** The module of a hart of these options, made while this thread was starting. */
  readonly interpreter?: Uint8Array<ArrayBuffer>;
  /** The guest boots without the shares; `plug` brings them. */
  readonly sharesLater?: boolean;
  readonly commandLine: string;
  readonly noReboot: boolean;
  readonly console?: { readonly columns: number; readonly rows: number };
  /** The types of events that are wanted. */
  readonly trace: readonly MachineEvent['type'][];
}

/** A setup, and what it has of its own: buffers that go to the worker, which would else keep copies of them. */
export interface PreparedMachine {
  readonly setup: MachineSetup;
  readonly transfer: readonly ArrayBuffer[];
}

/** The ways a machine comes to its end. */
export type VmExit =
  /** The guest switched itself off. */
  | { readonly reason: 'power-off' }
  /** The guest restarted, and `noReboot` was given. */
  | { readonly reason: 'reboot' }
  /** The kernel panicked; `lines` are what it printed about it. */
  | { readonly reason: 'panic'; readonly lines: readonly string[] }
  /** The processor is caught in a loop of traps. */
  | { readonly reason: 'stuck'; readonly registers: string }
  /** The guest wrote a failure code to the test finisher. */
  | { readonly reason: 'finisher'; readonly code: number }
  /** `stop` or `dispose` was called. */
  | { readonly reason: 'stopped' };

export interface MachineStatistics {
  /** Instructions the guest has retired. */
  readonly instructions: number;
  /** Seconds in the processor loop, and seconds waiting in it for something to do. */
  readonly busySeconds: number;
  readonly idleSeconds: number;
  /** Millions of instructions per busy second. */
  readonly mips: number;
  /** How often the guest's page tables were walked, because a translation cache did not have the page. */
  readonly tlbMisses: number;
  /** Of the guest's present life; absent where the interpreter runs everything. */
  readonly translator?: TranslatorStatistics;
  readonly p9: ShareTraffic;
  /** `p9` by the tag of the share. */
  readonly shares: Readonly<Record<string, ShareTraffic>>;
}

/** What a guest has asked of a share: messages, and their bytes. */
export interface ShareTraffic {
  readonly requests: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What a worker is given to own, and what it shares with the thread that started it. */
export interface WorkerSetup {
  /** Opened when a machine or a client first needs them, closed with the worker. */
  readonly shares: readonly ShareSetup[];
  /** Opened when a machine first needs them, closed with the worker. */
  readonly drives: readonly Drive[];
  /** One element, see Host.doorbell. */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  /** One element: a count of the events that were received; not shared where `traced` messages tell it. */
  readonly traceAcknowledged: Int32Array<ArrayBufferLike>;
}

export type ToWorker =
  /** First of all messages. */
  | { readonly type: 'open'; readonly setup: WorkerSetup }
  /** Makes a machine and runs it. One at a time: the next after `exit`, `refused` or `failed`. */
  | { readonly type: 'start'; readonly setup: MachineSetup }
  /** Serves a share to a client at the other end of `port`, which is transferred (share-protocol.ts). */
  | {
      readonly type: 'attach';
      readonly tag: string;
      /** For `detach`. */
      readonly id?: number;
      readonly port: TransferablePort;
      /** The client may change nothing, whatever the share allows. */
      readonly readOnly?: boolean;
      /** Where replies go, for a client that blocks its thread (reply-slot.ts). */
      readonly replies?: SharedArrayBuffer;
    }
  /** Ends what an `attach` began: its client is gone, perhaps without a word. */
  | { readonly type: 'detach'; readonly id: number }
  /** Where the owner of a share of another VM listens: `port` is transferred, `doorbell` is rung after each message. */
  | {
      readonly type: 'connect';
      readonly tag: string;
      readonly port: TransferablePort;
      readonly doorbell: Int32Array<ArrayBufferLike>;
    }
  /** There is no way to the owner of that share. */
  | { readonly type: 'unreachable'; readonly tag: string; readonly message: string }
  /** The owner of that share is gone. */
  | { readonly type: 'disconnect'; readonly tag: string }
  /** Closes the shares, when no machine runs; `closed` follows. */
  | { readonly type: 'close' }
  /** For the agent with the number of the port's opening that they are meant for: a later one is another agent's. */
  | { readonly type: 'bytes'; readonly stream: StreamName; readonly bytes: Bytes; readonly opening?: number }
  | { readonly type: 'credit'; readonly stream: StreamName; readonly count: number }
  /** The answer to `image`. Without an image there is none any more: the machine has to end. */
  | { readonly type: 'image'; readonly image: BootImage | undefined }
  /** The host's end of the agent's port is closed. */
  | { readonly type: 'close-agent' }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'statistics'; readonly id: number }
  /** The types of events that are wanted from now on. */
  | { readonly type: 'trace'; readonly types: readonly MachineEvent['type'][] }
  /** So many more events have been received. */
  | { readonly type: 'traced'; readonly count: number }
  /** Restarts the machine, as by its button; `reset` follows, or the machine's end. */
  | { readonly type: 'reset' }
  /**
   * Takes a snapshot; `saved` follows, or the machine's end. With `stop` nothing of the guest runs after it, and the machine ends.
   * `packed`: small rather than quick to read.
   */
  | { readonly type: 'save'; readonly stop: boolean; readonly packed: boolean }
  /** RAM is as it was in the snapshot, and the code of these pages is decoded (`decodeAhead`); with `error` it can not be. */
  | { readonly type: 'filled'; readonly decoded: Int32Array<ArrayBuffer> | undefined }
  | { readonly type: 'filled'; readonly error: { readonly code: VmErrorCode; readonly message: string } }
  /** Plugs in the shares that were to come later, if they are not. */
  | { readonly type: 'plug' }
  /** Ends the machine, if it runs; `exit` follows. */
  | { readonly type: 'stop' };

/** What a worker tells of itself, whatever machine it runs. */
export type FromWorkerThread =
  /** The shares are closed; with `error` when one of them could not be. Nothing follows. */
  { readonly type: 'closed'; readonly error?: { readonly message: string; readonly stack: string } };

export type FromWorker =
  | FromWorkerThread
  /** The shares are open and the machine is about to run. */
  | { readonly type: 'started' }
  /** The setup cannot be used: an option, an image, or a share. No machine runs. */
  | { readonly type: 'refused'; readonly code: 'bad-option' | 'bad-file'; readonly message: string }
  | { readonly type: 'bytes'; readonly stream: StreamName; readonly bytes: Bytes }
  | { readonly type: 'credit'; readonly stream: StreamName; readonly count: number }
  /** The guest restarts: its image is wanted again. */
  | { readonly type: 'image' }
  /** The first output of the guest, on whichever console. */
  | { readonly type: 'kernel' }
  /** The guest's driver has opened, or closed, its end of a port; openings are counted from 1. */
  | { readonly type: 'port'; readonly stream: 'console' | 'agent'; readonly open: boolean; readonly opening: number }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'events'; readonly events: readonly MachineEvent[] }
  | { readonly type: 'statistics'; readonly id: number; readonly statistics: MachineStatistics }
  /** The sections of a snapshot: everything that came before belongs to the time before it. */
  | { readonly type: 'saved'; readonly sections: readonly Section[] }
  /** No snapshot could be taken; the machine runs on. */
  | { readonly type: 'saved'; readonly error: { readonly code: VmErrorCode; readonly message: string } }
  /** The machine has begun a new life, because it was told to. */
  | { readonly type: 'reset' }
  /** The machine has stopped. */
  | { readonly type: 'exit'; readonly exit: VmExit; readonly statistics: MachineStatistics }
  /** A defect: something was thrown that is no fault of the guest's. The shares are closed, nothing follows. */
  | { readonly type: 'failed'; readonly message: string; readonly stack: string };

/** One thing that happened in the machine, for traces: plain data. */
export type MachineEvent =
  | { readonly type: '9p'; readonly share: string; readonly event: P9Event }
  | { readonly type: 'virtio'; readonly event: VirtioEvent }
  | { readonly type: 'jit'; readonly event: TranslationEvent }
  /** Only where the host brings a sampler: in Node.js. */
  | { readonly type: 'profile'; readonly samples: readonly ProfileSample[] };
