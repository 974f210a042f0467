// Why a store cannot be used. Told to the user, not to the guest.

export type StoreErrorCode =
  /** Written by a version of this program that this one does not know. */
  | 'newer'
  /** What is stored contradicts itself or its checksum. */
  | 'damaged'
  /** Changes could not be stored when the store was closed. */
  | 'unsaved';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
