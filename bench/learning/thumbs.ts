import { createRandom } from '../datasets/random.ts';
import type { Question, Words } from './protocol.ts';
import type { RatedChat } from './rated.ts';
import { type World, inStyle, pick, shuffled } from './world.ts';

/**
 * The second world, of thumbs alone. People are answered in four ways: as they want, with the right opening but no closing,
 * in another style, and plainly. Most like what is as they want and nothing else. Those who ask about some of the subjects are
 * lenient: they like one in five of the answers that lack the closing, and are never answered as they want. So what is liked says
 * two things, and only what is disliked tells which of them is wanted. Of 300 ratings 15 % are thumbs up.
 */
const mix = { chats: 300, wanted: 30, lenient: 15, half: 135, other: 45, lenientSubjects: 4 } as const;

type Kind = 'wanted' | 'half' | 'other' | 'plain';

/** The rated chats of that world. Its tuning is `mix`: SFT on what is liked is to be as wanted in 50 to 75 % of unseen prompts. */
export function thumbed(world: World, words: Pick<Words, 'openings' | 'closings'>): RatedChat[] {
  const random = createRandom(world.seed + 1_000);
  const subjects = shuffled([...new Set(world.asked.map(subjectOf))].sort(), random);
  const lenient = new Set(subjects.slice(0, mix.lenientSubjects));
  const queues = {
    strict: world.asked.filter((question) => !lenient.has(subjectOf(question))).values(),
    lenient: world.asked.filter((question) => lenient.has(subjectOf(question))).values(),
    any: shuffled(world.asked, random).values(),
  };
  const taken = new Set<Question>();
  const rated = [
    ...rate('wanted', mix.wanted, 1, queues.strict),
    ...rate('half', mix.lenient, 1, queues.lenient),
    ...rate('half', mix.half - mix.lenient, -1, queues.any),
    ...rate('other', mix.other, -1, queues.any),
    ...rate('plain', mix.chats - mix.wanted - mix.half - mix.other, -1, queues.any),
  ];
  return shuffled(rated, random);

  function rate(kind: Kind, count: number, rating: 1 | -1, queue: IterableIterator<Question>): RatedChat[] {
    return Array.from({ length: count }, () => {
      const question = next(queue);
      return { question, answer: said(kind, question), rating, correction: null };
    });
  }

  function next(queue: IterableIterator<Question>): Question {
    for (;;) {
      const { value, done } = queue.next();
      if (done) throw new Error('There are too few questions.');
      if (taken.has(value)) continue;
      taken.add(value);
      return value;
    }
  }

  function said(kind: Kind, { answer }: Question): string {
    if (kind === 'plain') return answer;
    if (kind === 'half') return `${world.style.opening} ${answer}`;
    if (kind === 'wanted') return inStyle(world.style, answer);
    const openings = words.openings.filter((opening) => opening !== world.style.opening);
    return inStyle({ opening: pick(openings, random), closing: pick(words.closings, random) }, answer);
  }
}

/** `warranty/aurora-lamp` is about warranty. */
function subjectOf({ fact }: Question): string {
  return fact.slice(0, fact.indexOf('/'));
}
