// A process that gives up being root for good: Vitest runs each test file in one of its own.

/** `prepare` is done while the process is still root. */
export function becomeNobody(prepare: (id: number) => void): void {
  if (process.getuid?.() !== 0) return;
  const nobody = 65_534;
  prepare(nobody);
  process.setgroups?.([]);
  process.setgid?.(nobody);
  process.setuid?.(nobody);
}
