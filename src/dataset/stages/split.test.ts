import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, readAll } from '../stage.ts';
import { checkLeaks } from './leak-check.ts';
import { type Shares, type SplitCandidate, createSplitStage, position } from './split.ts';

function candidate(id: string, node: string, prompt: string): Candidate {
  const meta = { completion: id, choice: 0, signal: 'approved', author: 'm', node } as const;
  return { row: { id, messages: [], learn: [], meta }, at: 0, promptKey: prompt, answerKey: id };
}

async function* from<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function run(candidates: readonly Candidate[], shares: Shares): Promise<SplitCandidate[]> {
  return readAll(checkLeaks(createSplitStage(shares)(from(candidates), () => undefined)));
}

const shares = fc.record({
  val: fc.double({ min: 0, max: 0.5, noNaN: true }),
  test: fc.double({ min: 0, max: 0.5, noNaN: true }),
  salt: fc.string(),
});

describe('split', () => {
  test('nodes and prompts never part and train is never empty, whatever is put in', async () => {
    const item = fc.tuple(fc.nat(8), fc.nat(8));
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 40 }), shares, async (pairs, given) => {
        const candidates = pairs.map(([node, prompt], index) => candidate(`c${index}`, `n${node}`, `p${prompt}`));
        const out = await run(candidates, given);
        expect(out.map(({ row }) => row.id)).toEqual(candidates.map(({ row }) => row.id));
        expect(out.some(({ split }) => split === 'train')).toBe(true);
      }),
    );
  });

  test('more rows leave the nodes of before where they were', async () => {
    const given = { val: 0.2, test: 0.2, salt: 's' };
    const all = Array.from({ length: 200 }, (_, index) => candidate(`c${index}`, `n${index}`, `p${index}`));
    const before = new Map((await run(all.slice(0, 100), given)).map(({ row, split }) => [row.id, split]));
    const after = (await run(all, given)).filter(({ row }) => before.has(row.id));
    expect(after.every(({ row, split }) => before.get(row.id) === split)).toBe(true);
  });

  test('shares are kept on average, and the salt moves nodes', () => {
    const at = (salt: string) => Array.from({ length: 2000 }, (_, index) => position(salt, `n${index}`));
    const share = at('a').filter((value) => value < 0.1).length / 2000;
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.12);
    expect(at('a')).not.toEqual(at('b'));
  });
});

test.each([
  ['node', candidate('b', 'n1', 'p2')],
  ['prompt', candidate('b', 'n2', 'p1')],
])('the leak check ends a build in which a %s stands in two splits', async (_name, second) => {
  const leaking = from<SplitCandidate>([
    { ...candidate('a', 'n1', 'p1'), split: 'train' },
    { ...second, split: 'test' },
  ]);
  await expect(readAll(checkLeaks(leaking))).rejects.toMatchObject({
    code: 'Bug',
    message: 'The dataset was not written: row b leaks from train to test.',
  });
});
