// VIRTIO 1.3, §4.1: how a virtio device shows itself as a PCI function: identity, capabilities, and registers.
import type { PciBarLayout, PciCapability, PciIdentity } from '../pci/configuration.ts';
import type { VirtioDevice } from './device.ts';

/** §4.1.4: values of cfg_type. */
export const pciCapability = { common: 1, notify: 2, isr: 3, device: 4, pciAccess: 5 } as const;

/** §4.1.4.3: offsets in the common configuration. Addresses are of 64 bits, accessed in halves. */
export const commonRegister = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  configMsixVector: 0x10,
  numQueues: 0x12,
  deviceStatus: 0x14,
  configGeneration: 0x15,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueMsixVector: 0x1a,
  queueEnable: 0x1c,
  queueNotifyOff: 0x1e,
  queueDescLow: 0x20,
  queueDescHigh: 0x24,
  queueDriverLow: 0x28,
  queueDriverHigh: 0x2c,
  queueDeviceLow: 0x30,
  queueDeviceHigh: 0x34,
  queueNotifConfigData: 0x38,
  queueReset: 0x3a,
} as const;

/** Bytes of it. The registers of the administration virtqueue would follow, which is not offered. */
export const commonLength = 0x3c;

/** §4.1.5.1.2: the vector of what no MSI-X vector is mapped to. */
export const noVector = 0xffff;

/** §4.1.4.5: bits of the ISR status. */
export const pciInterrupt = { queue: 1, configuration: 2 } as const;

/** Where the structures are in the BAR, a page for each, so that a guest can map them apart. */
export const structure = { common: 0x0000, isr: 0x1000, device: 0x2000, notify: 0x3000 } as const;
export const structureSize = 0x1000;
export const barSize = 0x4000;

/** §4.1.4.4: bytes from one queue's notification address to the next one's; 4, as NOTIFICATION_DATA needs. */
export const notifyMultiplier = 4;

/** §4.1.2: PCI vendor of every virtio device; its device ID is the type's and this. */
const vendor = 0x1af4;
const deviceIdBase = 0x1040;
/** §4.1.2.1: what tells a device without legacy interface. */
const revision = 1;
/** Capability ID of vendors (PCI 3.0, appendix H). */
const vendorSpecific = 9;
/** Class codes of device types that have one; drivers of virtio go by the device ID. */
const classCodes: Readonly<Record<number, number>> = { 1: 0x02_0000, 2: 0x01_0000, 3: 0x07_8000 };
const otherClass = 0xff_0000;

export function identityOf({ id }: VirtioDevice): PciIdentity {
  return {
    vendor,
    device: deviceIdBase + id,
    revision,
    classCode: classCodes[id] ?? otherClass,
    subsystemVendor: vendor,
    subsystem: deviceIdBase + id,
    interruptPin: 1,
  };
}

/** Offsets from the start of the capability by which configuration space reaches into the BAR (§4.1.4.9). */
export const pciAccess = { bar: 4, offset: 8, length: 12, data: 16 } as const;

/** The capability of type pciAccess comes first, so that it is found without looking. */
export function capabilitiesOf(device: VirtioDevice, bar: PciBarLayout): PciCapability[] {
  const capability = (
    type: number,
    offset: number,
    length: number,
    more: { readonly extra?: number; readonly writableFrom?: number } = {},
  ): PciCapability => {
    const { extra, writableFrom } = more;
    // struct virtio_pci_cap without its first two bytes: cap_len, cfg_type, bar, id, padding[2], le32 offset, le32 length.
    const body = new DataView(new ArrayBuffer(extra === undefined ? 14 : 18));
    body.setUint8(0, body.byteLength + 2);
    body.setUint8(1, type);
    body.setUint8(2, bar.index);
    body.setUint32(6, offset, true);
    body.setUint32(10, length, true);
    if (extra !== undefined) body.setUint32(14, extra, true);
    return {
      id: vendorSpecific,
      body: new Uint8Array(body.buffer),
      ...(writableFrom !== undefined && { writableFrom }),
    };
  };
  const { common, isr, device: deviceOffset, notify } = structure;
  const deviceLength = device.configurationLength;
  return [
    capability(pciCapability.pciAccess, 0, 0, { extra: 0, writableFrom: 2 }),
    capability(pciCapability.common, common, commonLength),
    capability(pciCapability.isr, isr, 1),
    // §4.1.4.6: for a type that has a configuration space.
    ...(deviceLength > 0 ? [capability(pciCapability.device, deviceOffset, deviceLength)] : []),
    capability(pciCapability.notify, notify, notifyMultiplier * device.queues.length, { extra: notifyMultiplier }),
  ];
}
