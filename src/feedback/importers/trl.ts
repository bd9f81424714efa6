import { type JsonObject, canonicalJson } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import { sftItems } from './openai-sft.ts';
import { jsonRows } from './rows.ts';
import { type TrainingRow, answeredItem, preferenceItems } from './training.ts';
import { spokenIn, toolsIn } from './training-messages.ts';
import type { ImportItem, Importer } from './types.ts';

/**
 * The datasets of TRL's trainers: `{"messages"}` or `{"prompt", "completion"}`, preferences `{"prompt", "chosen", "rejected"}`, and
 * with a label for KTO. Prompts and answers are texts or messages.
 */
export const trl: Importer = {
  format: 'trl',
  title: 'TRL',
  description: 'datasets of messages, of prompt and completion with or without a label, of prompt, chosen and rejected',
  recognises: ({ first }) => first !== null && isTrlRow(first),
  read: (source) => jsonRows(source, (row, at) => trlItems(row, at, 'trl')),
};

/** Whether a row is one that only TRL writes so. */
export function isTrlRow(row: JsonObject): boolean {
  if ('instruction' in row || 'conversations' in row) return false;
  return (
    ('chosen' in row && 'rejected' in row) ||
    ('prompt' in row && 'completion' in row) ||
    ('messages' in row && 'label' in row)
  );
}

/** A row of any of its kinds. InvalidInput with the fault. */
export function trlItems(row: JsonObject, at: string, format: string): ImportItem[] {
  const { messages, prompt, chosen, rejected, completion, tools, model } = row;
  const training: TrainingRow = { at, format, request: toolsIn(tools), model };
  if (chosen !== undefined && rejected !== undefined) {
    return preferred(training, prompt, [
      spokenIn(chosen, 'assistant', 'chosen'),
      spokenIn(rejected, 'assistant', 'rejected'),
    ]);
  }
  const rating = ratingOf(row.label);
  if (rating === null) return [{ kind: 'left-out', at, reason: 'no label', detail: '"label" must be true or false.' }];
  if (completion !== undefined) {
    const asked = spokenIn(prompt, 'user', 'prompt');
    return lastAnswer(training, [...asked, ...spokenIn(completion, 'assistant', 'completion')], rating ?? 1);
  }
  if (messages === undefined) return [{ kind: 'left-out', at, reason: 'no messages' }];
  return rating === undefined
    ? sftItems(row, at, format)
    : lastAnswer(training, spokenIn(messages, 'user', 'messages'), rating);
}

/** What a label says; null for one that says nothing that is known, undefined without one. */
function ratingOf(label: unknown): 1 | -1 | null | undefined {
  if (label === undefined || label === null) return undefined;
  if (label === true || label === 1) return 1;
  return label === false || label === 0 ? -1 : null;
}

/** A label, and an approval of a completion, is of the last answer alone: what stands before it is the prompt. */
function lastAnswer(row: TrainingRow, messages: readonly WireMessage[], rating: 1 | -1): ImportItem[] {
  const answer = messages.at(-1);
  if (answer?.role !== 'assistant') return [{ kind: 'left-out', at: row.at, reason: 'no answer' }];
  return [answeredItem(row, messages.slice(0, -1), answer, { rating })];
}

/** Without a prompt, or where the answers repeat it, it is what both begin with. */
function preferred(
  row: TrainingRow,
  prompt: unknown,
  [chosen, rejected]: [WireMessage[], WireMessage[]],
): ImportItem[] {
  const whole = chosen[0]?.role !== 'assistant' || rejected[0]?.role !== 'assistant';
  const given = prompt === undefined || prompt === null ? [] : spokenIn(prompt, 'user', 'prompt');
  const shared = whole || given.length === 0 ? sharedLength(chosen, rejected) : 0;
  const asked = shared > 0 ? [...instructionsIn(given, chosen), ...chosen.slice(0, shared)] : given;
  const [better, worse] = [chosen.slice(shared), rejected.slice(shared)];
  const [[best], [other]] = [better, worse];
  if (!best || !other) return [{ kind: 'left-out', at: row.at, reason: 'no answer' }];
  if (better.length > 1 || worse.length > 1)
    return [{ kind: 'left-out', at: row.at, reason: 'answers of several messages' }];
  return preferenceItems(row, asked, [best, other]);
}

/** Instructions that stand in the prompt only. */
function instructionsIn(given: readonly WireMessage[], chosen: readonly WireMessage[]): WireMessage[] {
  return chosen[0]?.role === 'system' ? [] : given.filter(({ role }) => role === 'system');
}

/** How many messages both begin with; the last of each is its answer. */
function sharedLength(one: readonly WireMessage[], other: readonly WireMessage[]): number {
  const most = Math.min(one.length, other.length) - 1;
  let at = 0;
  while (at < most && canonicalJson(one[at]) === canonicalJson(other[at])) at += 1;
  return at;
}
