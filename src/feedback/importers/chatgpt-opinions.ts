import { type JsonObject, isObject } from '../../core/canonical.ts';
import { eventId, listIn, objectIn, raterIn, remarks, textIn } from './fields.ts';
import { jsonItems } from './json-items.ts';
import type { ImportItem, ImportedFeedback } from './types.ts';
import type { ZipMember } from './zip.ts';

/** Who was found better: ids of messages. */
export interface Preference {
  better: string;
  worse: string;
}

/** What was said of messages, which stands in files beside the conversations. */
export interface Opinions {
  feedback: Map<string, ImportedFeedback[]>;
  /** Ids of messages with feedback that were found. */
  answered: Set<string>;
  /** By the ids of both messages. */
  preferences: Map<string, Preference>;
  /** What could not be read. */
  leftOut: ImportItem[];
}

export function noOpinions(): Opinions {
  return { feedback: new Map(), answered: new Set(), preferences: new Map(), leftOut: [] };
}

/** Reads the thumbs of `message_feedback.json`, or the comparisons of `model_comparisons.json`. */
export async function addOpinions(opinions: Opinions, { name, bytes }: ZipMember): Promise<void> {
  const isThumbs = name === 'message_feedback.json';
  const read = (item: JsonObject): ImportItem[] => {
    if (isThumbs) addThumb(opinions, item);
    else addComparison(opinions, item);
    return [];
  };
  for await (const item of jsonItems(bytes(), read, { name })) opinions.leftOut.push(item);
}

function addThumb({ feedback }: Opinions, item: JsonObject): void {
  const id = textIn(item.id) ?? textIn(item.message_id);
  if (id === undefined) return;
  const rating = ratingIn(item.rating);
  const said = contentOf(item.content);
  const event = { ...(rating && { rating }), ...remarks(listIn(said.tags), said.text) };
  if (!rating && event.comment === undefined) return;
  feedback.set(id, [...(feedback.get(id) ?? []), { ...event, ...raterIn(item.user_id), id: eventId(id, event) }]);
}

/** `thumbs_up` in newer exports, `thumbsUp` in older ones. */
function ratingIn(value: unknown): 1 | -1 | undefined {
  const word = typeof value === 'string' ? value.toLowerCase().replace('_', '') : '';
  return word === 'thumbsup' ? 1 : word === 'thumbsdown' ? -1 : undefined;
}

/** What was written is JSON within a text. */
function contentOf(content: unknown): JsonObject {
  if (typeof content !== 'string') return objectIn(content);
  try {
    const value: unknown = JSON.parse(content);
    return isObject(value) ? value : { text: content };
  } catch {
    return { text: content };
  }
}

/** An answer that was made anew, or one of two that were shown side by side: better, worse, or the same. */
function addComparison({ preferences }: Opinions, { output }: JsonObject): void {
  const steps = Object.values(objectIn(output)).map(objectIn);
  const [original] = steps.flatMap(({ original_turn: turn }) => idsIn(turn));
  const [made] = steps.flatMap(({ new_turn: turn }) => idsIn(turn));
  const choice = steps.map((step) => step.completion_comparison_rating).find((one) => typeof one === 'string');
  if (original === undefined || made === undefined) return;
  const preference =
    choice === 'new'
      ? { better: made, worse: original }
      : choice === 'original'
        ? { better: original, worse: made }
        : null;
  if (!preference) return;
  for (const id of [original, made]) if (!preferences.has(id)) preferences.set(id, preference);
}

function idsIn(turn: unknown): string[] {
  return listIn(turn).flatMap((message) => textIn(objectIn(message).id) ?? []);
}
