/** Parses JSON that a person wrote. What is wrong with it, a predicate, is told by its place alone: a key may stand in the text. */
export function parseJsonText(text: string): { value: unknown } | { fault: string } {
  const clean = text.replace(/^\uFEFF/, '');
  try {
    return { value: JSON.parse(clean) as unknown };
  } catch {
    const before = clean.slice(0, wrongAt(clean)).split('\n');
    return { fault: `is not valid JSON (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})` };
  }
}

/**
 * Where a text stops being the beginning of JSON. The parser does not always say where, so that it is asked about beginnings
 * of the text until the shortest is found that it refuses for another reason than its end.
 */
function wrongAt(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (isBeginning(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const position = /at position (\d+)/.exec(said)?.[1];
    return /Unexpected end|Unterminated/.test(said) || Number(position) === text.length;
  }
}
