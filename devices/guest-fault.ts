/**
 * The guest broke a rule of the device's specification, so that the device can not go on: the device sets
 * DEVICE_NEEDS_RESET and logs the message. Never the host's or our own mistake.
 */
export class GuestFault extends Error {
  override readonly name = 'GuestFault';
  /** The numbers behind the message (descriptor index, address …) for logs and tests. */
  readonly details: Readonly<Record<string, number | bigint | string>>;

  constructor(message: string, details: Readonly<Record<string, number | bigint | string>> = {}) {
    const facts = Object.entries(details).map(([name, value]) => `${name} ${value}`);
    super(facts.length === 0 ? message : `${message} (${facts.join(', ')})`);
    this.details = details;
  }
}
