// What drives a VM can be made with, and what becomes of them in its worker.
import { describe, expect, test } from 'vitest';
import { DriveTable } from '../../src/drive-table.ts';
import { planDrives } from '../../src/vm-drives.ts';
import type { Drive, DriveOptions } from '../../src/vm-drives.ts';
import type { MachineDrive } from '../../src/worker-machine.ts';

const file = (name: string): { kind: string; key: string; name: string } => ({
  kind: 'file',
  key: `/at/${name}`,
  name,
});
const blob = new Blob([new Uint8Array(512)]);

describe('a plan', () => {
  test('has defaults: writable, no overlay, and the source’s name as serial number', () => {
    const bytes = new Uint8Array(512);
    expect(
      planDrives([{ source: file('root.img') }, { source: bytes }, { source: file('b'), serial: 'data' }], 0),
    ).toEqual([
      { source: file('root.img'), readOnly: false, overlay: undefined, serial: 'root.img' },
      { source: { kind: 'memory', bytes }, readOnly: false, overlay: undefined, serial: 'drive1' },
      { source: file('b'), readOnly: false, overlay: undefined, serial: 'data' },
    ]);
  });

  test('takes a Blob that is not written to', () => {
    const [one, other] = planDrives(
      [
        { source: blob, readOnly: true },
        { source: blob, overlay: file('cow') },
      ],
      0,
    );
    expect([one!.source, other!.source]).toEqual([
      { kind: 'blob', blob },
      { kind: 'blob', blob },
    ]);
    expect(() => planDrives([{ source: blob }], 0)).toThrow('drive 0: a Blob cannot be written');
  });

  test('has room for what shares leave of the slots', () => {
    const drives = Array.from({ length: 6 }, (_, at) => ({ source: file(`${at}`) }));
    expect(planDrives(drives, 0)).toHaveLength(6);
    expect(planDrives(drives.slice(0, 4), 2)).toHaveLength(4);
    expect(() => planDrives(drives.slice(0, 5), 2)).toThrow(
      '5 drives beside 2 shares, but the machine has slots for 4: leave some out',
    );
    expect(() => planDrives([...drives, ...drives], 0)).toThrow('12 drives, but the machine has slots for 6');
  });

  const [one, two, cow] = [file('one'), file('two'), file('cow')];
  test.each<[string, readonly DriveOptions[]]>([
    ['two drives that write to one file', [{ source: one }, { source: one }]],
    ['one that writes, one that reads', [{ source: one }, { source: one, readOnly: true }]],
    ['one that writes, one with an overlay', [{ source: one, overlay: cow }, { source: one }]],
    [
      'one overlay of two',
      [
        { source: one, overlay: cow },
        { source: two, overlay: cow },
      ],
    ],
    ['a file that is its own overlay', [{ source: one, overlay: one }]],
    [
      'an overlay that is another’s image',
      [
        { source: one, overlay: cow },
        { source: cow, readOnly: true },
      ],
    ],
  ])('refuses %s', (_, drives) => {
    expect(() => planDrives(drives, 0)).toThrow(/\/at\/(one|cow) is used twice by the drives, and written to/);
  });

  test.each<[string, readonly DriveOptions[]]>([
    [
      'two drives that read one file',
      [
        { source: one, readOnly: true },
        { source: one, overlay: cow },
      ],
    ],
    ['files of one name in different places', [{ source: one }, { source: { ...one, kind: 'other' } }]],
    [
      'an overlay that two only read',
      [
        { source: one, overlay: cow, readOnly: true },
        { source: one, overlay: cow, readOnly: true },
      ],
    ],
  ])('takes %s', (_, drives) => {
    expect(planDrives(drives, 0)).toHaveLength(2);
  });
});

describe('the drives of a worker', () => {
  const drives = planDrives([{ source: file('one') }, { source: file('two') }], 0);
  class Disks {
    readonly log: string[] = [];
    fails: string | undefined;

    open = async ({ serial }: Drive): Promise<MachineDrive> => {
      if (serial === this.fails) throw new Error(`no ${serial}`);
      this.log.push(`open ${serial}`);
      return {
        name: serial,
        identify: () => Promise.reject(new Error('no snapshot is taken')),
        makeDevice: () => {
          throw new Error('no machine is made');
        },
        close: () => {
          this.log.push(`close ${serial}`);
          if (`close ${serial}` === this.fails) throw new Error(`cannot close ${serial}`);
        },
      };
    };
  }

  test('are opened once, in their order, and closed together', async () => {
    const disks = new Disks();
    const table = new DriveTable(drives, disks.open);
    expect(await table.openAll()).toBe(await table.openAll());
    await table.close();
    await table.close();
    expect(disks.log).toEqual(['open one', 'open two', 'close one', 'close two']);
  });

  test('one that cannot be opened leaves none open', async () => {
    const disks = new Disks();
    disks.fails = 'two';
    const table = new DriveTable(drives, disks.open);
    await expect(table.openAll()).rejects.toThrow('no two');
    expect(disks.log).toEqual(['open one', 'close one']);
    disks.fails = undefined;
    expect(await table.openAll()).toHaveLength(2);
  });

  test('one that cannot be closed is told, and the others are closed', async () => {
    const disks = new Disks();
    disks.fails = 'close one';
    const table = new DriveTable(drives, disks.open);
    await table.openAll();
    await expect(table.close()).rejects.toThrow('cannot close one');
    expect(disks.log.slice(2)).toEqual(['close one', 'close two']);
  });
});
