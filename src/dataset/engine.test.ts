import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recipeSchema } from '../core/recipe.ts';
import type { Assembled } from './assemble.ts';
import type { Entry } from './entry.ts';
import { documentOf } from './rows/document.ts';
import { type EngineOptions, type Refined, runStages } from './engine.ts';
import { entry, inGroups, numbersFrom, reworded, textOf } from './fixtures/entries.ts';
import type { Placed } from './leak-check.ts';
import { jaccardFrom } from './near/jaccard.ts';
import { shingleHashes } from './near/shingles.ts';

type Change = Partial<Omit<EngineOptions, 'build' | 'scratch'>> & { build?: Record<string, unknown>; group?: number };

async function run(
  entries: readonly Assembled[],
  { build = {}, group = 64, ...change }: Change = {},
): Promise<Refined> {
  const scratch = mkdtempSync(join(tmpdir(), 'ratchet-engine-'));
  try {
    return await runStages(inGroups(entries, group), {
      build: recipeSchema.parse({ name: 'r', base: 'b', build }).build,
      items: [],
      threads: 0,
      cacheDir: null,
      ofBase: new Set(),
      tombstones: [],
      scratch,
      ...change,
    });
  } finally {
    // The open spool lives on without its name.
    rmSync(scratch, { recursive: true });
  }
}

const idsOf = ({ placed }: Refined): string[] => Array.from(placed, ({ draft }) => draft.id);

/** Conversations of which some are reworded copies of others, as people ask the same again. */
function corpus(count: number, seed: number): Assembled[] {
  const random = numbersFrom(seed);
  const said: string[] = [];
  return Array.from({ length: count }, (_, at) => {
    const again = said.length > 0 && random() < 0.3 ? said[Math.floor(random() * said.length)] : undefined;
    const text =
      again === undefined ? textOf(40 + Math.floor(random() * 80), random) : reworded(again, random() * 0.12, random);
    if (again === undefined) said.push(text);
    const words = text.split(' ');
    const id = `c${String(at).padStart(5, '0')}`;
    const more = { at: Math.floor(random() * 1e6), ...(random() < 0.2 && { signal: 'corrected' as const }) };
    return entry(id, words.slice(0, 15).join(' '), words.slice(15).join(' '), more);
  });
}

describe('near duplicates', () => {
  test('the strongest of nearly the same answers stays, and the report says what it stands for', async () => {
    const random = numbersFrom(7);
    const question = textOf(20, random);
    const answer = textOf(80, random);
    const close = (id: string, change = {}) => entry(id, question, reworded(answer, 0.02, random), change);
    const refined = await run([
      close('a'),
      close('b', { signal: 'corrected' }),
      close('c', { at: 5 }),
      entry('d', textOf(20, random), textOf(80, random)),
    ]);
    expect(idsOf(refined)).toEqual(['b.0', 'd.0']);
    expect(refined.leftOut).toEqual(
      ['a.0', 'c.0'].map((id) => ({ id, stage: 'near_duplicates', reason: 'near_duplicate', of: 'b.0' })),
    );
    expect(idsOf(await run([close('a'), close('c')], { build: { near_duplicates: null } }))).toHaveLength(2);
  });

  test('turns of one conversation are no duplicates, however short they are', async () => {
    const turn = (id: string, messages: number) => {
      const said = Array.from({ length: messages }, (_, at) => ({
        role: at % 2 === 0 ? 'user' : 'assistant',
        content: at % 2 === 0 ? 'More, please.' : 'There is no more of it.',
      }));
      return entry(id, '', '', { messages: said, node: 'n' });
    };
    expect(idsOf(await run([turn('a', 2), turn('b', 4), turn('c', 6)]))).toEqual(['a.0', 'b.0', 'c.0']);
  });

  test('a bad answer to the same question is a pair’s other side; one that says the same is a contradiction', async () => {
    const random = numbersFrom(8);
    const question = textOf(40, random);
    const good = entry('a', question, 'It costs 152 euros.');
    const bad = { kind: 'reject' as const, signal: null };
    expect(idsOf(await run([good, entry('b', question, 'It costs 512 euros.', bad)]))).toEqual(['a.0', 'b.0']);
    const contradicted = await run([good, entry('b', question.replace(' ', ', '), 'it costs 152 euros', bad)]);
    expect(contradicted.leftOut.map(({ id, reason, of }) => [id, reason, of])).toEqual([
      ['a.0', 'contradiction', 'b.0'],
      ['b.0', 'contradiction', 'a.0'],
    ]);
  });
});

/** How many pairs across splits are alike, by comparing each with each. */
function leaksIn({ placed, textsOf: read }: Refined, splitOf: (placed: Placed) => string): number {
  const rows = Array.from(placed, (one) => ({
    split: splitOf(one),
    shingles: shingleHashes(documentOf(read(one).messages)),
  }));
  return rows.flatMap((one, at) =>
    rows
      .slice(at + 1)
      .filter(({ split, shingles }) => split !== one.split && jaccardFrom(one.shingles, shingles, 0.8) >= 0.8),
  ).length;
}

describe('a corpus of copies', () => {
  test('has nothing in two splits that is alike, counted by comparing every pair, where a random split has', async () => {
    const entries = corpus(900, 1);
    const refined = await run(entries, { build: { val: 0.1, test: 0.2 } });
    expect(refined.leaks).toMatchObject({ nodes: 0, prompts: 0, corrections: 0, pairs: 0 });
    expect(leaksIn(refined, ({ split }) => split)).toBe(0);
    const whole = await run(entries, { build: { near_duplicates: null } });
    const random = numbersFrom(2);
    expect(leaksIn(whole, () => (random() < 0.3 ? 'test' : 'train'))).toBeGreaterThan(20);
  });

  test('gives the same in whatever groups it comes, and with however many threads', async () => {
    const entries = corpus(2600, 3);
    const facts = async (group: number, threads: number) => {
      const { placed, joins, leaks, stages, leftOut } = await run(entries, { group, threads });
      return JSON.stringify({ placed: [...placed], joins, leaks, stages, leftOut });
    };
    const alone = await facts(2600, 0);
    expect(await facts(7, 0)).toBe(alone);
    expect(await facts(64, 1)).toBe(alone);
    expect(await facts(50, 3)).toBe(alone);
  });

  test('a thread that fails ends the build with its error', async () => {
    const broken = [...corpus(2600, 6), { id: 'z.0' } as unknown as Assembled];
    await expect(run(broken, { threads: 2 })).rejects.toThrow();
  });

  test('moves rows towards held-out only as it grows', async () => {
    const entries = corpus(400, 4);
    const ranks = { train: 0, val: 1, test: 2 };
    let before = new Map<string, 'train' | 'val' | 'test'>();
    for (const count of [50, 100, 200, 300, 400]) {
      const { placed } = await run(entries.slice(0, count), { build: { val: 0.2, test: 0.2 } });
      const now = new Map(Array.from(placed, ({ draft, split }) => [draft.node, split]));
      for (const [node, split] of now) expect(ranks[split]).toBeGreaterThanOrEqual(ranks[before.get(node) ?? 'train']);
      before = now;
    }
  });

  test('counts everything that it was given: every entry is in a file or left out', async () => {
    const entries = corpus(300, 5);
    const { placed, leftOut, stages } = await run(entries, { build: { max_examples: 50 } });
    expect(placed.length + leftOut.length).toBe(300);
    expect(new Set([...Array.from(placed, ({ draft }) => draft.id), ...leftOut.map(({ id }) => id)]).size).toBe(300);
    const dropping = stages.filter(({ stage }) => stage !== 'pairs');
    for (const [at, { in: taken }] of dropping.entries()) if (at > 0) expect(taken).toBe(dropping[at - 1]?.out);
    expect(dropping.at(-1)).toMatchObject({ stage: 'split', out: placed.length });
  });
});

describe('a build after a build', () => {
  let cacheDir: string;
  beforeEach(() => {
    cacheDir = mkdtempSync(join(tmpdir(), 'ratchet-kept-'));
  });
  afterEach(() => rmSync(cacheDir, { recursive: true }));

  /** In the order in which they are written. */
  const sorted = (joins: Refined['joins']): string[] => joins.map((join) => [...join].sort().join(' ')).sort();
  const factsOf = ({ placed, joins, leaks, stages, leftOut, textsOf: read }: Refined): string =>
    JSON.stringify({
      placed: Array.from(placed, (one) => [one, read(one)]),
      joins: sorted(joins),
      leaks,
      stages,
      leftOut,
    });
  const options = { build: { val: 0.2, test: 0.2 } };

  test('is as a first one, whatever was added, taken away or said anew, and at whatever threshold', async () => {
    const random = numbersFrom(9);
    const entries = corpus(500, 8);
    for (const [step, share] of [0.4, 0.5, 0.5, 0.9, 0.7, 1].entries()) {
      const some = entries.filter(() => random() < share);
      const given = some.map((one) =>
        random() < 0.02 ? { ...(one as Entry), messages: (entries[0] as Entry).messages } : one,
      );
      // Another threshold, another salt, other shares.
      const other = [{}, {}, { salt: 'other' }, { val: 0.05 }, { near_duplicates: 0.75 }, {}][step];
      const change = { build: { ...options.build, ...other } };
      expect(factsOf(await run(given, { ...change, cacheDir }))).toBe(factsOf(await run(given, change)));
    }
  });

  test('does not heed findings that are torn, or of other rows', async () => {
    const entries = corpus(200, 11);
    await run(entries.slice(10), { ...options, cacheDir });
    const file = join(cacheDir, readdirSync(cacheDir).find((name) => name.endsWith('.findings')) ?? '');
    const older = readFileSync(file);
    const whole = factsOf(await run(entries, options));
    expect(factsOf(await run(entries, { ...options, cacheDir }))).toBe(whole);
    const fresh = readFileSync(file);
    for (const bytes of [
      older,
      fresh.subarray(0, fresh.length / 2),
      fresh.map((byte, at) => (at === 200 ? ~byte : byte)),
    ]) {
      writeFileSync(file, bytes);
      expect(factsOf(await run(entries, { ...options, cacheDir }))).toBe(whole);
    }
  });
});
