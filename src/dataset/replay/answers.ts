import { hash } from 'node:crypto';
import { canonicalJson, isObject } from '../../core/canonical.ts';
import type { JsonObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { Store } from '../../store/types.ts';
import type { Assembled } from '../assemble.ts';
import { trainable } from '../rows/trainable.ts';
import type { Anchor } from './anchors.ts';

/** What the base said to a prompt. */
export interface ReplayedRow {
  /** Names base, options and prompt; of a chat's prompt its completion, so that it confirms no text. */
  id: string;
  /** Of a prompt of nobody; that of a chat stands in the record alone. */
  messages?: WireMessage[];
  completion?: string;
  answer: string;
  cut_off: boolean;
}

/** The blob that freezes what the base answered: an input of the build, as the collection is one. */
export interface ReplayedAnswers {
  schema: 1;
  kind: 'replay';
  /** The base as it was served: its model ref, and the digest that its provider reports. */
  base: { ref: string; digest: string };
  options: { temperature: 0; seed: number; max_tokens: number };
  /** In the order in which they are taken. */
  rows: ReplayedRow[];
}

/** A row of the blob. */
export function replayedRow(
  { base, options }: Pick<ReplayedAnswers, 'base' | 'options'>,
  { messages, completion }: Anchor,
  { text, cutOff }: { text: string; cutOff: boolean },
): ReplayedRow {
  const asked = completion === null ? { messages } : { completion };
  const name = canonicalJson({ base: base.digest, options, ...asked });
  return { id: `replay.${hash('sha256', name).slice(0, 32)}`, ...asked, answer: text, cut_off: cutOff };
}

/** Where a replayed prompt is from. */
export type From = Pick<Anchor, 'completion' | 'node'>;

/** The rows as the row stages take them, with where each prompt is from. A chat that was erased meanwhile comes as a fault. */
export async function replayEntries(
  { chats }: Pick<Store, 'chats'>,
  { base, rows }: ReplayedAnswers,
): Promise<{ entry: Assembled; from: From }[]> {
  return Promise.all(
    rows.map(async (row) => {
      const record = row.completion === undefined ? null : await chats.get(row.completion);
      const prompt = row.messages ?? record?.messages.map(trainable) ?? [];
      const from = { completion: row.completion ?? null, node: record?.node ?? null };
      const gone = { id: row.id, kind: 'replay' as const, fault: 'erased_since_collected' };
      if (prompt.length === 0 || prompt.includes(null)) return { entry: gone, from };
      return { entry: entryOf(row, prompt as WireMessage[], { author: base.ref, node: from.node }), from };
    }),
  );
}

function entryOf(
  { id, answer, cut_off: cutOff }: ReplayedRow,
  prompt: WireMessage[],
  { author, node }: { author: string; node: string | null },
): Assembled {
  return {
    id,
    kind: 'replay',
    completion: '',
    choice: 0,
    signal: null,
    messages: [...prompt, { role: 'assistant', content: answer }],
    against: null,
    tools: [],
    author,
    // Rows of prompts of nobody have nothing to do with each other.
    node: node ?? id,
    topic: null,
    cutOff,
    at: 0,
    raters: [],
    corrections: [],
    ratings: [],
  };
}

/** The answers without those to forgotten prompts, and without those that quote what is forgotten; null where there is nothing to take out, or it is another blob. */
export function withoutForgottenReplay(
  value: unknown,
  { isGone, quotes }: { isGone: (rowId: string) => boolean; quotes: { areIn(text: string): boolean } },
): JsonObject | null {
  if (!isObject(value) || value.kind !== 'replay' || !Array.isArray(value.rows)) return null;
  const rows = value.rows.filter(
    (row) => isObject(row) && !(typeof row.id === 'string' && isGone(row.id)) && !quotes.areIn(canonicalJson(row)),
  );
  return rows.length === value.rows.length ? null : { ...value, rows };
}
