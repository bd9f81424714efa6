import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../src/config.ts';
import { kinds } from '../src/providers/kinds/all.ts';

const text = readFileSync(join(packageRoot, 'docs', 'providers.md'), 'utf8');

/** The rows of the table whose head begins with these columns, as cells. */
function tableOf(...head: string[]): string[][] {
  const lines = text.split('\n');
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const at = lines.findIndex(
    (line) => line.startsWith('|') && head.every((name, place) => cells(line)[place] === name),
  );
  if (at === -1) throw new Error(`there is no table of ${head.join(', ')}`);
  const end = lines.findIndex((line, place) => place > at && !line.startsWith('|'));
  return lines.slice(at + 2, end === -1 ? undefined : end).map(cells);
}

const bare = (cell = ''): string => cell.replaceAll('`', '');
const list = (cell = ''): string[] => (cell === '–' ? [] : bare(cell).split(', '));
const features = tableOf('kind', 'chat', 'stream');
const tests = new Map(
  tableOf('test', 'where', 'name').map(([key, where, name]) => [bare(key), { where: list(where), name: name ?? '' }]),
);

test('the table of kinds says what the definitions say', () => {
  const told = tableOf('kind', 'other names').map(([kind, aliases, url, urls, keys]) => ({
    kind: bare(kind),
    aliases: list(aliases),
    url: url === 'has to be set' ? null : bare(url),
    urls: list(urls),
    keys: list(keys),
  }));
  expect(told).toEqual(
    kinds.map(({ kind, aliases = [], baseUrl, baseUrlVariables = [], apiKeyVariables = [] }) => {
      return { kind, aliases, url: baseUrl, urls: baseUrlVariables, keys: apiKeyVariables };
    }),
  );
});

test('every kind has its row of features, and every cell a test or a dash', () => {
  expect(features.map(([kind]) => bare(kind))).toEqual(kinds.map(({ kind }) => kind));
  for (const [kind, ...cells] of features) {
    expect(cells, kind).toHaveLength(9);
    for (const cell of cells) {
      if (cell === '–') continue;
      const [, , key = ''] = /^(real|wire) (\w+)$/.exec(cell) ?? [];
      expect(tests.has(key), `${kind}: ${cell}`).toBe(true);
    }
  }
});

test('what a kind is known to lack is a dash', () => {
  const columns = ['chat', 'stream', 'tools', 'vision', 'json', 'embeddings'] as const;
  for (const { kind, facts } of kinds) {
    const [, ...cells] = features.find(([name]) => bare(name) === kind) ?? [];
    for (const [at, ability] of columns.entries()) {
      if (facts?.abilities[ability] === false) expect(cells[at], `${kind}: ${ability}`).toBe('–');
    }
  }
});

/** Where the names of a shared suite stand. */
const suites = globSync('test/fixtures/{conversations,wires}/*.ts', { cwd: packageRoot });

test.each([...tests])('%s is a test that there is, and is named in the table', (key, { where, name }) => {
  expect(features.flat().some((cell) => cell.endsWith(` ${key}`))).toBe(true);
  for (const file of where) {
    const source = readFileSync(join(packageRoot, file), 'utf8');
    const shared = /run(?:Conversations|Foreign)\(/.test(source) ? suites : [];
    const sources = [source, ...shared.map((path) => readFileSync(join(packageRoot, path), 'utf8'))];
    const isThere = ["'", '"', '`'].some((quote) => sources.some((one) => one.includes(`${quote}${name}${quote}`)));
    expect(isThere, `${file}: ${name}`).toBe(true);
  }
});

test('the examples of own files are those of the fixtures', () => {
  const fixture = (name: string): string =>
    readFileSync(join(packageRoot, 'test/fixtures/own-providers', name), 'utf8');
  expect(text).toContain(fixture('plain.mjs').trim());
  expect(text).toContain(fixture('odd.mjs').split('\nasync function*')[0]?.trim());
});
