// What V8 can do in Node.js 20 but does not without being told.
import { setFlagsFromString } from 'node:v8';

const flags = ['experimental-wasm-relaxed-simd', 'experimental-wasm-branch-hinting'] as const;

/** Other versions do not know the names, and say so on standard error. */
const isMeant = process.versions.v8.startsWith('11.3.');

/**
 * Relaxed SIMD, which V8 has had on since 11.4, for a fused multiply-add; branch hints, on since 13.7, so that calls which
 * are seldom made do not cost the code around them its registers. For the whole process, and modules made from then on. Never before
 * a thread begins: V8 takes no code that was compiled under other flags, as that of Node.js itself was, and the thread 25 ms more.
 */
export function enableNewerWebAssembly(): void {
  if (isMeant) for (const flag of flags) setFlagsFromString(`--${flag}`);
}

/** Code that is kept from here on is for a process that begins, and has no such flags yet. */
export function disableNewerWebAssembly(): void {
  if (isMeant) for (const flag of flags) setFlagsFromString(`--no-${flag}`);
}
