import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recipeSchema } from '../core/recipe.ts';
import type { Assembled } from './assemble.ts';
import { runStages } from './engine.ts';
import type { Entry } from './entry.ts';
import { entry, inGroups, numbersFrom, reworded, textOf } from './fixtures/entries.ts';

/** Answers and bad answers of which many are alike, some of one conversation; some are from one letter, if there is one. */
function similar(random: () => number, count: number): Entry[] {
  const said: string[] = [];
  const [again, change, ofLetter] = [random() * 0.8, random() * 0.25, random() < 0.4 ? 0.6 : 0];
  const letter = textOf(80, random);
  const textNow = (): string => {
    if (random() < ofLetter) return reworded(letter, random() * 0.15, random);
    const before = random() < again ? said[Math.floor(random() * Math.min(said.length, 30))] : undefined;
    if (before !== undefined) return reworded(before, random() * change, random);
    said.push(textOf(30 + Math.floor(random() * 60), random));
    return said.at(-1) ?? '';
  };
  const entries = Array.from({ length: count }, (_, at): Entry => {
    const words = textNow().split(' ');
    const id = `c${String(Math.floor(random() * 1e6)).padStart(6, '0')}${at}`;
    const kind = random();
    return entry(id, words.slice(0, 6).join(' '), words.slice(6).join(' '), {
      at: Math.floor(random() * 1e6),
      node: random() < 0.2 ? `n${Math.floor(random() * 40)}` : `n of ${id}`,
      ...(kind < 0.1 && { signal: 'corrected' }),
      ...(kind > 0.85 && { kind: 'reject', signal: null }),
    });
  });
  return entries.sort((a, b) => (a.kind === b.kind ? (a.id < b.id ? -1 : 1) : a.kind === 'learn' ? -1 : 1));
}

/** What comes out of a build, as it is written. */
async function build(entries: readonly Assembled[], options: object, cacheDir: string | null): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'ratchet-kept-'));
  const recipe = recipeSchema.parse({ name: 'r', base: 'b', build: { ...options, quality: null, redact: [] } });
  const given = { build: recipe.build, items: [], threads: 0, cacheDir, ofBase: new Set<string>(), tombstones: [] };
  const refined = await runStages(inGroups(entries), { ...given, scratch });
  const { placed, joins, leaks, stages, leftOut, textsOf, close } = refined;
  const pairs = new Set(joins.map((one) => [...one].sort().join(' ')));
  const rows = Array.from(placed, (one) => [one, textsOf(one)]);
  close();
  rmSync(scratch, { recursive: true });
  return JSON.stringify({ rows, joins: [...pairs].sort(), leaks, stages, leftOut });
}

test.each([4, 8, 9, 10])('builds of rows that come, go and change are as first ones (%i)', async (seed) => {
  const random = numbersFrom(seed);
  const some = (shares: readonly number[]): number => shares[Math.floor(random() * shares.length)] ?? 0;
  // Some are dropped before they are compared, amid others that are known.
  const all = similar(random, 100 + Math.floor(random() * 200)).map((one, at) =>
    at % 9 === 4 ? { ...one, cutOff: true } : one,
  );
  const options = { val: random() * 0.3, test: random() * 0.3, near_duplicates: some([0.75, 0.8, 0.85, 0.93]) };
  const cacheDir = mkdtempSync(join(tmpdir(), 'ratchet-kept-cache-'));
  let isHere = all.map(() => random() < 0.5);
  for (let step = 0; step < 6; step += 1) {
    const [comes, goes] = [some([0.02, 0.1, 0.4]), some([0, 0.02, 0.3])];
    isHere = isHere.map((here) => (here ? random() >= goes : random() < comes));
    const given = all
      .filter((_, at) => isHere[at])
      .map((one) => (random() < 0.01 ? { ...one, messages: all[0]?.messages ?? [] } : one))
      .map((one) => (random() < 0.02 ? { ...one, at: 5, raters: ['x', 'y', 'z'] } : one))
      .map((one) => (random() < 0.03 ? { ...one, node: `n${Math.floor(random() * 40)}` } : one));
    expect(await build(given, options, cacheDir)).toBe(await build(given, options, null));
  }
  rmSync(cacheDir, { recursive: true });
});
