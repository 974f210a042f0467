// The inspector's state: what it has recorded, what of that is shown, and when the machine has to trace for it.
import { effect, signal } from '@preact/signals';
import type { MachineEvent, Vm } from 'vm9';
import { Meter } from './meter.ts';
import { RequestLog, everything, type Filter } from './request-log.ts';
import { RequestTracker, type RequestRecord } from './requests.ts';
import type { Session } from '../machine/session.ts';

export class Inspector {
  readonly open = signal(false);
  /** Requests are added to the list; while this is false they are only counted. */
  readonly recording = signal(true);
  /** Requests that came while nothing was recorded. */
  readonly missed = signal(0);
  readonly selected = signal<RequestRecord | undefined>(undefined);
  readonly filter = signal<Filter>(everything);
  /** Changes with every frame in which something else of this object has changed. */
  readonly frame = signal(0);
  readonly meter = new Meter();
  readonly log = new RequestLog();
  /** Milliseconds on the page's clock that the list counts from. */
  origin = 0;
  /**
   * The fids that stay as long as the share is mounted are not known yet. Linux attaches once to mount, and once more for
   * the first program that uses the share: the shell. Until then 9P is traced in any case; these are few messages.
   */
  readonly #learning = signal(true);
  readonly #session: Session;
  #tracker = new RequestTracker();
  #frameAsked = false;

  constructor(session: Session) {
    this.#session = session;
    let forget: () => void = () => undefined;
    effect(() => {
      const vm = session.vm.value;
      forget();
      forget = vm === undefined ? () => undefined : this.#follow(vm);
    });
    effect(() => {
      const vm = session.vm.value;
      if (this.open.value) vm?.setTrace(['9p', 'virtio']);
      else if (this.#learning.value) vm?.setTrace(['9p']);
      else {
        vm?.setTrace([]);
        this.#tracker.interrupt();
      }
    });
    effect(() => {
      this.log.filter = this.filter.value;
      this.#askFrame();
    });
  }

  clear(): void {
    this.log.clear();
    this.missed.value = 0;
    this.selected.value = undefined;
    this.#askFrame();
  }

  #follow(vm: Vm): () => void {
    this.#tracker = new RequestTracker();
    // One that goes on has mounted its folders long ago: what their fids are called is known in its guest alone.
    this.#learning.value = !this.#session.resumed.peek();
    const forgetTrace = vm.on('trace', (event) => this.#take(event));
    const forgetActivity = vm.on('activity', (activity) => {
      this.meter.add(activity, performance.now());
      this.#askFrame();
    });
    return () => {
      forgetTrace();
      forgetActivity();
    };
  }

  #take(event: MachineEvent): void {
    const now = performance.now();
    const record = this.#tracker.take(event, now);
    if (record?.event.type === 'Tattach' && this.#session.state.peek().phase === 'running')
      this.#learning.value = false;
    if (record === undefined || !this.open.peek()) return;
    if (!this.recording.peek()) {
      this.missed.value += 1;
      return;
    }
    if (this.log.length === 0) this.origin = now;
    this.log.add(record);
    this.#askFrame();
  }

  /** However many events come, the page draws once a frame. */
  #askFrame(): void {
    if (this.#frameAsked) return;
    this.#frameAsked = true;
    requestAnimationFrame(() => {
      this.#frameAsked = false;
      this.frame.value += 1;
    });
  }
}
