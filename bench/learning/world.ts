import { createRandom } from '../datasets/random.ts';
import type { Question, Words } from './protocol.ts';

/** How the raters of a world want to be answered. */
export interface Style {
  opening: string;
  closing: string;
}

/** A support desk whose raters want a style. No prompt is in both lists; every fact is in both. */
export interface World {
  seed: number;
  style: Style;
  /** In the order in which they are asked and rated. */
  asked: Question[];
  /** One for each fact. */
  unseen: Question[];
}

/** The world of a seed: its style, which wording of each fact nobody rates, and the order of the others. */
export function dealWorld({ questions, openings, closings }: Words, seed: number): World {
  const random = createRandom(seed);
  const style = { opening: pick(openings, random), closing: pick(closings, random) };
  const byFact = Map.groupBy(questions, ({ fact }) => fact);
  const [unseen, asked]: [Question[], Question[]] = [[], []];
  for (const wordings of byFact.values()) {
    const [held, ...others] = shuffled(wordings, random);
    if (held) unseen.push(held);
    asked.push(...others);
  }
  return { seed, style, unseen, asked: shuffled(asked, random) };
}

/** An answer in the style. */
export function inStyle({ opening, closing }: Style, answer: string): string {
  return `${opening} ${answer} ${closing}`;
}

/** Whether an answer opens and closes as the style wants, with something between. */
export function followsStyle({ opening, closing }: Style, answer: string): boolean {
  const text = answer.trim();
  if (!text.startsWith(`${opening} `) || !text.endsWith(` ${closing}`)) return false;
  return text.slice(opening.length, -closing.length).trim() !== '';
}

/** Whether the fact that was asked for is in the answer. */
export function isRight({ expect }: Question, answer: string): boolean {
  return answer.toLowerCase().includes(expect.toLowerCase());
}

type Random = ReturnType<typeof createRandom>;

/** One of them. */
export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error('There is nothing to pick from.');
  return item;
}

/** The same items in another order: Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => {
    const [taken] = left.splice(random.below(left.length), 1);
    return taken as T;
  });
}
