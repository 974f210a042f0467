// What happens on a virtio device, told as it happens: one stream for traces, statistics and inspectors.

/** One descriptor of a chain, as it was read from the guest. */
export interface DescriptorRecord {
  /** In the descriptor table, or in the indirect table that a record before it refers to. */
  readonly index: number;
  /** Guest-physical. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
  readonly kind: 'readable' | 'writable' | 'indirect';
}

/**
 * `device` is the device's name, `queue` a virtqueue index, `head` a descriptor index, `slot` the place in the available or
 * used ring, out of `size`.
 */
export type VirtioEvent =
  /** The driver wrote the status field, or the device changed it; `status` is what the driver reads from now on. */
  | { readonly type: 'status'; readonly device: string; readonly status: number }
  /** An available buffer notification arrived. */
  | { readonly type: 'notify'; readonly device: string; readonly queue: number }
  /** A descriptor chain was taken from the available ring. */
  | {
      readonly type: 'pop';
      readonly device: string;
      readonly queue: number;
      readonly slot: number;
      readonly size: number;
      readonly head: number;
      readonly descriptors: readonly DescriptorRecord[];
    }
  /** A chain was put into the used ring; `length` is the bytes written into its writable part. */
  | {
      readonly type: 'push';
      readonly device: string;
      readonly queue: number;
      readonly slot: number;
      readonly head: number;
      readonly length: number;
    }
  /** A used buffer notification for `queue` was sent. */
  | { readonly type: 'interrupt'; readonly device: string; readonly queue: number }
  /** A configuration change notification was sent. */
  | { readonly type: 'configuration'; readonly device: string }
  /** The guest broke a rule: the device needs a reset. */
  | { readonly type: 'fault'; readonly device: string; readonly message: string };

export type VirtioListener = (event: VirtioEvent) => void;
