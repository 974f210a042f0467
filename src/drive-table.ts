// The drives that a worker owns: opened when a machine first needs them, closed with the worker.
import type { Drive } from './vm-drives.ts';
import type { MachineDrive } from './worker-machine.ts';

export class DriveTable {
  readonly #drives: readonly Drive[];
  readonly #openDrive: (drive: Drive) => Promise<MachineDrive>;
  #open: readonly MachineDrive[] | undefined;

  constructor(drives: readonly Drive[], openDrive: (drive: Drive) => Promise<MachineDrive>) {
    this.#drives = drives;
    this.#openDrive = openDrive;
  }

  /** All drives, for a machine. Throws VmError 'bad-file' where one cannot be opened; then none is. */
  async openAll(): Promise<readonly MachineDrive[]> {
    if (this.#open !== undefined) return this.#open;
    const open: MachineDrive[] = [];
    try {
      for (const drive of this.#drives) open.push(await this.#openDrive(drive));
    } catch (error) {
      await closeAll(open);
      throw error;
    }
    this.#open = open;
    return open;
  }

  /** Flushes and closes. Rejects with the first error after all have been tried. */
  async close(): Promise<void> {
    const open = this.#open ?? [];
    this.#open = undefined;
    await closeAll(open);
  }
}

async function closeAll(open: readonly MachineDrive[]): Promise<void> {
  const failure = (await Promise.allSettled(open.map(async (drive) => drive.close()))).find(
    ({ status }) => status === 'rejected',
  );
  if (failure?.status === 'rejected') throw failure.reason;
}
