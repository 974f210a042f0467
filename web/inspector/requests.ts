// One record for each 9P request: the message and its reply, the path it is about, and its way through the virtqueue.
import type { MachineEvent } from 'vm9';
import { FidPaths } from './fid-paths.ts';

export type P9Event = Extract<MachineEvent, { readonly type: '9p' }>['event'];
export type VirtioEvent = Extract<MachineEvent, { readonly type: 'virtio' }>['event'];
type Pop = Extract<VirtioEvent, { readonly type: 'pop' }>;

/** A descriptor chain, from the available ring to the used ring. */
export interface ChainRecord {
  /** Where the available ring named `head`, out of `size` slots. */
  readonly slot: number;
  readonly size: number;
  readonly head: number;
  readonly descriptors: Pop['descriptors'];
  /** Whether a notification announced it; the device also finds chains by itself while it is at work. */
  readonly notified: boolean;
  /** Where the used ring gave it back, and with how many written bytes; undefined until then. */
  used: { readonly slot: number; readonly length: number } | undefined;
  /** Whether an interrupt told the driver of it. */
  interrupted: boolean;
}

export interface RequestRecord {
  /** Counted from 1. */
  readonly id: number;
  /** Milliseconds, on the clock that the caller of `take` uses, when the reply became known. */
  readonly time: number;
  readonly share: string;
  readonly event: P9Event;
  /** The path that the request is about, in the share. */
  readonly path: string;
  readonly chain: ChainRecord | undefined;
}

interface DeviceState {
  readonly outstanding: Map<number, ChainRecord>;
  /** Given back since the last interrupt. */
  returned: ChainRecord[];
  notified: boolean;
}

/** Follows the events of a machine in the order in which they come. */
export class RequestTracker {
  readonly #devices = new Map<string, DeviceState>();
  readonly #paths = new Map<string, FidPaths>();
  #lastId = 0;

  /** Returns the record of a request that this event completes. */
  take(event: MachineEvent, time: number): RequestRecord | undefined {
    if (event.type === 'virtio') {
      this.#follow(event.event);
      return undefined;
    }
    if (event.type !== '9p') return undefined;
    const { share, event: message } = event;
    return {
      id: ++this.#lastId,
      time,
      share,
      event: message,
      path: this.#pathsOf(share).follow(message),
      chain: message.head === undefined ? undefined : this.#device(`virtio-9p ${share}`).outstanding.get(message.head),
    };
  }

  /** There were events that were not told of: what could have changed in that time is not known any more. */
  interrupt(): void {
    this.#devices.clear();
    for (const paths of this.#paths.values()) paths.keepRoots();
  }

  #follow(event: VirtioEvent): void {
    const device = this.#device(event.device);
    switch (event.type) {
      case 'notify':
        device.notified = true;
        break;
      case 'pop': {
        const { slot, size, head, descriptors } = event;
        const { notified } = device;
        device.notified = false;
        device.outstanding.set(head, { slot, size, head, descriptors, notified, used: undefined, interrupted: false });
        break;
      }
      case 'push': {
        const chain = device.outstanding.get(event.head);
        if (chain === undefined) break;
        chain.used = { slot: event.slot, length: event.length };
        device.outstanding.delete(event.head);
        device.returned.push(chain);
        break;
      }
      case 'interrupt':
        for (const chain of device.returned) chain.interrupted = true;
        device.returned = [];
        break;
      default: // status, configuration and faults are not about one chain
    }
  }

  #device(name: string): DeviceState {
    let device = this.#devices.get(name);
    if (device === undefined) {
      device = { outstanding: new Map(), returned: [], notified: false };
      this.#devices.set(name, device);
    }
    return device;
  }

  #pathsOf(share: string): FidPaths {
    let paths = this.#paths.get(share);
    if (paths === undefined) this.#paths.set(share, (paths = new FidPaths()));
    return paths;
  }
}
