// How much translated code is kept: apart from the translator, which few pages need.

/** WebAssembly of all modules in bytes, beyond which the oldest go. */
export const defaultMaximumBytes = 16 * 2 ** 20;
/**
 * Bytes of memory that an engine takes for each of them, at most: two tiers of machine code, tables, and what waits for its
 * collector. With V8 eight to fourteen were measured, the most with a compiler's code.
 */
export const engineWeight = 16;
