import { createRandom } from './random.ts';

/** Two texts of a corpus, by their places, and how similar their sets of five-word shingles are, exactly. */
export interface Planted {
  a: number;
  b: number;
  jaccard: number;
}

export interface Corpus {
  texts: string[];
  /** The words of each, as every contender finds them. */
  words: string[][];
  /** Each text that was made from another, beside that other. */
  planted: Planted[];
}

/** Words of a text: with those of its sentences about 1 KB. */
const usualWords = 170;
const vocabularySize = 20_000;
/** Of ten texts two have been written again by somebody, once or some times. */
const shareOfVariants = 0.2;

/**
 * Texts as people write them to a model, as far as that matters here: words by Zipf's law, sentences, lengths of 60 to 280
 * words; one in five is an earlier one with a few words changed, a sentence more, or its end cut off. Some of these are just
 * not similar enough. Equal seeds give equal texts.
 */
export function makeCorpus(count: number, seed: number): Corpus {
  const random = createRandom(seed);
  const vocabulary = makeVocabulary(random);
  const words: string[][] = [];
  const texts: string[] = [];
  const planted: Planted[] = [];
  while (texts.length < count) {
    const fresh = texts.length === 0 || random.next() >= shareOfVariants;
    // Some are written again many times: half of all variants are of one text in twenty.
    const a = random.below(random.next() < 0.5 ? Math.ceil(texts.length / 20) : texts.length);
    const tokens = fresh ? write(vocabulary, random) : rewrite(words[a] ?? [], vocabulary, random);
    if (!fresh)
      planted.push({ a, b: texts.length, jaccard: similarity(shinglesOf(words[a] ?? []), shinglesOf(tokens)) });
    words.push(tokens);
    texts.push(punctuate(tokens));
  }
  return { texts, words, planted };
}

type Random = ReturnType<typeof createRandom>;

function makeVocabulary(random: Random): string[] {
  const letters = 'etaoinshrdlucmfwygpbvk';
  const words = new Set<string>();
  while (words.size < vocabularySize) {
    const length = 2 + random.below(4) + random.below(5);
    words.add(Array.from({ length }, () => letters[random.below(letters.length)]).join(''));
  }
  return [...words];
}

/** Zipf's law with exponent 1: the rank is the exponential of an even number. */
function word(words: readonly string[], random: Random): string {
  const rank = Math.floor(Math.exp(random.next() * Math.log(words.length)));
  return words[rank % words.length] ?? '';
}

function write(words: readonly string[], random: Random): string[] {
  const length = 60 + random.below(usualWords - 60) + random.below(usualWords - 60);
  return Array.from({ length }, () => word(words, random));
}

function rewrite(source: readonly string[], words: readonly string[], random: Random): string[] {
  const copy = [...source];
  const { length } = copy;
  const way = random.below(3);
  if (way === 0) copy.length -= random.below(Math.ceil(length * 0.22));
  if (way === 1)
    for (let more = random.below(Math.ceil(length * 0.25)); more >= 0; more -= 1) copy.push(word(words, random));
  if (way === 2)
    for (let more = random.below(Math.ceil(length / 40)); more >= 0; more -= 1)
      copy[random.below(length)] = word(words, random);
  return copy;
}

/** A sentence has eleven words. */
function punctuate(tokens: readonly string[]): string {
  return tokens
    .map((token, index) => {
      const first = index % 11 === 0;
      const last = index % 11 === 10 || index === tokens.length - 1;
      return `${first ? token.charAt(0).toUpperCase() + token.slice(1) : token}${last ? '.' : index % 11 === 5 ? ',' : ''}`;
    })
    .join(' ');
}

/** Of sets of the words themselves: no hash of anybody's is asked. */
export function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const shingle of a) if (b.has(shingle)) shared += 1;
  return shared / (a.size + b.size - shared);
}

export function shinglesOf(words: readonly string[]): Set<string> {
  return new Set(words.slice(4).map((_, index) => words.slice(index, index + 5).join(' ')));
}
