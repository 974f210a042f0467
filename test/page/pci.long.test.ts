// The page's machine with its devices on a PCI bus, whose code is fetched when it is asked for.
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('transport=pci in the address: the folder is there, and again after a reboot of the guest', async () => {
  const linux = await LinuxPage.boot(`${await serve(site())}?store=memory&memory=128&transport=pci`);
  expect(await linux.run('cd /sys/bus/pci/devices && cat */device; cd')).toBe('0x0008\n0x1043\n0x1044\n0x1049');
  await linux.run('cd /mnt/* && echo kept > file');
  await linux.row('file').waitFor();
  await linux.page.keyboard.type('reboot\n');
  await linux.page.waitForSelector('.status.booting');
  await linux.prompt();
  expect(await linux.run('cat /mnt/*/file')).toBe('kept');
});
