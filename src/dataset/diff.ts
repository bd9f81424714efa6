import type { Split } from '../core/dataset.ts';
import { type Fate, fatesIn } from './fates.ts';

export const changes = ['added', 'removed', 'moved', 'changed'] as const;

/** One thing that is not the same in two versions. */
export interface Change {
  id: string;
  change: (typeof changes)[number];
  /** Why it was not in the first, or is not in the second. */
  reason: string | null;
  from: Split | null;
  to: Split | null;
}

export interface VersionDiff {
  added: number;
  removed: number;
  moved: number;
  changed: number;
  same: number;
  /** How many of each change, by its reason. */
  reasons: Record<string, number>;
  /** The first of them. */
  examples: Change[];
}

/**
 * What is another in the second of two versions, and why: added (never collected before, or left out then for a reason),
 * removed (left out now for a reason, or collected no more), moved to another split, or changed in what it says. Both are
 * read as streams that are sorted by id.
 */
export async function diffVersions(first: string, second: string, most: number): Promise<VersionDiff> {
  const diff: VersionDiff = { added: 0, removed: 0, moved: 0, changed: 0, same: 0, reasons: {}, examples: [] };
  for await (const [before, after] of together(fatesIn(first), fatesIn(second))) {
    const change = changeOf(before, after);
    if (change === null) {
      if (isIn(after)) diff.same += 1;
      continue;
    }
    diff[change.change] += 1;
    const why = change.change === 'moved' ? `${change.from} to ${change.to}` : (change.reason ?? 'what it says');
    const name = `${change.change}: ${why}`;
    diff.reasons[name] = (diff.reasons[name] ?? 0) + 1;
    if (diff.examples.length < most) diff.examples.push(change);
  }
  return diff;
}

function changeOf(before: Fate | null, after: Fate | null): Change | null {
  const id = before?.id ?? after?.id ?? '';
  const [from, to] = [before?.split ?? null, after?.split ?? null];
  const made = (change: Change['change'], reason: string | null): Change => ({ id, change, reason, from, to });
  if (!isIn(before)) return isIn(after) ? made('added', before?.reason ?? 'not_collected') : null;
  if (!isIn(after)) return made('removed', after?.reason ?? 'not_collected');
  if (from !== to) return made('moved', null);
  return before?.text === after?.text ? null : made('changed', null);
}

function isIn(fate: Fate | null): boolean {
  return fate !== null && fate.as !== 'left_out';
}

async function* together(
  first: AsyncGenerator<Fate>,
  second: AsyncGenerator<Fate>,
): AsyncGenerator<[Fate | null, Fate | null]> {
  const next = async (source: AsyncGenerator<Fate>): Promise<Fate | null> => {
    const { done, value } = await source.next();
    return done === true ? null : value;
  };
  let [one, other] = [await next(first), await next(second)];
  while (one || other) {
    const takeOne = one !== null && (other === null || one.id <= other.id);
    const takeOther = other !== null && (one === null || other.id <= one.id);
    yield [takeOne ? one : null, takeOther ? other : null];
    if (takeOne) one = await next(first);
    if (takeOther) other = await next(second);
  }
}
