// Every message that is answered on its own. Tversion and Tflush act on other requests, and are the server's.
import type { RequestName } from '../messages.ts';
import type { Handlers } from '../request.ts';
import { attributeHandlers } from './attributes.ts';
import { fileHandlers } from './file.ts';
import { folderHandlers } from './folder.ts';
import { lockHandlers } from './lock.ts';
import { sessionHandlers } from './session.ts';
import { walkHandlers } from './walk.ts';
import { xattrHandlers } from './xattr.ts';

export const handlers: Handlers<Exclude<RequestName, 'Tversion' | 'Tflush'>> = {
  ...sessionHandlers,
  ...walkHandlers,
  ...fileHandlers,
  ...folderHandlers,
  ...lockHandlers,
  ...attributeHandlers,
  ...xattrHandlers,
};

/** What a read-only share answers; the rest is EROFS. Tlopen and Tremove look for themselves. */
export const answeredReadOnly: ReadonlySet<RequestName> = new Set<RequestName>([
  'Tversion',
  'Tauth',
  'Tattach',
  'Tflush',
  'Twalk',
  'Tlopen',
  'Tread',
  'Treaddir',
  'Tclunk',
  'Tremove',
  'Tgetattr',
  'Tstatfs',
  'Treadlink',
  'Txattrwalk',
  'Tfsync',
  'Tlock',
  'Tgetlock',
]);
