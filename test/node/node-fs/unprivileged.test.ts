// The conformance suite again as a user without privileges, whom no permission bit is spared. Vitest runs each file in a
// process of its own, so that this one may give up being root for good.
import { chownSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { backendSuite } from '../../backend-suite.ts';
import { refused } from '../../backend-suite/guest.ts';
import { becomeNobody } from './nobody.ts';
import { capabilities, hasNative, mappedCapabilities, plainCapabilities, SharedFolder } from './shared-folder.ts';

const place = mkdtempSync(join(tmpdir(), 'vm9-nobody-'));
process.env['TMPDIR'] = place;

becomeNobody((id) => chownSync(place, id, id));
afterAll(() => rmdirSync(place));

it('runs as a user who is not root', () => {
  expect(process.getuid?.()).not.toBe(0);
});

it('is told of a folder that it may not write', async () => {
  const share = new SharedFolder();
  await share.guest.mkdir('folder', 0o555);
  await refused(() => share.guest.create('folder/file'), 'EACCES');
  await refused(() => share.guest.mkdir('folder/below'), 'EACCES');
  await share.guest.change('folder', { mode: 0o755 });
  await share.guest.create('folder/file');
  await share.guest.leave();
  await share.dispose();
});

const name = 'NodeFsBackend of a user without privileges';
if (hasNative) backendSuite(`${name}, with native calls`, () => new SharedFolder(), capabilities);
backendSuite(name, () => new SharedFolder({ native: false }), plainCapabilities);
if (capabilities.xattrs)
  backendSuite(`${name}, mapped`, () => new SharedFolder({ security: { model: 'mapped' } }), mappedCapabilities);
