// What a client can know of its fids from the replies alone: a server that has other fids has lost or kept one.
import { formats } from '../../devices/9p/messages.ts';
import type { MessageName } from '../../devices/9p/messages.ts';
import { qidType } from '../../devices/9p/wire.ts';
import type { AnyBody, Qid } from '../../devices/9p/wire.ts';

/** What a fid stands for, as far as replies tell. */
export const fidKinds = ['none', 'folder', 'file', 'link', 'open folder', 'open file', 'reads an attribute'] as const;
export type FidKind = (typeof fidKinds)[number] | 'sets an attribute';

function kindOf({ type }: Qid): FidKind {
  return type === qidType.folder ? 'folder' : type === qidType.link ? 'link' : 'file';
}

export class FidModel {
  readonly fids = new Map<number, FidKind>();
  /** Whether a Tversion was accepted. */
  hasSession = false;

  kind(fid: number): FidKind {
    return this.fids.get(fid) ?? 'none';
  }

  /** The device was reset. */
  clear(): void {
    this.fids.clear();
    this.hasSession = false;
  }

  /**
   * A message that the server could decode was answered: by its own reply, whose body is `reply`, or by an error
   * (undefined). `refused` errors came before the message was looked at.
   */
  answered(name: MessageName, body: AnyBody, reply: AnyBody | undefined, refused: boolean): void {
    if (refused) return;
    if (name === 'Tversion') {
      this.clear();
      this.hasSession = reply !== undefined && Buffer.from(reply['version'] as Uint8Array).toString() !== 'unknown';
      return;
    }
    if (!this.hasSession) return;
    // clunk(5), remove(5): gone whatever the reply.
    if (name === 'Tclunk' || name === 'Tremove') this.fids.delete(body['fid'] as number);
    if (reply !== undefined) this.#succeeded(name, body, reply);
  }

  #succeeded(name: MessageName, body: AnyBody, reply: AnyBody): void {
    const { fid, newfid } = body as { readonly fid: number; readonly newfid: number };
    switch (name) {
      case 'Tattach':
        this.fids.set(fid, 'folder');
        break;
      case 'Twalk': {
        const names = body['names'] as readonly Uint8Array[];
        const qids = reply['qids'] as readonly Qid[];
        const last = qids.at(-1);
        // A walk that got stuck makes nothing.
        if (qids.length < names.length) break;
        this.fids.set(newfid, last === undefined ? closed(this.kind(fid)) : kindOf(last));
        break;
      }
      case 'Tlopen':
        this.fids.set(fid, this.kind(fid) === 'folder' ? 'open folder' : 'open file');
        break;
      case 'Tlcreate':
        this.fids.set(fid, 'open file');
        break;
      case 'Txattrwalk':
        this.fids.set(newfid, 'reads an attribute');
        break;
      case 'Txattrcreate':
        this.fids.set(fid, 'sets an attribute');
        break;
    }
  }
}

function closed(kind: FidKind): FidKind {
  return kind === 'open folder' ? 'folder' : kind === 'open file' ? 'file' : kind;
}

/** The fields of each message that are fids, by its table. */
export const fidFields: ReadonlyMap<MessageName, readonly string[]> = new Map(
  Object.values(formats).map((format) => [
    format.name,
    format.fields.map(({ name }) => name).filter((name) => name.endsWith('fid') && name !== 'afid'),
  ]),
);
