import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import { type Seen, ratingIn, see, shareOn } from './scale.ts';
import { answeredItem } from './training.ts';
import type { ImportItem, ImportedFeedback } from './types.ts';

const columns = {
  question: ['prompt', 'question', 'input', 'query', 'instruction'],
  answer: ['answer', 'response', 'output', 'completion'],
  rating: ['rating', 'label'],
  score: ['score'],
  correction: ['correction', 'corrected', 'expected'],
  comment: ['comment', 'feedback'],
  system: ['system', 'system_prompt'],
  model: ['model', 'model_name'],
} as const;

type Column = keyof typeof columns;

/** Where the columns of a table stand; the first name that is there is taken. */
export type Header = Partial<Record<Column, string>>;

/** The columns that are known, whatever their case and spaces. */
export function headerOf(names: readonly string[]): Header {
  const byName = new Map(
    names.map((name) => [
      name
        .trim()
        .toLowerCase()
        .replaceAll(/[\s-]+/g, '_'),
      name,
    ]),
  );
  const header: Header = {};
  for (const [column, aliases] of Object.entries(columns) as [Column, readonly string[]][]) {
    const name = aliases.map((alias) => byName.get(alias)).find((found) => found !== undefined);
    if (name !== undefined) header[column] = name;
  }
  return header;
}

/** Whether a table has what makes an exchange. */
export function isTable({ question, answer }: Header): boolean {
  return question !== undefined && answer !== undefined;
}

/** What all rows together tell of their ratings and scores. */
export interface Judged {
  rating?: Seen;
  score?: Seen;
}

/** Looks at one row more. */
export function judge(judged: Judged, header: Header, row: JsonObject): void {
  for (const column of ['rating', 'score'] as const) {
    const value = numberIn(row[header[column] ?? '']);
    if (value !== undefined) judged[column] = see(judged[column], value);
  }
}

/**
 * A row as one exchange. Ratings that are nothing but -1, 0 and 1 are thumbs: 0 is down where no -1 is, and no thumb
 * otherwise. Any other number is a score.
 */
export function tableItem(
  row: JsonObject,
  at: string,
  { format, header, judged }: { format: string; header: Header; judged: Judged },
): ImportItem {
  const textOf = (column: Column): string => textIn(row[header[column] ?? '']);
  const system = textOf('system');
  const question = textOf('question');
  if (question === '') return { kind: 'left-out', at, reason: 'no messages' };
  const messages: WireMessage[] = [
    ...(system === '' ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: question },
  ];
  const correction = textOf('correction');
  const comment = textOf('comment').slice(0, longestComment);
  const feedback: ImportedFeedback = {
    ...ratingOf(row[header.rating ?? ''], judged.rating),
    ...scoreOf(row[header.score ?? ''], judged.score),
    ...(correction !== '' && { correction: { role: 'assistant', content: correction } }),
    ...(comment !== '' && { comment }),
  };
  const said = Object.keys(feedback).length > 0 ? feedback : undefined;
  return answeredItem(
    { at, format, model: textOf('model') },
    messages,
    { role: 'assistant', content: textOf('answer') },
    said,
  );
}

const longestComment = 10_000;

function ratingOf(value: unknown, seen: Seen | undefined): Pick<ImportedFeedback, 'rating' | 'score'> {
  const number = numberIn(value);
  if (number === undefined || !seen) {
    const rating = typeof value === 'boolean' ? (value ? 1 : -1) : ratingIn(textIn(value));
    return rating === undefined ? {} : { rating };
  }
  const thumbs = [-1, 0, 1].includes(number) && seen.lowest >= -1 && seen.highest <= 1;
  if (!thumbs) return scoreOf(value, seen);
  if (number === 0) return seen.lowest === 0 ? { rating: -1 } : {};
  return { rating: number === 1 ? 1 : -1 };
}

function scoreOf(value: unknown, seen: Seen | undefined): Pick<ImportedFeedback, 'score'> {
  const number = numberIn(value);
  const score = number === undefined || !seen ? undefined : shareOn(seen, number);
  return score === undefined ? {} : { score };
}

function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !/^\s*[+-]?\d+([.,]\d+)?\s*$/.test(value)) return undefined;
  const number = Number(value.trim().replace(',', '.'));
  return Number.isFinite(number) ? number : undefined;
}

function textIn(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (isObject(value) || typeof value !== 'string') return '';
  return value.trim() === '' ? '' : value;
}
