// The virtio-9p device on the PCI bus of another emulator: the bus here is a few lines, and knows one function. This program
// is both the host and the guest's driver, which finds the device as a driver does, and sends one Tversion through the ring.
// node examples/toy-pci-host.js
import {
  commonRegister,
  configRegister,
  deviceStatus,
  feature,
  GuestMemory,
  MemoryBackend,
  pciCapability,
  pciCommand,
  Server,
  Virtio9p,
  VirtioPci,
} from 'vm9/devices';

// The host: RAM at 1 MiB, a device with a store in memory behind it, INTA# of its function.
const base = 0x10_0000;
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
const pci = new VirtioPci(device, { set: (asserted) => asserted && raise() }, { barBits: 32 });

// What is no RAM: the host looks for a BAR at that address, which the guest may move at any time.
const barAt = (address) =>
  pci.bars.find((bar) => bar.base !== undefined && address >= bar.base && address < bar.base + bar.size);
const read = (address, size) => {
  const bar = barAt(address);
  return bar === undefined ? 2 ** (8 * size) - 1 : bar.read(address - bar.base, size);
};
const write = (address, size, value) => {
  const bar = barAt(address);
  bar?.write(address - bar.base, size, value);
};

// The guest's driver, VIRTIO 1.3 §4.1: it places the BAR, lets the function use memory, and looks for the structures.
const place = 0xe000_0000;
pci.writeConfig(configRegister.bar0, 4, place);
pci.writeConfig(configRegister.command, 2, pciCommand.memorySpace | pciCommand.busMaster);
const structures = new Map();
for (let at = pci.readConfig(configRegister.capabilities, 1); at !== 0; at = pci.readConfig(at + 1, 1)) {
  structures.set(pci.readConfig(at + 3, 1), place + pci.readConfig(at + 8, 4));
}
const common = structures.get(pciCapability.common);
const set = (register, size, value) => write(common + commonRegister[register], size, value);

// §3.1.1
const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;
set('deviceStatus', 1, acknowledge | driver);
set('driverFeatureSelect', 4, 1);
set('driverFeature', 4, Number(feature.version1 >> 32n));
set('deviceStatus', 1, acknowledge | driver | featuresOk);
const [descriptors, available, used] = [base, base + 0x1000, base + 0x2000];
set('queueSelect', 2, 0);
set('queueSize', 2, 8);
set('queueDescLow', 4, descriptors);
set('queueDriverLow', 4, available);
set('queueDeviceLow', 4, used);
set('queueEnable', 2, 1);
set('deviceStatus', 1, acknowledge | driver | featuresOk | driverOk);

// A request: size[4] Tversion tag[2] msize[4] version[s], and room for the reply, as two descriptors (§2.7.5).
const guest = new DataView(ram);
const [request, reply, room] = [base + 0x3000, base + 0x4000, 64];
const message = [21, 0, 0, 0, 100, 0xff, 0xff, 0, 0x20, 0, 0, 8, 0, ...new TextEncoder().encode('9P2000.L')];
new Uint8Array(ram).set(message, request - base);
const describe = (index, address, bytes, flags, next) => {
  const descriptor = descriptors - base + 16 * index;
  guest.setBigUint64(descriptor, BigInt(address), true);
  guest.setUint32(descriptor + 8, bytes, true);
  guest.setUint16(descriptor + 12, flags, true);
  guest.setUint16(descriptor + 14, next, true);
};
describe(0, request, message.length, 1, 1); // VIRTQ_DESC_F_NEXT
describe(1, reply, room, 2, 0); // VIRTQ_DESC_F_WRITE
guest.setUint16(available - base + 2, 1, true); // idx: the ring's first entry, the chain that starts at descriptor 0
write(structures.get(pciCapability.notify), 2, 0);

await interrupt;
const answer = reply - base;
console.log({
  cause: read(structures.get(pciCapability.isr), 1),
  used: guest.getUint16(used - base + 2, true),
  type: guest.getUint8(answer + 4),
  msize: guest.getUint32(answer + 7, true),
  version: new TextDecoder().decode(new Uint8Array(ram, answer + 13, guest.getUint16(answer + 11, true))),
});
