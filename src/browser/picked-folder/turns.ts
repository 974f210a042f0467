// One after another: who comes while another is at it waits.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `action` when all that came before have ended, however they did. */
  take<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
