const maxOrder = 6;
const beta = 2;

/**
 * chrF of a text against a reference, in [0, 1]: the F-score, with recall weighing β = 2 times precision, of character
 * n-grams up to n = 6, white space left out (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation").
 * Precision and recall are averaged over the orders that both texts are long enough for, as sacreBLEU does.
 */
export function chrF(text: string, reference: string): number {
  const hypothesis = characters(text);
  const target = characters(reference);
  if (target.length === 0) return hypothesis.length === 0 ? 1 : 0;
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let order = 1; order <= maxOrder; order++) {
    const total = hypothesis.length - order + 1;
    const wanted = target.length - order + 1;
    if (total <= 0 || wanted <= 0) break;
    const matches = overlap(grams(hypothesis, order), grams(target, order));
    precision += matches / total;
    recall += matches / wanted;
    orders++;
  }
  if (orders === 0 || precision + recall === 0) return 0;
  const [p, r] = [precision / orders, recall / orders];
  return ((1 + beta * beta) * p * r) / (beta * beta * p + r);
}

function characters(text: string): string[] {
  return Array.from(text.replace(/\s+/gu, ''));
}

function grams(text: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + order <= text.length; start++) {
    const gram = text.slice(start, start + order).join('');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

function overlap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let matches = 0;
  for (const [gram, count] of a) matches += Math.min(count, b.get(gram) ?? 0);
  return matches;
}
