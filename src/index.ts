// The API that every host shares. A host's entry adds `createVm`, which knows that host's platform, and its shares.
export type { TranslationEvent, TranslatorStatistics } from './cpu/riscv/translator.ts';
export type { HartFeatures } from './cpu/riscv/features.ts';
export type { ShareActivity } from './activity-meter.ts';
export { describeSnapshot, type SnapshotDescription } from './describe-snapshot.ts';
export { VmError, type VmErrorCode } from './errors.ts';
export type { Emitter } from './emitter.ts';
export type { Exit } from './agent.ts';
export { memory } from './memory-share.ts';
export type { GuestImage, OnLoading, Platform, WorkerHandle } from './platform.ts';
export type { ErrnoName } from '../devices/9p/errno.ts';
export type { ShareChange } from './share-changes.ts';
export type {
  ShareEntry,
  ShareFileHandle,
  ShareFiles,
  ShareFileType,
  ShareOpenFlags,
  ShareStat,
} from './share-files.ts';
export type { CodePlace, ProfileSample } from './profile-samples.ts';
export type { SharePath } from './share-path.ts';
export type { BootedMachine, StartCache } from './start-cache.ts';
export { Vm, type AbortSignalLike, type ExecOptions, type SaveOptions, type ShellOptions } from './vm.ts';
export { signals, type CommandOutput, type InputSource, type SignalName, type VmCommand } from './vm-command.ts';
export type { VmConsole } from './vm-console.ts';
export { bootStages, type BootStage, type VmEvents, type VmStatistics } from './vm-events.ts';
export type { BlobLike, DriveOptions, DriveSource } from './vm-drives.ts';
export {
  builtInCommandLine,
  cacheModes,
  defaultCpuFeatures,
  defaultMemory,
  maximumShares,
  shareDefaults,
  type CacheMode,
  type RootOptions,
  type Share,
  type ShareOptions,
  type ShareSource,
  type VmOptions,
} from './vm-options.ts';
export type { WasiFolder, WasiOptions, WasiProcess } from './wasi/process.ts';
export { describeExit } from './exit-sentence.ts';
export type { OutputConsumer } from './worker-link.ts';
export type {
  CpuEngine,
  MachineEvent,
  MachineStatistics,
  ShareTraffic,
  VirtioTransport,
  VmExit,
} from './worker-protocol.ts';
