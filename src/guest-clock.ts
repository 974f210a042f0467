// The guest's clock, set by the host's.
import type { Agent } from './agent.ts';
import type { Platform } from './platform.ts';

/** Milliseconds that a guest's clock may be behind, and how often it is set for that: a busy host may not do better. */
const clockError = 5;
const clockAttempts = 4;

/**
 * For a guest that was not told soon enough: it is told until that is so. Nobody waits for the answers, for what the agent is asked
 * next it does after it.
 */
export function setClockAgain(agent: Agent, platform: Platform): void {
  const tell = async (): Promise<void> => {
    for (let attempt = 1; attempt < clockAttempts; attempt++) if (await setClock(agent, platform)) return;
  };
  // A guest that is gone needs no clock.
  tell().catch(() => undefined);
}

/**
 * Linux takes whole seconds from the board's clock and adds half of one: times of the host's files would lie in its future.
 * Resolves with whether the guest was told soon enough: it is behind by the time that the word takes.
 */
export async function setClock(agent: Agent, platform: Platform): Promise<boolean> {
  const start = platform.now();
  await agent.setClock(BigInt(Date.now()) * 1_000_000n);
  return platform.now() - start < clockError;
}
