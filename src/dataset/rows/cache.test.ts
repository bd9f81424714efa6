import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recipeSchema } from '../../core/recipe.ts';
import type { Assembled } from '../assemble.ts';
import type { Entry } from '../entry.ts';
import { entry, inGroups, numbersFrom, textOf } from '../fixtures/entries.ts';
import { bandCount } from '../near/signature.ts';
import { type Taken, openRowCache } from './cache.ts';
import type { KnownRun } from './known-run.ts';
import { runRows } from './run-rows.ts';
import { type Segments, noSegments } from './segments.ts';
import type { RowKeys, RowOptions, RowResult } from './types.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-rows-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const options: RowOptions = { build: recipeSchema.parse({ name: 'r', base: 'b' }).build, items: [] };

/** Rows of every kind and every fate. */
function everything(count: number): Assembled[] {
  const random = numbersFrom(count);
  const some = Array.from({ length: count }, (_, at): Assembled[] => {
    const id = `c${String(at).padStart(4, '0')}`;
    const said = (content: string) => ({ role: 'assistant', content });
    return [
      entry(id, textOf(12, random), `${textOf(20, random)}  \n`),
      entry(`${id}a`, 'Who are you?', 'I am anna@example.org.', { against: said('I am bob@example.org.') }),
      entry(`${id}b`, 'Same?', 'Yes', { against: said('Yes ') }),
      entry(`${id}c`, 'Empty?', ' '),
      { id: `${id}d.0`, kind: 'learn', fault: 'erased_since_collected' },
      entry(`${id}e`, 'Call it.', '', {
        messages: [
          { role: 'user', content: 'Call it.' },
          { ...said(''), tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{"to":"all"}' } }] },
        ],
        tools: [{ type: 'function', function: { name: 'f' } }],
      }),
    ];
  });
  const bad = entry('r', 'Why?', 'No idea.', { kind: 'reject', signal: null });
  const pair = entry('p', 'Why?', 'Because.', {
    kind: 'prefer',
    signal: null,
    id: 'p.0>q.0',
    against: { role: 'assistant', content: 'So.' },
  });
  return [...some.flat(), bad, pair];
}

/** What the row stages say, and how many rows they looked at. */
async function run(
  entries: readonly Assembled[],
  given: RowOptions = options,
): Promise<{ results: RowResult[]; looked: number }> {
  const cache = openRowCache(folder, given);
  let known = 0;
  const counting = { ...cache, take: (rows: readonly Assembled[]) => count(cache.take(rows)) };
  const count = (taken: Taken): Taken => {
    known += taken.results.filter((result) => result !== undefined).length;
    return taken;
  };
  const results: RowResult[] = [];
  for await (const some of runRows(inGroups(entries), { ...given, threads: 0, cache: counting }))
    results.push(...some.results.map((result, at) => alone(result, at, { ...some, segments: cache.segments })));
  cache.segments.close();
  return { results, looked: entries.length - known };
}

/** The same with nothing kept. */
async function runWithout(entries: readonly Assembled[]): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for await (const some of runRows(inGroups(entries), { ...options, threads: 0, cache: null }))
    results.push(...some.results.map((result, at) => alone(result, at, { ...some, segments: noSegments })));
  return results;
}

/** Where keys of known rows stand. */
interface Known {
  runs: readonly KnownRun[];
  segments: Segments;
}

/** With its keys as when it was looked at, and its numbers in an array of their own. */
function alone(result: RowResult, place: number, known: Known): RowResult {
  if (result.texts === null) return result;
  const keys = result.keys ?? keysOf(place, known);
  if (keys.near === null) return { ...result, keys };
  const { words, bandsAt, shinglesFrom, shinglesTo } = keys.near;
  const numbers = [...words.subarray(bandsAt, bandsAt + bandCount), ...words.subarray(shinglesFrom, shinglesTo)];
  const near = { words: Uint32Array.from(numbers), bandsAt: 0, shinglesFrom: 0, shinglesTo: 0 };
  return { ...result, keys: { ...keys, near } };
}

function keysOf(place: number, { runs, segments }: Known): RowKeys {
  const run = runs.find(({ at, length }) => place >= at && place < at + length);
  const { keys } = run?.block.row(run.row + place - run.at) ?? { keys: null };
  if (keys === null) throw new Error('a row that was not looked at is in a run, with keys');
  if (keys.near === null) return { ...keys, near: null };
  const { words, bandsAt, headFrom, headTo, shingles: kept } = keys.near;
  const shingles = segments.of(kept);
  expect(shingles?.subarray(0, headTo - headFrom)).toEqual(words.subarray(headFrom, headTo));
  const all = Uint32Array.from([...words.subarray(bandsAt, bandsAt + bandCount), ...(shingles ?? [])]);
  return { ...keys, near: { words: all, bandsAt: 0, shinglesFrom: bandCount, shinglesTo: all.length } };
}

/** The one file of rows, or of shingles. */
function fileOf(ending: '.rows' | '.shingles'): string {
  const [name = ''] = readdirSync(folder).filter((one) => one.endsWith(ending));
  return join(folder, name);
}

test('what was said of a row is said again without looking, whatever became of it', async () => {
  const entries = everything(30);
  const cold = await run(entries);
  expect(cold.looked).toBe(entries.length);
  expect(new Set(cold.results.map((result) => (result.texts ? `${result.pair}` : result.reason)))).toEqual(
    new Set(['null', 'made', 'both_say_the_same', 'empty_answer', 'erased_since_collected']),
  );
  const warm = await run(entries);
  expect(warm).toEqual({ results: cold.results, looked: 0 });
});

test('a row of which the arguments of a call were redacted is looked at again', async () => {
  const calls = [{ id: 'c', function: { name: 'f', arguments: '{"to":"anna@example.org"}' } }];
  const call = { role: 'assistant', content: '', tool_calls: calls };
  const entries = [entry('a', 'Call it.', '', { messages: [{ role: 'user', content: 'Call it.' }, call] })];
  const cold = await run(entries);
  expect(JSON.stringify(cold.results)).toContain('[EMAIL_1]');
  expect(await run(entries)).toEqual(cold);
});

test('no word of a row is kept, only what was said of it', async () => {
  await run([entry('a', 'I am anna@example.org, call me.', 'Gladly, anna@example.org!  '), ...everything(3)]);
  const held = ['.rows', '.shingles'].map((ending) => readFileSync(fileOf(ending as '.rows'), 'latin1')).join('\n');
  expect(held).toContain('[EMAIL_1]');
  expect(held).not.toMatch(/anna|Gladly|call me|Because/u);
});

test('only what is new, or says something else, is looked at, and the result is that of a first build', async () => {
  const entries = everything(30);
  await run(entries);
  const third = entries[2] as Entry;
  const changed: Entry = {
    ...third,
    messages: [
      { role: 'user', content: 'Other?' },
      { role: 'assistant', content: 'No' },
    ],
  };
  const grown = [
    ...entries.slice(0, 2),
    changed,
    ...entries.slice(3, 50),
    entry('c0009z', 'New?', 'Yes'),
    ...entries.slice(60),
  ];
  const warm = await run(grown);
  expect(warm.looked).toBe(2);
  rmSync(folder, { recursive: true });
  expect((await run(grown)).results).toEqual(warm.results);
});

test('of thousands of rows, of which some come, go and change, each is told what a first build says of it', async () => {
  const all = everything(700);
  const random = numbersFrom(5);
  let isHere = all.map(() => true);
  for (const share of [1, 0.98, 0.7, 0.97, 0.02, 0.99]) {
    isHere = isHere.map((here) => (random() < share ? here : !here));
    const given = all
      .filter((_, at) => isHere[at])
      .map((row) => (random() < 0.01 && 'messages' in row ? { ...row, cutOff: true } : row));
    const kept = await run(given);
    const first = await runWithout(given);
    expect(kept.results.length).toBe(given.length);
    for (const [at, result] of kept.results.entries()) expect(result).toEqual(first[at]);
  }
});

test('other options are other results; the newest four are kept', async () => {
  const entries = everything(3);
  await run(entries);
  for (const redact of [[], ['email'], ['ip'], ['phone']] as RowOptions['build']['redact'][]) {
    expect((await run(entries, { ...options, build: { ...options.build, redact } })).looked).toBe(entries.length);
  }
  expect(readdirSync(folder)).toHaveLength(2 * 4);
  expect((await run(entries)).looked).toBe(entries.length);
});

test('a file that is torn counts as far as it is whole', async () => {
  const entries = everything(300);
  const { results } = await run(entries);
  const bytes = readFileSync(fileOf('.rows'));
  writeFileSync(fileOf('.rows'), bytes.subarray(0, Math.floor(bytes.length / 2)));
  const torn = await run(entries);
  expect(torn.results).toEqual(results);
  expect(torn.looked).toBeGreaterThan(10);
  expect(torn.looked).toBeLessThan(entries.length - 10);
});

test('a record whose bytes were changed, and what follows it, is looked at anew', async () => {
  const entries = everything(10);
  const { results } = await run(entries);
  const bytes = readFileSync(fileOf('.rows'));
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(fileOf('.rows'), bytes);
  const again = await run(entries);
  expect(again.results).toEqual(results);
  expect(again.looked).toBeGreaterThan(10);
});

test('shingles of known rows stay where they are, in few files, of which most is of rows that are there', async () => {
  const all = everything(40);
  await run(all.slice(0, 100));
  const first = fileOf('.shingles');
  const before = readFileSync(first);
  for (let count = 105; count <= 220; count += 5) {
    const { looked } = await run(all.slice(0, count));
    expect(looked).toBe(5);
    const segments = readdirSync(folder).filter((name) => name.endsWith('.shingles'));
    expect(segments.length).toBeLessThanOrEqual(16);
    if (count === 105) expect(readFileSync(first)).toEqual(before);
  }
  // Those of which nothing is left to use are let go.
  await run(all.slice(150, 160));
  await run(all.slice(150, 160));
  const { results, looked } = await run(all.slice(150, 160));
  expect(looked).toBe(0);
  expect(results).toEqual(await runWithout(all.slice(150, 160)));
  expect(readFileSync(fileOf('.shingles')).length).toBeLessThan(before.length / 5);
});

test('where shingles are gone, or fewer, all is looked at anew; where they are others, that is seen', async () => {
  const entries = everything(30);
  const { results } = await run(entries);
  const bytes = readFileSync(fileOf('.shingles'));
  rmSync(fileOf('.shingles'));
  expect(await run(entries)).toEqual({ results, looked: entries.length });
  writeFileSync(fileOf('.shingles'), bytes.subarray(4));
  expect(await run(entries)).toEqual({ results, looked: entries.length });
  writeFileSync(fileOf('.shingles'), bytes.fill(7, 0, 4));
  const cache = openRowCache(folder, options);
  const { runs } = cache.take(entries.slice(0, 2));
  const [first, second] = [0, 1].map((row) => runs[0]?.block.row(row).keys?.near?.shingles);
  expect(first && cache.segments.of(first)).toBeNull();
  expect(second && cache.segments.of(second)).toHaveLength(second?.size ?? -1);
  cache.close();
  cache.segments.close();
});

test('shingles that a build which was killed left behind are let go', async () => {
  await run(everything(3));
  const other: RowOptions = { ...options, build: { ...options.build, redact: [] } };
  await run(everything(3), other);
  const names = readdirSync(folder);
  for (const owner of [names[0]?.slice(0, 32), 'f'.repeat(32)])
    writeFileSync(join(folder, `${owner}.left.shingles`), '');
  await run(everything(3));
  await run(everything(3), other);
  expect(readdirSync(folder)).toEqual(names);
});

test.each([0, 1, 9, 60, 120, 2047])('where byte %d of the title was changed, nothing counts as kept', async (at) => {
  const entries = everything(3);
  const { results } = await run(entries);
  const bytes = readFileSync(fileOf('.rows'));
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(fileOf('.rows'), bytes);
  expect(await run(entries)).toEqual({ results, looked: entries.length });
});

test('nothing is kept of a build that ends early', async () => {
  const cache = openRowCache(folder, options);
  for await (const _ of runRows(inGroups(everything(30)), { ...options, threads: 0, cache })) break;
  expect(readdirSync(folder)).toEqual([]);
});
