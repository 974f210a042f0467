// CPU and devices share RAM and nothing else: what a device writes over code must be what runs next.
import { expect, test } from 'vitest';
import { openFlags } from '../../devices/9p/backend.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Server } from '../../devices/9p/server.ts';
import { Virtio9p } from '../../devices/virtio/9p.ts';
import { Hart } from '../../src/cpu/riscv/hart.ts';
import { ramOffset, memoryPages } from '../../src/cpu/riscv/layout.ts';
import { decode, encode, make } from '../devices/9p/client.ts';
import type { Message } from '../devices/9p/client.ts';
import { Driver, GuestRam, IrqProbe, ramBase } from '../driver.ts';
import type { DriverQueue } from '../driver.ts';
import { plug } from '../transports.ts';

const { Tversion, Tattach, Twalk, Tlopen, Tread } = make;

const ramBytes = 1 << 20;
const a0 = 10;
const a1 = 11;
/** addi a0, a0, amount · ret */
const adding = (amount: number): Uint32Array<ArrayBuffer> => Uint32Array.of((amount << 20) | 0x50513, 0x8067);
/** jalr ra, 0(a1) · fence.i · jalr ra, 0(a1) · fence.i · jalr ra, 0(a1) */
const caller = Uint32Array.of(0x580e7, 0x100f, 0x580e7, 0x100f, 0x580e7);
const callLength = 3;

function machine(shared: boolean) {
  const pages = memoryPages(ramBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  const ram = new GuestRam({ length: ramBytes, over: { buffer: memory.buffer, byteOffset: ramOffset } });
  const hart = new Hart({
    id: 0,
    memory,
    shared,
    ram: { base: ramBase, bytes: ramBytes },
    bus: { low: 0, high: 0, load: () => false, store: () => false },
    ticks: () => 0,
  });
  ram.memory.onWritten((address, length) => hart.written(address, length));
  return { hart, ram };
}

/** A share with one file, mounted by a driver as Linux's would be, the file open as fid 1. */
async function shareWith(
  ram: GuestRam,
  content: Uint8Array<ArrayBuffer>,
): Promise<{ driver: Driver; queue: DriverQueue }> {
  const backend = new MemoryBackend({ now: () => 0n });
  const name = new TextEncoder().encode('code');
  const { file } = backend.create(backend.root(), name, openFlags.readWrite, 0o644, { uid: 0, gid: 0 });
  backend.write(file, 0, [content]);
  const device = new Virtio9p({
    memory: ram.memory,
    log: (line) => {
      throw new Error(line);
    },
    now: () => 0,
    tag: 'host',
    server: new Server({ backend }),
    onFatal: (error) => {
      throw error;
    },
  });
  const driver = new Driver(plug(device, new IrqProbe()).registers, ram);
  const queue = driver.start({ size: 16 })[0]!;
  const send = async (message: Message): Promise<void> => {
    const request = encode(message, 1);
    const reply = { address: ram.allocate(256), length: 256, writable: true };
    queue.add([{ address: ram.place(request), length: request.length }, reply]);
    queue.kick();
    // Tversion is answered when all that it cancels has ended.
    await new Promise(setImmediate);
    const length = queue.takeUsed()?.length ?? 0;
    expect(decode(ram.view(reply.address, length).slice()).name).toBe(message.name.replace('T', 'R'));
  };
  await send(Tversion({ msize: 65_536, version: '9P2000.L' }));
  await send(Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
  await send(Twalk({ fid: 0, newfid: 1, names: ['code'] }));
  await send(Tlopen({ fid: 1, flags: openFlags.readOnly }));
  return { driver, queue };
}

/** Reads `count` bytes of the file at `offset` to a guest address, as the zero-copy path does: header apart from data. */
function readTo(driver: Driver, queue: DriverQueue, address: number, offset: number, count: number): void {
  const request = encode(Tread({ fid: 1, offset, count }), 1);
  queue.add([
    { address: driver.ram.place(request), length: request.length },
    { address: driver.ram.allocate(11), length: 11, writable: true },
    { address, length: count, writable: true },
  ]);
  queue.kick();
  expect(queue.takeUsed()?.length).toBe(11 + count);
}

test.each([true, false])(
  'code that a 9P read has overwritten runs after fence.i (shared memory: %s)',
  async (shared) => {
    const { hart, ram } = machine(shared);
    const files = new Uint8Array(16);
    files.set(new Uint8Array(adding(100).buffer), 0);
    files.set(new Uint8Array(adding(1000).buffer), 8);
    const { driver, queue } = await shareWith(ram, files);
    const code = ram.allocate(4096, 4096);
    const main = ram.allocate(4096, 4096);
    ram.view(code, 8).set(new Uint8Array(adding(1).buffer));
    ram.view(main, 20).set(new Uint8Array(caller.buffer));
    hart.registers.setX(a1, BigInt(code));
    hart.registers.setPc(BigInt(main));

    expect(hart.run(callLength)).toBe('budget');
    expect(hart.registers.x(a0)).toBe(1n);

    readTo(driver, queue, code, 0, 8);
    hart.run(1 + callLength);
    expect(hart.registers.x(a0)).toBe(101n);

    // Once more: a page that was data for a moment is code again.
    readTo(driver, queue, code, 8, 8);
    hart.run(1 + callLength);
    expect(hart.registers.x(a0)).toBe(1101n);
  },
);
