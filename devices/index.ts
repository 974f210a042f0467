// The devices as a library: a virtio-9p device with its 9P2000.L server, and a virtio-blk device, for any machine that has
// memory and an interrupt line.
export { Errno, type ErrnoName } from './9p/errno.ts';
export { endOfLocks, fileType, noId, openFlags, renameFlags, xattrFlags } from './9p/backend.ts';
export type {
  AttributeChanges,
  Attributes,
  Awaitable,
  Backend,
  ByteLock,
  Caller,
  EmitEntry,
  FilesystemStatistics,
  Node,
  OpenFile,
  OutsideChange,
  OutsideLocks,
} from './9p/backend.ts';
export { HiddenNames, type HiddenNamesOptions } from './9p/hidden-names.ts';
export { HidingBackend } from './9p/hiding.ts';
export { MemoryBackend, type MemoryBackendOptions } from './9p/memory.ts';
export { defaultMaximumMessageSize, minimumMessageSize, Server, type ServerOptions } from './9p/server.ts';
export { lockType } from './9p/messages.ts';
export { formatP9Event, type P9Event, type Statistics } from './9p/trace.ts';
export { DiskError, sectorSize, type Disk } from './disk/disk.ts';
export { MemoryDisk } from './disk/memory.ts';
export { GuestFault } from './guest-fault.ts';
export { GuestMemory, type GuestMemoryLayout, type WrittenListener } from './guest-memory.ts';
export { PciHost, type PciHostOptions, type PciWindow } from './pci-host.ts';
export { configRegister, pciCommand, pciStatus } from './pci/configuration.ts';
export type { PciBar, PciFunction } from './pci/function.ts';
export type { Bytes, Clock, IrqLine, Log, MmioRegion } from './ports.ts';
export { Virtio9p, type NinePExchange, type NinePServer, type Virtio9pOptions } from './virtio/9p.ts';
export { blockFeature, blockRequest, blockStatus, VirtioBlock, type VirtioBlockOptions } from './virtio/block.ts';
export { deviceStatus, feature, VirtioDevice, type DeviceType, type VirtioDeviceOptions } from './virtio/device.ts';
export type { DescriptorRecord, VirtioEvent, VirtioListener } from './virtio/events.ts';
export { mmioInterrupt, mmioRegister, VirtioMmio } from './virtio/mmio.ts';
export { commonRegister, pciCapability, pciInterrupt } from './virtio/pci-layout.ts';
export { VirtioPci, type VirtioPciOptions, type VirtioPciState } from './virtio/pci.ts';
