import type { BatchStatement, StatementText } from './protocol.ts';

// A text of a statement is sent once and named by a number afterwards.

/** Lists of ever other lengths must not fill the memory. */
const maxNumbered = 500;

/** Exchanges texts for what is sent of them. */
export function numberTexts(): (sql: string) => StatementText {
  const numbers = new Map<string, number>();
  return (sql) => {
    const known = numbers.get(sql);
    if (known !== undefined) return known;
    if (numbers.size >= maxNumbered) return sql;
    numbers.set(sql, numbers.size);
    return [numbers.size - 1, sql];
  };
}

/** Puts the texts back in, in place; it has to see all that was sent, in order. */
export function createTexts(): (statements: BatchStatement[]) => BatchStatement[] {
  const texts: string[] = [];

  function textOf(text: StatementText): string {
    if (typeof text === 'string') return text;
    if (typeof text === 'number') return texts[text] ?? '';
    const [number, sql] = text;
    texts[number] = sql;
    return sql;
  }

  return (statements) => {
    for (const statement of statements) statement[0] = textOf(statement[0]);
    return statements;
  };
}
