/** A promise of the devices that was broken. The first words say which: shrinking a case must not end at another one. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly what: string;

  constructor(what: string, details = '') {
    super(details === '' ? what : `${what}: ${details}`);
    this.what = what;
  }
}

/** What a case ended in, as a violation: anything that was thrown and is none is a mistake of ours as well. */
export function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Violation(`an exception, ${text.split('\n')[0]}`, text);
}
