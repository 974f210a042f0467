// A device for tests of what all virtio devices share: it copies the readable part of each chain to the writable part, at
// once or when the test says so.
import type { GuestMemory } from '../../../devices/guest-memory.ts';
import type { Chain } from '../../../devices/virtio/chain.ts';
import { VirtioDevice } from '../../../devices/virtio/device.ts';
import type { VirtioEvent } from '../../../devices/virtio/events.ts';
import type { Queue } from '../../../devices/virtio/queue.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plug } from '../../transports.ts';
import type { Plugged } from '../../transports.ts';

export interface EchoOptions {
  readonly memory: GuestMemory;
  readonly log: (line: string) => void;
  readonly now?: () => number;
  readonly onEvent?: (event: VirtioEvent) => void;
  readonly queueSizes?: readonly number[];
}

export const echoDeviceId = 42;

export class EchoDevice extends VirtioDevice {
  /** Whether chains are kept in `held` instead of being answered. */
  hold = false;
  readonly held: { readonly queue: Queue; readonly chain: Chain }[] = [];
  stops = 0;
  /** Called for each chain when it is taken. */
  onChain: (chain: Chain) => void = () => undefined;
  /** Answers a chain and returns the used length. */
  work = (chain: Chain): number => chain.write(chain.read(2 ** 32));

  constructor({ memory, log, now = () => 0, onEvent, queueSizes = [16] }: EchoOptions) {
    super(
      { memory, log, now, onEvent },
      { name: 'echo', id: echoDeviceId, features: 1n, queueSizes, configuration: new Uint8Array([1, 2, 3, 4, 5]) },
    );
  }

  /** Answers a chain that was held. */
  answer({ queue, chain }: { readonly queue: Queue; readonly chain: Chain }): void {
    this.complete(queue, chain, this.work(chain));
  }

  setConfiguration(offset: number, bytes: Uint8Array): void {
    this.changeConfiguration(offset, bytes);
  }

  protected override serve(queue: Queue): void {
    do {
      const chain = queue.pop();
      if (chain === undefined) return;
      this.onChain(chain);
      if (this.hold) this.held.push({ queue, chain });
      else queue.push(chain, this.work(chain));
    } while (!this.timeIsUp(queue));
  }

  protected override onStop(): void {
    this.stops += 1;
  }
}

/** An echo device in its transport, its driver, and what both have said. */
export function echoBench(
  options: Partial<EchoOptions> & { readonly shared?: boolean; readonly ram?: GuestRam } = {},
): {
  readonly ram: GuestRam;
  readonly device: EchoDevice;
  readonly plugged: Plugged;
  readonly irq: IrqProbe;
  readonly driver: Driver;
  readonly log: string[];
} {
  const ram = options.ram ?? new GuestRam({ shared: options.shared ?? true });
  const log: string[] = [];
  const device = new EchoDevice({ memory: ram.memory, log: (line) => log.push(line), ...options });
  const irq = new IrqProbe();
  const plugged = plug(device, irq);
  return { ram, device, plugged, irq, driver: new Driver(plugged.registers, ram), log };
}
