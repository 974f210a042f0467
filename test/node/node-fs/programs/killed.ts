// A server of a folder, and a guest that changes what is in it until the process is killed: from outside, or by itself before
// one of its calls to the host. Arguments: the folder, the file that says how far it came, the security model, the seed, how
// many steps, and before which call to die (0: none).
import { closeSync, openSync, writeSync } from 'node:fs';
import { setattrBits } from '../../../../devices/9p/messages.ts';
import { Server } from '../../../../devices/9p/server.ts';
import { NodeFsBackend } from '../../../../src/node/node-fs/backend.ts';
import { host } from '../../../../src/node/node-fs/host.ts';
import { Native } from '../../../../src/node/node-fs/native.ts';
import type { SecurityModel } from '../../../../src/node/node-fs/security.ts';
import { Client, make } from '../../../devices/9p/client.ts';
import { randomSteps } from '../killed-steps.ts';
import type { Step } from '../killed-steps.ts';

type Call = (this: unknown, ...args: unknown[]) => unknown;

const [folder = '', progress = '', model = '', seed = '', steps = '', dieBefore = ''] = process.argv.slice(2);
const { Tattach, Twalk, Tlcreate, Tmkdir, Tsymlink, Twrite, Tfsync, Trenameat, Tunlinkat, Tsetattr, Tclunk } = make;

/** The root of the guest's root and of its other user, the file that is open, and one for the moment. */
const fids = { root: 0, other: 1, open: 2, moment: 3 };

function dieAtCall(number: number): void {
  let calls = 0;
  const intercept = (of: Record<string, Call>, name: string): void => {
    const original = of[name]!;
    of[name] = function counted(...args) {
      if (++calls === number) process.kill(process.pid, 'SIGKILL');
      return original.apply(this, args);
    };
  };
  for (const name of Object.keys(host)) intercept(host as unknown as Record<string, Call>, name);
  const native = Native.prototype as unknown as Record<string, Call>;
  for (const name of Object.getOwnPropertyNames(native)) if (name !== 'constructor') intercept(native, name);
}

let hasOpen = false;

async function take(client: Client, step: Step): Promise<void> {
  const setattr = async (name: string, valid: number, mode: number, id: number): Promise<void> => {
    await client.expect('Rwalk', Twalk({ fid: fids.root, newfid: fids.moment, names: [name] }));
    const owner = { uid: id, gid: id };
    await client.expect(
      'Rsetattr',
      Tsetattr({ fid: fids.moment, valid, mode, ...owner, size: 0, atime: 0n, mtime: 0n }),
    );
    await client.expect('Rclunk', Tclunk({ fid: fids.moment }));
  };
  const dfid = 'uid' in step && step.uid !== 0 ? fids.other : fids.root;
  if (step.kind === 'create') {
    if (hasOpen) await client.expect('Rclunk', Tclunk({ fid: fids.open }));
    await client.expect('Rwalk', Twalk({ fid: dfid, newfid: fids.open, names: [] }));
    const { name, mode, uid: gid } = step;
    await client.expect('Rlcreate', Tlcreate({ fid: fids.open, name, flags: 2, mode, gid }));
    hasOpen = true;
  } else if (step.kind === 'mkdir')
    await client.expect('Rmkdir', Tmkdir({ dfid, name: step.name, mode: step.mode, gid: step.uid }));
  else if (step.kind === 'symlink')
    await client.expect('Rsymlink', Tsymlink({ dfid, name: step.name, target: step.target, gid: step.uid }));
  else if (step.kind === 'write')
    await client.expect('Rwrite', Twrite({ fid: fids.open, offset: step.offset, data: step.data }));
  else if (step.kind === 'fsync') await client.expect('Rfsync', Tfsync({ fid: fids.open, datasync: 0 }));
  else if (step.kind === 'rename') {
    const names = { oldname: step.name, newname: step.to };
    await client.expect('Rrenameat', Trenameat({ olddirfid: fids.root, newdirfid: fids.root, ...names }));
  } else if (step.kind === 'unlink') {
    const flags = step.isFolder ? 0x200 : 0;
    await client.expect('Runlinkat', Tunlinkat({ dirfid: fids.root, name: step.name, flags }));
  } else if (step.kind === 'chmod') await setattr(step.name, setattrBits.mode, step.mode, 0);
  else await setattr(step.name, setattrBits.uid | setattrBits.gid, 0, step.uid);
}

const backend = NodeFsBackend.open(folder, { readOnly: false, security: { model: model as SecurityModel } });
const client = await Client.attached(new Server({ backend }));
const attach = { fid: fids.other, afid: 0xffff_ffff, uname: 'other', aname: '', uid: 1000 };
await client.expect('Rattach', Tattach(attach));
const report = openSync(progress, 'w');
writeSync(1, 'ready\n');
if (Number(dieBefore) > 0) dieAtCall(Number(dieBefore));
let left = Number(steps);
for (const [step] of randomSteps(Number(seed))) {
  if (left-- === 0) break;
  writeSync(report, 'b');
  await take(client, step);
  writeSync(report, 'd');
}
closeSync(report);
await backend.close();
