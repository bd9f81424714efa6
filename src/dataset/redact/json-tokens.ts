/** A string or a number of a JSON text. */
export interface JsonToken {
  /** The string, or the number as it is written. */
  value: string;
  /** Name of the field that it is the value of; `''` in lists, and for names. */
  name: string;
}

const pieces = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]/gs;

/** Whether a text is an object or a list of JSON as a whole. */
export function isJson(text: string): boolean {
  if (!/^\s*(?:\{[\s\S]*\}|\[[\s\S]*\])\s*$/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Rewrites strings, names and numbers of a JSON text, and leaves every other byte as it is: long numbers, the order of the
 * fields and white space too. What is changed becomes a string.
 */
export function mapJson(text: string, change: (token: JsonToken) => string): string {
  let name = '';
  return text.replace(pieces, (piece) => {
    if (/^[{}[\],:]$/.test(piece)) {
      if (piece !== ':') name = '';
      return piece;
    }
    const value = piece.startsWith('"') ? (JSON.parse(piece) as string) : piece;
    const changed = change({ value, name });
    name = value;
    return changed === value ? piece : JSON.stringify(changed);
  });
}
