// What V8 can do in Node.js 20 but does not without being told.
import { setFlagsFromString } from 'node:v8';

/**
 * Relaxed SIMD, which V8 has had on since 11.4, for a fused multiply-add; branch hints, on since 13.7, so that calls which
 * are seldom made do not cost the code around them its registers. For the whole process, and modules made from then on.
 * Other versions do not know the names, and say so on standard error.
 */
export function enableNewerWebAssembly(): void {
  if (!process.versions.v8.startsWith('11.3.')) return;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  setFlagsFromString('--experimental-wasm-branch-hinting');
}
