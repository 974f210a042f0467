// Whole messages in memory of their own, for whoever is at the client's end of a connection.
import type { Bytes } from '../ports.ts';
import { formatByType, formats, headerLength } from './messages.ts';
import type { MessageName } from './messages.ts';
import { Reader, Writer } from './wire.ts';
import type { AnyBody } from './wire.ts';

const nothing = new Uint8Array(0);

/** A message; `payload` are the bytes that its body counts. */
export function encodeMessage(
  name: MessageName,
  tag: number,
  body: AnyBody,
  payload: Bytes = nothing,
): Uint8Array<ArrayBuffer> {
  const { type, fields } = formats[name];
  const writer = new Writer();
  writer.begin(type, tag);
  writer.body(fields, body);
  const message = new Uint8Array(writer.end(payload.length));
  message.set(writer.bytes.subarray(0, writer.length));
  message.set(payload, writer.length);
  return message;
}

export interface DecodedMessage {
  readonly tag: number;
  readonly name: MessageName;
  readonly body: AnyBody;
  /** A view of the message's own bytes; undefined where its kind has none. */
  readonly payload: Bytes | undefined;
}

/** Throws Error for what is not one whole message, and Errno EINVAL for one whose fields do not fill it. */
export function decodeMessage(message: Bytes): DecodedMessage {
  if (message.length < headerLength) throw new Error(`a message of ${message.length} bytes`);
  const reader = new Reader(message);
  reader.seek(0, message.length);
  const size = reader.u32();
  const type = reader.u8();
  const tag = reader.u16();
  const format = formatByType[type];
  if (size !== message.length) throw new Error(`size field ${size} in a message of ${message.length} bytes`);
  if (format === undefined) throw new Error(`a message of the unknown type ${type}`);
  const { name, fields, minimumLength, hasPayload } = format;
  const payload = hasPayload ? message.subarray(minimumLength) : undefined;
  reader.seek(headerLength, hasPayload ? minimumLength : size);
  return { tag, name, body: reader.body(fields, payload?.length ?? 0), payload };
}
