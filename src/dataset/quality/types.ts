/** Why an answer is not good enough to learn from. */
export const qualityReasons = [
  'too_short',
  'too_long',
  'repetitive',
  'refusal',
  'template_debris',
  'other_language',
] as const;
export type QualityReason = (typeof qualityReasons)[number];

/** Thresholds of every check; null switches it off. */
export interface QualityOptions {
  length: LengthLimits | null;
  repetition: RepetitionLimits | null;
  refusals: boolean;
  template_debris: boolean;
  language: LanguageLimits | null;
}

/** Limits that an answer may reach. */
export interface LengthLimits {
  min_words: number;
  max_words: number;
  min_characters: number;
  max_characters: number;
}

export interface RepetitionLimits {
  /** Answers with fewer words are not looked at: few words repeat by chance. */
  min_words: number;
  /** Multiplies the limits of the paper: 1 takes them as they are, more lets more through. */
  leniency: number;
}

export interface LanguageLimits {
  /** Letters that question and answer must have outside code for a language to be told. */
  min_question_letters: number;
  min_answer_letters: number;
  /** The question's language may have at most this share of the score that the answer's own has, and the other way round. */
  max_likeness: number;
}

/** What the checks look at. */
export interface Exchange {
  /** What people and system said before, the newest last. */
  asked: readonly string[];
  answer: string;
}
