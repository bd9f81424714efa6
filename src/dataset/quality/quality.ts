import { type WireMessage, textOf } from '../../core/message.ts';
import { type LanguageDetector, isInOtherLanguage } from './language.ts';
import { checkLength } from './length.ts';
import { isRefusal } from './refusal.ts';
import { isRepetitive } from './repetition.ts';
import { hasTemplateDebris } from './template-debris.ts';
import { type Exchange, type QualityOptions, type QualityReason, qualityReasons } from './types.ts';
import { numberWords } from './words.ts';

/** A row as the checks see it. */
export interface QualityRow {
  messages: readonly WireMessage[];
  /** Indexes of the answers that are learned. */
  learn: readonly number[];
  /** Who wrote them. What a person wrote is never dropped. */
  author: 'model' | 'person';
}

/** Reasons against a row, in the order of `qualityReasons`; none means that it is good enough. */
export type QualityOf = (row: QualityRow) => QualityReason[];

/**
 * The checks that are switched on, as one pure function. It is a promise because the tables of languages (about 1 MB on the
 * disk, 90 MB in memory) are loaded only when the language is looked at.
 */
export async function createQuality(options: QualityOptions): Promise<QualityOf> {
  const detector = options.language === null ? null : (await import('eld/extrasmall')).eld;
  return ({ messages, learn, author }) => {
    if (author === 'person') return [];
    const reasons = new Set(learn.flatMap((at) => reasonsOf(exchangeAt(messages, at), options, detector)));
    return qualityReasons.filter((reason) => reasons.has(reason));
  };
}

/** An answer that only calls tools has no text to judge. */
function exchangeAt(messages: readonly WireMessage[], at: number): Exchange | null {
  const answer = textOf(messages[at]?.content);
  const calls = messages[at]?.tool_calls;
  if (answer.trim() === '' && Array.isArray(calls) && calls.length > 0) return null;
  const before = messages.slice(0, at).filter(({ role }) => role === 'user' || role === 'system');
  const system = before.filter(({ role }) => role === 'system');
  const user = before.filter(({ role }) => role === 'user');
  return { asked: [...system, ...user].map(({ content }) => textOf(content)), answer };
}

function reasonsOf(
  exchange: Exchange | null,
  options: QualityOptions,
  detector: LanguageDetector | null,
): QualityReason[] {
  if (exchange === null) return [];
  const { answer } = exchange;
  const { length, repetition, language } = options;
  const words = numberWords(answer);
  const reasons: (QualityReason | null)[] = [
    length && checkLength(answer, words.ids.length, length),
    repetition && isRepetitive(answer, words, repetition) ? 'repetitive' : null,
    options.refusals && isRefusal(answer) ? 'refusal' : null,
    options.template_debris && hasTemplateDebris(answer) ? 'template_debris' : null,
    language && detector && isInOtherLanguage(exchange, detector, language) ? 'other_language' : null,
  ];
  return reasons.filter((reason) => reason !== null);
}
