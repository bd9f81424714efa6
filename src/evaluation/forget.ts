import { type JsonObject, canonicalJson, isObject } from '../core/canonical.ts';
import { type Quotes, withTexts } from '../core/quotes.ts';
import type { BlobStore } from '../store/types.ts';

/** What has to be known to take what is forgotten out of evaluations. */
export interface ForgottenPrompts {
  /** Whether a prompt is a row that went. */
  isGone: (promptId: string) => boolean;
  quotes: Quotes;
  /** What is left of a blob of another kind that holds answers; null where nothing of it has to go. */
  others?: (value: unknown) => JsonObject | null;
}

/** How a collection begins: the largest of all blobs, and one that holds ids only. */
const collection = Buffer.from('{"examples":');

/**
 * Takes answers to forgotten prompts, and answers that quote what is forgotten, out of every evaluation, where scores stay, and of what bases answered. Gives the
 * digests of the blobs that changed, or would with `look`, and of other blobs that quote it: those are recipes, and somebody's own.
 */
export async function forgetAnswers(
  blobs: BlobStore,
  forgotten: ForgottenPrompts,
  look = false,
): Promise<{ evaluations: string[]; quoting: string[] }> {
  const evaluations: string[] = [];
  const quoting: string[] = [];
  for await (const digest of blobs.digests()) {
    const bytes = await blobs.get(digest);
    if (bytes.subarray(0, collection.length).equals(collection)) continue;
    const value = parse(bytes);
    const left = isEvaluation(value) ? withoutForgotten(value, forgotten) : (forgotten.others?.(value) ?? null);
    if (left) {
      evaluations.push(digest);
      if (!look) await blobs.erase(digest, canonicalJson(left));
    } else if (forgotten.quotes.areIn(bytes.toString('utf8'))) quoting.push(digest);
  }
  return { evaluations: evaluations.sort(), quoting: quoting.sort() };
}

/** The evaluation without what is forgotten; null when there is nothing of it in there. */
export function withoutForgotten(
  evaluation: EvaluationLike,
  { isGone, quotes }: ForgottenPrompts,
): EvaluationLike | null {
  const gone = evaluation.prompts.map((id) => evaluation.source !== 'suite' && isGone(id));
  const answers = Object.entries(evaluation.answers).map(([role, texts]) => {
    return [role, texts.map((answer, index) => (gone[index] === true ? withTexts(answer, () => '') : answer))] as const;
  });
  const quoted = (text: string): string => (quotes.areIn(text) ? '' : text);
  const left = withTexts({ ...evaluation, answers: Object.fromEntries(answers) }, quoted) as EvaluationLike;
  return canonicalJson(left) === canonicalJson(evaluation) ? null : left;
}

/** What every evaluation has; whatever else is in one stays. */
export type EvaluationLike = JsonObject & { source: string; prompts: string[]; answers: Record<string, JsonObject[]> };

function isEvaluation(value: unknown): value is EvaluationLike {
  return isObject(value) && isObject(value.answers) && Array.isArray(value.prompts) && isObject(value.served);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
