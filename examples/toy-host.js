// The virtio-9p device in a machine of a few lines: its RAM is a plain ArrayBuffer, there is no worker, and this program is
// both the host and the guest's driver. It sends one Tversion through the ring, and prints what comes back.
// node examples/toy-host.js
import {
  deviceStatus,
  feature,
  GuestMemory,
  MemoryBackend,
  mmioRegister,
  Server,
  Virtio9p,
  VirtioMmio,
} from 'vm9/devices';

// The host: RAM at 0x80000000, a device with a store in memory behind it, an interrupt line.
const base = 0x8000_0000;
const ram = new ArrayBuffer(0x1_0000);
let raise;
const interrupt = new Promise((resolve) => (raise = resolve));
const device = new Virtio9p({
  memory: new GuestMemory({ buffer: ram, byteOffset: 0, length: ram.byteLength, base }),
  tag: 'toy',
  server: new Server({ backend: new MemoryBackend({ now: () => BigInt(Date.now()) * 1_000_000n }) }),
  log: (line) => console.error(line),
  now: () => performance.now(),
  onFatal: (error) => {
    throw error;
  },
});
const registers = new VirtioMmio(device, { set: (asserted) => asserted && raise() });

// The guest's driver, VIRTIO 1.3 §3.1.1: what a machine's stores to the device's registers come to.
const write = (register, value) => registers.write(register, 4, value);
write(mmioRegister.status, deviceStatus.acknowledge | deviceStatus.driver);
write(mmioRegister.driverFeaturesSel, 1);
write(mmioRegister.driverFeatures, Number(feature.version1 >> 32n));
write(mmioRegister.status, deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk);
const [descriptors, available, used] = [base, base + 0x1000, base + 0x2000];
write(mmioRegister.queueSel, 0);
write(mmioRegister.queueSize, 8);
write(mmioRegister.queueDescLow, descriptors);
write(mmioRegister.queueDriverLow, available);
write(mmioRegister.queueDeviceLow, used);
write(mmioRegister.queueReady, 1);
const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;
write(mmioRegister.status, acknowledge | driver | featuresOk | driverOk);

// A request: size[4] Tversion tag[2] msize[4] version[s], and room for the reply, as two descriptors (§2.7.5).
const guest = new DataView(ram);
const [request, reply, room] = [base + 0x3000, base + 0x4000, 64];
const version = new TextEncoder().encode('9P2000.L');
const length = 4 + 1 + 2 + 4 + 2 + version.length;
const at = request - base;
guest.setUint32(at, length, true);
guest.setUint8(at + 4, 100);
guest.setUint16(at + 5, 0xffff, true);
guest.setUint32(at + 7, 8192, true);
guest.setUint16(at + 11, version.length, true);
new Uint8Array(ram).set(version, at + 13);
const describe = (index, address, bytes, flags, next) => {
  const descriptor = descriptors - base + 16 * index;
  guest.setBigUint64(descriptor, BigInt(address), true);
  guest.setUint32(descriptor + 8, bytes, true);
  guest.setUint16(descriptor + 12, flags, true);
  guest.setUint16(descriptor + 14, next, true);
};
describe(0, request, length, 1, 1); // VIRTQ_DESC_F_NEXT
describe(1, reply, room, 2, 0); // VIRTQ_DESC_F_WRITE
guest.setUint16(available - base + 4, 0, true); // ring[0]: the chain that starts at descriptor 0
guest.setUint16(available - base + 2, 1, true); // idx
write(mmioRegister.queueNotify, 0);

// What needs no waiting is answered before the store to QueueNotify returns; Tversion waits until older requests are gone.
await interrupt;
const answer = reply - base;
console.log({
  used: guest.getUint16(used - base + 2, true),
  type: guest.getUint8(answer + 4),
  msize: guest.getUint32(answer + 7, true),
  version: new TextDecoder().decode(new Uint8Array(ram, answer + 13, guest.getUint16(answer + 11, true))),
});
