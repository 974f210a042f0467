// The guest of the suite in a page of Chromium: the stores of the browser, and a folder that its user has picked.
import { openSite } from '../bench/chromium-site.ts';
import { PosixGuest } from './guest.ts';
import type { Backend, Outcome } from './machine.ts';

export const backendsInChromium = ['tmpfs', 'opfs', 'indexeddb', 'picked-folder'] as const satisfies readonly Backend[];

export async function startInChromium(): Promise<PosixGuest> {
  const site = await openSite('posix-guest', () => undefined);
  const page = await site.openPage();
  const shared = backendsInChromium.filter((backend) => backend !== 'tmpfs');
  await page.evaluate(`startPosixGuest(${JSON.stringify(shared)})`);
  const machine = {
    run: (line: string, stdin?: Uint8Array): Promise<Outcome> => {
      const input = stdin === undefined ? undefined : Buffer.from(stdin).toString('base64');
      return page.evaluate(`runInPosixGuest(${JSON.stringify({ line, input })})`);
    },
    dispose: () => site.close(),
  };
  return PosixGuest.prepare(machine, backendsInChromium);
}
