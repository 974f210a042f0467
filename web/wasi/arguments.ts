/** Splits a line into arguments at spaces; quotes keep spaces, and a backslash keeps the character behind it. */
export function splitArguments(line: string): string[] {
  const words = line.match(/(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+/g) ?? [];
  return words.map((word) =>
    word.replace(/\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_all, escaped?: string, double?: string, single?: string) =>
      double === undefined ? (escaped ?? single ?? '') : double.replace(/\\(.)/g, '$1'),
    ),
  );
}
