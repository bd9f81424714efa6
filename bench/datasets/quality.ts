import { type Corpus, shinglesOf, similarity } from './corpus.ts';

export interface Quality {
  /** Share of the planted pairs of J ≥ 0.8 whose texts are in one cluster. */
  recall: number;
  /** The same of those of J ≥ 0.9. */
  recall90: number;
  /** Joins for which there is no pair of J ≥ 0.8 among the texts that they brought together. */
  wrong: number;
}

export const threshold = 0.8;

/** How good clusters are, by the words of the texts. */
export function judge(corpus: Corpus, roots: readonly number[]): Quality {
  const recallFrom = (least: number): number => {
    const wanted = corpus.planted.filter(({ jaccard }) => jaccard >= least);
    return wanted.filter(({ a, b }) => roots[a] === roots[b]).length / wanted.length;
  };
  return { recall: recallFrom(threshold), recall90: recallFrom(0.9), wrong: wrongJoins(corpus, roots) };
}

/** Into how many more clusters those given fall when only pairs that are alike hold them together. */
function wrongJoins({ words }: Corpus, roots: readonly number[]): number {
  const clusters = new Map<number, number[]>();
  for (const [text, root] of roots.entries()) clusters.set(root, [...(clusters.get(root) ?? []), text]);
  let wrong = 0;
  for (const members of clusters.values()) {
    if (members.length > 1) wrong += piecesOf(members.map((text) => shinglesOf(words[text] ?? []))) - 1;
  }
  return wrong;
}

/** How many components the sets are, by the pairs that are alike. */
function piecesOf(sets: readonly ReadonlySet<string>[]): number {
  let left = [...sets];
  let pieces = 0;
  for (; left.length > 0; pieces += 1) {
    const piece = left.splice(0, 1);
    for (const member of piece) {
      piece.push(...left.filter((other) => similarity(member, other) >= threshold));
      left = left.filter((other) => !piece.includes(other));
    }
  }
  return pieces;
}
