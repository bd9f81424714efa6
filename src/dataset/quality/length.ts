import type { LengthLimits, QualityReason } from './types.ts';

/** Whether an answer of so many words is too short or too long; both limits count, in words and in characters. */
export function checkLength(answer: string, words: number, limits: LengthLimits): QualityReason | null {
  const characters = answer.trim().length;
  if (words < limits.min_words || characters < limits.min_characters) return 'too_short';
  return words > limits.max_words || characters > limits.max_characters ? 'too_long' : null;
}
