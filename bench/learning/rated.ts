import { createRandom } from '../datasets/random.ts';
import type { Entry } from '../../src/dataset/entry.ts';
import type { Question } from './protocol.ts';
import { type World, followsStyle, inStyle, isRight } from './world.ts';

/** One chat, and what its rater said of the answer. */
export interface RatedChat {
  question: Question;
  answer: string;
  rating: 1 | -1;
  /** What the rater wrote in its place. */
  correction: string | null;
}

/** Whether a rater would leave an answer as it is. */
function isGood({ style }: World, question: Question, answer: string): boolean {
  return followsStyle(style, answer) && isRight(question, answer);
}

/** The first chats of a world as its raters rate them: what is not as they want is corrected. */
export function corrected(world: World, count: number, answerOf: (question: Question) => string): RatedChat[] {
  return world.asked.slice(0, count).map((question) => {
    const answer = answerOf(question);
    return isGood(world, question, answer)
      ? { question, answer, rating: 1, correction: null }
      : { question, answer, rating: -1, correction: inStyle(world.style, question.answer) };
  });
}

/** The same chats, but that a share of them, drawn at random, was rated by the toss of a coin, without a correction. */
export function withNoise(chats: readonly RatedChat[], share: number, seed: number): RatedChat[] {
  const random = createRandom(seed);
  return chats.map((chat) => {
    const [tossed, up] = [random.next() < share, random.next() < 0.5];
    return tossed ? { ...chat, rating: up ? 1 : -1, correction: null } : chat;
  });
}

/** What a collection makes of a rated chat: a correction or an approved answer is learned, another is known to be bad.
 * Ids are of the seed, so that seeds hold out other chats. */
export function toEntry({ question, answer, rating, correction }: RatedChat, at: number, seed: number): Entry {
  const id = `c${seed}-${String(at).padStart(6, '0')}`;
  const learned = correction !== null || rating === 1;
  return {
    id: `${id}.0`,
    kind: learned ? 'learn' : 'reject',
    completion: id,
    choice: 0,
    signal: correction !== null ? 'corrected' : learned ? 'approved' : null,
    messages: [
      { role: 'user', content: question.prompt },
      { role: 'assistant', content: correction ?? answer },
    ],
    against: correction === null ? null : { role: 'assistant', content: answer },
    tools: [],
    author: correction === null ? 'ollama/tiny-support' : 'person',
    node: `n${id}`,
    topic: null,
    cutOff: false,
    at,
    raters: ['local'],
    corrections: correction === null ? [] : [`f${id}`],
    ratings: correction === null ? [{ rater: 'local', at, good: rating === 1 }] : [],
  };
}

/** What LitGPT's data module takes: every answer that is to be learned. */
export function toInstructions(chats: readonly RatedChat[]): { instruction: string; output: string }[] {
  return chats.flatMap(({ question, answer, rating, correction }) =>
    correction !== null || rating === 1 ? [{ instruction: question.prompt, output: correction ?? answer }] : [],
  );
}
