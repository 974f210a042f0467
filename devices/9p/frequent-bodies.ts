// The bodies of the messages that a guest sends most, field by field as in their tables (messages.ts), which a test compares.
// Going through the table costs several times as much: V8 makes objects of one shape only where it sees their members by name.
import type { Body, MessageName, RequestName } from './messages.ts';
import type { Reader, Writer } from './wire.ts';

type Decoders = { readonly [T in RequestName]?: (reader: Reader) => Body<T> };
type Encoders = { readonly [M in MessageName]?: (writer: Writer, body: Body<M>) => void };

function writeNothing(): void {}

function writeQidAndUnit(writer: Writer, { qid, iounit }: Body<'Rlopen'>): void {
  writer.qid(qid);
  writer.u32(iounit);
}

function writeCount(writer: Writer, { count }: Body<'Rread'>): void {
  writer.u32(count);
}

export const decoders: Decoders = {
  Tlopen: (reader) => ({ fid: reader.u32(), flags: reader.u32() }),
  Tlcreate: (reader) => ({
    fid: reader.u32(),
    name: reader.str(),
    flags: reader.u32(),
    mode: reader.u32(),
    gid: reader.u32(),
  }),
  Tgetattr: (reader) => ({ fid: reader.u32(), requestMask: reader.u64() }),
  Treaddir: (reader) => ({ fid: reader.u32(), offset: reader.u64(), count: reader.u32() }),
  Tunlinkat: (reader) => ({ dirfid: reader.u32(), name: reader.str(), flags: reader.u32() }),
  Twalk: (reader) => ({ fid: reader.u32(), newfid: reader.u32(), names: reader.strs(16) }),
  Tread: (reader) => ({ fid: reader.u32(), offset: reader.size64(), count: reader.u32() }),
  Twrite: (reader) => ({ fid: reader.u32(), offset: reader.size64(), count: reader.u32() }),
  Tclunk: (reader) => ({ fid: reader.u32() }),
};

export const encoders: Encoders = {
  Rlopen: writeQidAndUnit,
  Rlcreate: writeQidAndUnit,
  Runlinkat: writeNothing,
  Rwalk(writer, { qids }) {
    writer.u16(qids.length);
    for (const qid of qids) writer.qid(qid);
  },
  Rread: writeCount,
  Rreaddir: writeCount,
  Rwrite: writeCount,
  Rclunk: writeNothing,
};
