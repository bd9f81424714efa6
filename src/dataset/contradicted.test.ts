import { expect, test } from 'vitest';
import type { LeftOutRow } from '../core/dataset.ts';
import { contradictedIn } from './contradicted.ts';

const left = (id: string, of?: string, reason = 'contradiction'): LeftOutRow => {
  return { id, stage: 'contradictions', reason, ...(of !== undefined && { of }) };
};

test.each<[string, LeftOutRow, string[]]>([
  ['a good answer and a bad one', left('a.0', 'b.1'), ['a.0', 'b.1']],
  ['a preference, of which the better answer is asked for', left('a.0>b.1', 'b.1>a.0'), ['a.0', 'b.1']],
  ['a completion with points in its id', left('a.b.12', 'c.d.0'), ['a.b.12', 'c.d.0']],
  ['another reason', left('a.0', 'b.0', 'near_duplicate'), []],
  ['nothing that it contradicts', left('a.0'), []],
])('%s', (_, row, expected) => {
  const found = contradictedIn([row]).flatMap(({ answer, other }) => [answer, other]);
  expect(found.map(({ completionId, choice }) => `${completionId}.${choice}`)).toEqual(expected);
});
