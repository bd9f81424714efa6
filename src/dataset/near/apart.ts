import type { Head } from './head.ts';
import { overlapNeeded } from './jaccard.ts';

/**
 * Whether two sets are less similar than `threshold`, as far as their first members tell: a set of J ≥ t has few members that the
 * other has not, and of two sets that only share something common most of the first members are such (after the positional filter of
 * Xiao, Wang, Lin and Yu 2008). The members of each are ascending, none is left out before the last, and `unsure` of the head's may
 * be in the other set all the same.
 */
export function areApart(
  head: Head,
  other: Head,
  { threshold, unsure }: { threshold: number; unsure: number },
): boolean {
  const together = head.size + other.size;
  let left = together - 2 * overlapNeeded(together, threshold) + unsure;
  let [at, there] = [head.from, other.from];
  while (at < head.to && there < other.to) {
    const difference = (head.numbers[at] as number) - (other.numbers[there] as number);
    if (difference !== 0 && --left < 0) return true;
    if (difference <= 0) at += 1;
    if (difference >= 0) there += 1;
  }
  return false;
}
