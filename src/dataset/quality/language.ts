import type { Exchange, LanguageLimits } from './types.ts';

/** The part of `eld` that is used. */
export interface LanguageDetector {
  detect(text: string): { language: string; isReliable(): boolean; getScores(): Record<string, number> };
}

/** Characters that a language is told by: more make it slower and hardly surer. */
const enough = 200;
const notProse = /```[\s\S]*?(?:```|$)|`[^`\n]+`|https?:\/\/\S+|\S+@\S+|\[[A-Z]+_\d+\]|<[^>\n]{1,200}>/g;

/** Who asks for another language, or shows a text in one, may get it. */
const aboutLanguages =
  /translat|übersetz|tradu[cizç]|traduire|vertaal|tłumacz|перев[её]д|перевод|翻訳|翻译|翻譯|\b(?:english|german|french|spanish|italian|portuguese|dutch|polish|russian|japanese|chinese|mandarin|korean|arabic|hindi|turkish|swedish|danish|norwegian|finnish|greek|latin|ukrainian|czech|hungarian|romanian|vietnamese|thai|hebrew|englisch\w*|deutsch\w*|französisch\w*|spanisch\w*|italienisch\w*|japanisch\w*|chinesisch\w*|anglais\w*|allemand\w*|français\w*|espagnol\w*|italien\w*|inglés|alemán|francés|español|italiano|inglese|tedesco|francese|spagnolo|inglês|alemão|francês|espanhol|português|engels|duits|frans|spaans|nederlands)\b|(?:英|日本|中国|フランス|ドイツ|スペイン|韓国)語|(?:英|日|中|法|德|韩)(?:文|语)/iu;

/**
 * Whether the answer is in another language than the question, where both are long enough and the detector is sure of both.
 * Nobody is held to a language who speaks of languages.
 */
export function isInOtherLanguage(
  { asked, answer }: Exchange,
  detector: LanguageDetector,
  limits: LanguageLimits,
): boolean {
  const question = proseOf(asked.at(-1) ?? '');
  const said = proseOf(answer);
  if (letters(question) < limits.min_question_letters || letters(said) < limits.min_answer_letters) return false;
  const ofQuestion = detector.detect(question);
  const ofAnswer = detector.detect(said);
  if (ofQuestion.language === ofAnswer.language || !ofQuestion.isReliable() || !ofAnswer.isReliable()) return false;
  if (likeness(ofAnswer, ofQuestion.language) > limits.max_likeness) return false;
  if (likeness(ofQuestion, ofAnswer.language) > limits.max_likeness) return false;
  return !asked.some((text) => aboutLanguages.test(text));
}

function likeness(result: ReturnType<LanguageDetector['detect']>, other: string): number {
  const scores = result.getScores();
  return (scores[other] ?? 0) / (scores[result.language] ?? 1);
}

function proseOf(text: string): string {
  return text
    .slice(0, 4 * enough)
    .replace(notProse, ' ')
    .slice(0, enough);
}

function letters(text: string): number {
  return text.replace(/[\P{L}]+/gu, '').length;
}
