import { expect, test } from 'vitest';
import { byStrength, corrected, learn, prefer, reject } from './drafts.ts';
import { draft, tableOf } from './fixtures/drafts.ts';

test('a table holds as many drafts as come, each as it came', () => {
  const kinds = ['learn', 'reject', 'prefer'] as const;
  const fields = Array.from({ length: 5000 }, (_, at) =>
    draft(`c${at}.0`, {
      kind: kinds[at % 3] ?? 'learn',
      signal: at % 3 > 0 ? null : at % 2 === 0 ? 'corrected' : 'approved',
      author: at % 5 === 0 ? 'person' : 'ollama/tiny',
      topic: at % 7 === 0 ? 'travel' : null,
      raters: at % 4 === 0 ? ['anna', 'ben'] : [`rater ${at % 3}`],
      node: at % 11 === 0 ? null : `n${at % 100}`,
      prompt: at % 50,
      answer: at * 2 ** 30,
      worse: at % 3 === 2 ? at : -1,
      bare: 2 ** 53 - 1 - at,
      size: at,
      at,
      ratings: at % 9 === 4 && at < 3000 ? [{ rater: 'anna', good: true, at }] : [],
      corrections: at % 8 === 0 ? [`f${at}`] : [],
    }),
  );
  const table = tableOf(fields);
  expect(table.count).toBe(5000);
  expect(table.prompts).toBe(50);
  for (const [index, given] of fields.entries()) {
    const { id, kind, signal, author, node } = given;
    expect(table.draft(index)).toEqual({ id, kind, signal, author, node: node ?? '', index });
    expect(table.topics.nameOf(table.topic[index] ?? 0)).toBe(given.topic ?? '');
    expect(table.raterLists[table.raters[index] ?? 0]).toEqual(given.raters);
    expect(table.ratings[index] ?? []).toEqual(given.ratings);
    expect(table.corrections[index]).toEqual(given.corrections);
    const [at, prompt, answer, worse, bare, size] = [
      table.at,
      table.prompt,
      table.answer,
      table.worse,
      table.bare,
      table.size,
    ].map((column) => column[index]);
    expect({ at, prompt, answer, worse, bare, size }).toEqual({
      at: given.at,
      prompt: given.prompt,
      answer: given.answer,
      worse: given.worse,
      bare: given.bare,
      size: given.size,
    });
  }
  expect([...table.kind.subarray(0, 3)]).toEqual([learn, reject, prefer]);
  expect(table.signal[0]).toBe(corrected);
});

test('one list of raters is none that has the same names in another number', () => {
  const table = tableOf([
    draft('a.0', { raters: ['["x","y"]'] }),
    draft('b.0', { raters: ['x', 'y'] }),
    draft('c.0', { raters: [] }),
  ]);
  expect([0, 1, 2].map((at) => table.raterLists[table.raters[at] ?? 0])).toEqual([['["x","y"]'], ['x', 'y'], []]);
  expect(byStrength(table)(1, 0)).toBeLessThan(0);
});
