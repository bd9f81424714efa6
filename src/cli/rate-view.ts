import { type WireMessage, textOf } from '../core/message.ts';

/** What of a completion is shown to the one who rates it. */
export interface Rated {
  id: string;
  provider: string;
  model: string;
  messages: WireMessage[];
  choices: { index: number; message: WireMessage }[];
  created_at: string;
}

/** What a correction changed. */
export interface Diff {
  removed_words: number;
  added_words: number;
  parts: { kind: 'same' | 'removed' | 'added'; text: string }[];
}

/** Of an answer that comes again nobody is told so. */
const reasons = {
  contradiction: 'it contradicts another answer',
  disagreement: 'raters disagree about it',
  unrated: 'to be rated',
} as const;

/** An answer with what it answers, and why it is asked about. */
export function shown(one: Rated, answer: WireMessage, reason: keyof typeof reasons): string {
  const earlier = one.messages.length - 1;
  const before = earlier > 0 ? ` (after ${earlier} earlier messages)` : '';
  const text = textOf(answer.content) || JSON.stringify(answer.tool_calls ?? null);
  const head = `${one.created_at}  ${one.provider}/${one.model}${before}  ${reasons[reason]}`;
  return `\n${head}\n\n  ${indent(promptOf(one))}\n\n→ ${indent(text)}\n\n`;
}

/** The answer that one contradicts. */
export function shownOther(one: Rated, answer: WireMessage): string {
  const text = textOf(answer.content) || JSON.stringify(answer.tool_calls ?? null);
  return `It contradicts ${one.id}, ${one.created_at}  ${one.provider}/${one.model}\n\n↔ ${indent(text)}\n\n`;
}

/** A correction in its answer, as wdiff marks it: `[-left out-]` and `{+put in+}`. */
export function shownDiff({ parts, removed_words: removed, added_words: added }: Diff): string {
  const marked = { same: ['', ''], removed: ['[-', '-]'], added: ['{+', '+}'] } as const;
  const text = parts.map(({ kind, text }) => marked[kind].join(text)).join('');
  return `\n≠ ${indent(text)}\n\n  ${removed} words left out, ${added} put in.\n`;
}

/** What was asked last. */
export function promptOf({ messages }: Rated): string {
  const asked = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1);
  return textOf(asked?.content);
}

/** A text on one short line. */
export function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length > 80 ? `${flat.slice(0, 79)}…` : flat;
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n  ');
}
