interface Answer {
  completion: string;
  choice: number;
}

interface Entry extends Answer {
  signal?: 'corrected' | 'approved';
  /** The answer that this one is better than. */
  over?: Answer;
  feedback: string[];
}

/** What every collection has had since the first, and what later ones have beside it. */
export interface ListedEntries {
  examples: Entry[];
  rejected?: Entry[];
  preferred?: Entry[];
}

/** What a collection lists for one row. */
export interface Listed {
  signal: 'corrected' | 'approved' | null;
  /** Ids of the completions that the feedback is on. */
  completions: string[];
  /** Ids of the feedback events that the row rests on. */
  feedback: string[];
}

/** Every entry of a collection with the id of its row: `<completion>.<choice>`, and `<one>><other>` for a preference. */
export function* entriesOf({ examples, rejected = [], preferred = [] }: ListedEntries): Generator<[string, Entry]> {
  for (const entry of [...examples, ...rejected]) yield [nameOf(entry), entry];
  for (const entry of preferred) yield [entry.over ? `${nameOf(entry)}>${nameOf(entry.over)}` : nameOf(entry), entry];
}

/** What a collection lists for a row; nothing when it does not list it. */
export function listedIn(collection: ListedEntries, rowId: string): Listed {
  for (const [id, { completion, over, signal = null, feedback }] of entriesOf(collection)) {
    if (id === rowId) return { signal, completions: [completion, ...(over ? [over.completion] : [])], feedback };
  }
  return { signal: null, completions: [], feedback: [] };
}

function nameOf({ completion, choice }: Answer): string {
  return `${completion}.${choice}`;
}
