/** What stands instead of so many characters from a place on. */
export type Edit = readonly [at: number, length: number, text: string];

const placeholder = /(\[[A-Z]+_\d+\])/u;

/**
 * The edits that make one text of another which differs in placeholders only: they hold nothing of what was replaced. Null
 * where it differs in more, or where placeholders follow each other so closely that the places are not to be told.
 */
export function editsBetween(from: string, to: string): Edit[] | null {
  const [first = '', ...rest] = to.split(placeholder);
  if (!from.startsWith(first)) return null;
  const edits: Edit[] = [];
  let at = first.length;
  for (let part = 0; part < rest.length; part += 2) {
    const literal = rest[part + 1] ?? '';
    const last = part + 2 >= rest.length;
    const next = last ? from.length - literal.length : from.indexOf(literal, at + 1);
    if (next < at || (literal === '' && !last)) return null;
    edits.push([at, next - at, rest[part] ?? '']);
    at = next + literal.length;
  }
  return edited(from, edits) === to ? edits : null;
}

/** A text with edits made, which are in the order of their places. */
export function edited(text: string, edits: readonly Edit[]): string {
  let made = '';
  let from = 0;
  for (const [at, length, instead] of edits) {
    made += text.slice(from, at) + instead;
    from = at + length;
  }
  return made + text.slice(from);
}
