import { expect, test } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { Fid, FidTable, maximumFids } from '../../../devices/9p/fids.ts';
import { version9P2000L } from '../../../devices/9p/messages.ts';
import { Server } from '../../../devices/9p/server.ts';
import { attachedServer, memory } from './backends.ts';
import { bytes, Client, make, Rlerror, text } from './client.ts';

const { Tversion, Rversion, Tauth, Tattach, Tgetattr, Twalk, Rwalk, Tclunk, Rclunk, Tlopen, Tflush, Rflush } = make;

const noFid = 0xffff_ffff;
const attach = { fid: 0, afid: noFid, uname: 'root', aname: '', uid: 0 };

function connect(options: { maximumMessageSize?: number } = {}): Client {
  return new Client(new Server({ backend: memory(), ...options }));
}

test('Tversion: the lesser of both message sizes is agreed', async () => {
  const client = connect();
  expect(await client.send(Tversion({ msize: 8192, version: version9P2000L }))).toEqual(
    Rversion({ msize: 8192, version: version9P2000L }),
  );
  // The value of a widespread mount line.
  expect(await client.send(Tversion({ msize: 104_857_600, version: version9P2000L }))).toEqual(
    Rversion({ msize: 512_000, version: version9P2000L }),
  );
});

test('Tversion: the option sets the largest message size', async () => {
  const client = connect({ maximumMessageSize: 65_536 });
  const { msize } = await client.expect('Rversion', Tversion({ msize: 512_000, version: version9P2000L }));
  expect(msize).toBe(65_536);
});

test('Tversion: a message size below 4,096 is EMSGSIZE', async () => {
  const client = connect();
  expect(await client.send(Tversion({ msize: 4095, version: version9P2000L }))).toEqual(Rlerror('EMSGSIZE'));
  expect(await client.send(Tversion({ msize: 4096, version: version9P2000L }))).toEqual(
    Rversion({ msize: 4096, version: version9P2000L }),
  );
});

test.each(['9P2000', '9P2000.u', '9P2000.Lx', '', 'x'.repeat(1000)])(
  'Tversion: version %j is answered "unknown" and begins no session',
  async (version) => {
    const client = connect();
    const reply = await client.expect('Rversion', Tversion({ msize: 8192, version }));
    expect(text(reply.version)).toBe('unknown');
    expect(await client.send(Tattach(attach))).toEqual(Rlerror('EPROTO'));
  },
);

test('before Tversion every other message is EPROTO, but Tflush is answered', async () => {
  const client = connect();
  expect(await client.send(Tattach(attach))).toEqual(Rlerror('EPROTO'));
  expect(await client.send(Tgetattr({ fid: 0, requestMask: 0n }))).toEqual(Rlerror('EPROTO'));
  expect(await client.send(Tflush({ oldtag: 3 }))).toEqual(Rflush({}));
});

test('Tversion: begins a new session, in which the old fids are gone', async () => {
  const { client, ledger } = await attachedServer();
  await client.send(Twalk({ fid: 0, newfid: 1, names: [] }));
  await client.send(Tlopen({ fid: 1, flags: 0 }));
  expect(ledger.held).toBe(3);
  await client.send(Tversion({ msize: 8192, version: version9P2000L }));
  expect(ledger.held).toBe(0);
  expect(await client.send(Tclunk({ fid: 0 }))).toEqual(Rlerror('EBADF'));
});

test('Tversion: a refused one ends the old session as well', async () => {
  const { client, server } = await attachedServer();
  await client.send(Tversion({ msize: 100, version: version9P2000L }));
  expect(server.fidCount).toBe(0);
});

test('a device reset ends the session: Tversion has to come again', async () => {
  const { client, server, ledger } = await attachedServer();
  server.reset();
  expect(ledger.held).toBe(0);
  expect(await client.send(Tclunk({ fid: 0 }))).toEqual(Rlerror('EPROTO'));
});

test('a message larger than agreed is EMSGSIZE', async () => {
  const { client } = await attachedServer({ msize: 4096 });
  const names = Array.from({ length: 16 }, () => 'n'.repeat(255));
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names }))).toEqual(Rlerror('EMSGSIZE'));
});

test('Tauth is EOPNOTSUPP', async () => {
  const { client } = await attachedServer();
  expect(await client.send(Tauth({ afid: 7, uname: 'root', aname: '', uid: 0 }))).toEqual(Rlerror('EOPNOTSUPP'));
});

test('Tattach: answers the qid of the root folder', async () => {
  const { client } = await attachedServer();
  const { qid } = await client.expect('Rattach', Tattach({ ...attach, fid: 5 }));
  expect(qid.type).toBe(0x80);
  const { qid: same, uid } = await client.expect('Rgetattr', Tgetattr({ fid: 5, requestMask: 0x7ffn }));
  expect(same).toEqual(qid);
  expect(uid).toBe(0);
});

test.each(['', '/', '/export', 'anything'])(
  'Tattach: aname %j leads to the root, as with other servers',
  async (aname) => {
    const { client } = await attachedServer();
    const { qid } = await client.expect('Rattach', Tattach({ ...attach, fid: 5, aname }));
    const root = await client.expect('Rgetattr', Tgetattr({ fid: 0, requestMask: 0x7ffn }));
    expect(qid).toEqual(root.qid);
  },
);

test('Tattach: a fid in use is EBADF, and stays what it was', async () => {
  const { client, ledger } = await attachedServer();
  expect(await client.send(Tattach(attach))).toEqual(Rlerror('EBADF'));
  expect(ledger.held).toBe(1);
});

test('Tattach: with an afid is EBADF, because none was given out', async () => {
  const { client } = await attachedServer();
  expect(await client.send(Tattach({ ...attach, fid: 5, afid: 4 }))).toEqual(Rlerror('EBADF'));
});

test.each([
  { attached: 1000, owner: 1000 },
  { attached: 0, owner: 0 },
  // Linux attaches so when it mounts with access=any.
  { attached: 0xffff_ffff, owner: 0 },
])('Tattach: new files of uid $attached belong to $owner', async ({ attached, owner }) => {
  const { client, gate } = await attachedServer({ uid: attached });
  gate.hold('mkdir');
  const sent = client.post(make.Tmkdir({ dfid: 0, name: 'new', mode: 0o755, gid: 7 }));
  expect(gate.only.args[3]).toEqual({ uid: owner, gid: 7 });
  await gate.releaseAll();
  expect((await sent.reply)?.name).toBe('Rmkdir');
  await client.expect('Rwalk', Twalk({ fid: 0, newfid: 1, names: ['new'] }));
  const { uid, gid } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect({ uid, gid }).toEqual({ uid: owner, gid: 7 });
});

test('Tclunk: frees the fid and what it held', async () => {
  const { client, ledger, server } = await attachedServer();
  await client.send(Twalk({ fid: 0, newfid: 1, names: [] }));
  await client.send(Tlopen({ fid: 1, flags: 0 }));
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
  expect(ledger.held).toBe(1);
  expect(server.fidCount).toBe(1);
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names: [] }))).toEqual(Rwalk({ qids: [] }));
});

test('Tclunk: the fid is gone even if closing fails', async () => {
  const { client, gate, server, ledger } = await attachedServer();
  await client.send(Twalk({ fid: 0, newfid: 1, names: [] }));
  await client.send(Tlopen({ fid: 1, flags: 0 }));
  gate.hold('release');
  const sent = client.post(Tclunk({ fid: 1 }));
  await gate.only.fail(new Errno('EIO'));
  expect(await sent.reply).toEqual(Rlerror('EIO'));
  expect(server.fidCount).toBe(1);
  // The root's fid, and the file that could not be closed.
  expect(ledger.held).toBe(2);
});

test('fids are 32 bits: the highest that is a fid works', async () => {
  const { client } = await attachedServer();
  expect(await client.send(Twalk({ fid: 0, newfid: 0xffff_fffe, names: [] }))).toEqual(Rwalk({ qids: [] }));
  expect(await client.send(Tclunk({ fid: 0xffff_fffe }))).toEqual(Rclunk({}));
});

test('uname and aname may be any bytes', async () => {
  const { client } = await attachedServer();
  const strange = Uint8Array.of(0xff, 0, 0x2f);
  await client.expect('Rattach', Tattach({ ...attach, fid: 9, uname: strange, aname: bytes('') }));
});

test('no more fids than the limit: the next is ENFILE', () => {
  const backend = memory();
  const fids = new FidTable(backend);
  const caller = { uid: 0, gid: 0 };
  const node = backend.root();
  for (let number = 0; number < maximumFids; number++) fids.add(number, new Fid(node, 0o040755, caller));
  expect(() => fids.requireFree(maximumFids)).toThrow(expect.objectContaining({ code: 'ENFILE' }));
  fids.remove(7);
  fids.requireFree(7);
});
