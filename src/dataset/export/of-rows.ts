import type { JsonObject } from '../../core/canonical.ts';
import type { DatasetRow } from '../../core/dataset.ts';
import type { Exporter, Note } from './types.ts';

/** What a row is in a format; null when it was left out, which the note was told. */
export type ConvertRow = (row: DatasetRow, note: Note) => JsonObject | null;

/** The examples of a format whose every line is a row. */
export function ofRows(convert: ConvertRow): Exporter['examples'] {
  return async function* examples(source, split, note) {
    for await (const row of source.rows(split)) {
      const example = convert(row, note);
      if (example) yield example;
    }
  };
}

/** Notes that a format cannot say which answers are context only. */
export function noteContext({ id, messages, learn }: DatasetRow, note: Note): void {
  const context = messages.some((message, index) => message.role === 'assistant' && !learn.includes(index));
  if (context) note.reduce(id, 'earlier_answers_are_learned_too');
}
