import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CatalogueDocument, createCatalogueReader, parseCatalogue, readCatalogue } from './catalogue.ts';
import { catalogueText, syncCatalogue } from './catalogue-sync.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-catalogue-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const parse = (value: unknown) => parseCatalogue(JSON.stringify(value), 'models_config.json');

/** As a script that lists Ollama's models writes it, and a selector reads it. */
const learners = {
  models: [
    {
      localname: 'qwen2.5:0.5b with Ollama',
      model: 'qwen2.5:0.5b',
      size: 397_821_319,
      provider: 'ollama',
      internalprovider: 'ollama',
      stream: true,
    },
    {
      localname: 'Run with Litellm',
      provider: 'ollama',
      internalprovider: 'litellm',
      model: 'llama3.2:1b',
      host: 'http://localhost:11434',
      stream: true,
    },
    { localname: 'Run with LitGPT', provider: 'litgpt', internalprovider: 'litgpt', modelpath: 'Qwen/Qwen2.5-0.5B' },
  ],
};

describe('a catalogue is read however it is written', () => {
  test.each<[string, unknown, [string, string][]]>([
    [
      "a local learner's",
      learners,
      [
        ['qwen2.5:0.5b with Ollama', 'ollama/qwen2.5:0.5b'],
        ['Run with Litellm', 'ollama/llama3.2:1b'],
        ['Run with LitGPT', 'litgpt/Qwen/Qwen2.5-0.5B'],
      ],
    ],
    [
      'a list',
      [
        { name: 'mini', display_name: 'Mini', provider: 'litellm', model: 'gpt-4o-mini', api_key: 'k' },
        { name: 'claude-3-sonnet' },
      ],
      [
        ['Mini', 'openai/gpt-4o-mini'],
        ['claude-3-sonnet', 'anthropic/claude-3-sonnet'],
      ],
    ],
    [
      'refs',
      ['ollama/a', 'gpt-4o'],
      [
        ['ollama/a', 'ollama/a'],
        ['gpt-4o', 'openai/gpt-4o'],
      ].map(([, ref = '']) => [ref.slice(ref.indexOf('/') + 1), ref]),
    ],
    [
      'an object by name',
      { fast: 'groq/llama-3.1-8b-instant', deep: { provider: 'ollama', model: 'a', aliases: ['d'] } },
      [
        ['fast', 'groq/llama-3.1-8b-instant'],
        ['deep', 'ollama/a'],
      ],
    ],
    [
      "LiteLLM's list",
      [{ model_name: 'mini', litellm_params: { model: 'openai/gpt-4o-mini', api_key: 'k' } }],
      [['mini', 'openai/gpt-4o-mini']],
    ],
    ['empty', { models: [] }, []],
  ])('%s', (_, value, expected) => {
    const { items } = parse(value);
    expect(items.map(({ entry }) => entry.ref)).toEqual(expected.map(([, ref]) => ref));
    const names = items.map(({ entry }) => entry.name.replace(/^[a-z]+\//, ''));
    expect(names).toEqual(expected.map(([name]) => name));
  });

  test('what is no model is named with its place, all at once, and no key is quoted', () => {
    const bad = { models: [{ provider: 'ollama' }, 'ollama/a', { model: 'llama3', api_key: 'secret-1' }, 7] };
    expect(() => parse(bad)).toThrow(
      /^Correct models_config\.json: models\.0: name its model; models\.2: name its provider, .*; models\.3: /,
    );
    expect(() => parse(bad)).toThrow(/^(?!.*secret)/);
    expect(() => parse('x')).toThrow('write a list of models');
    expect(() => parseCatalogue('{"models": [', 'm')).toThrow('m: it is not valid JSON (line 1');
  });
});

test('a reader finds by every name, follows the file, and keeps what was good', () => {
  const file = join(folder, 'read.json');
  const said: string[] = [];
  let at = 0;
  const reader = createCatalogueReader({
    file,
    log: { warn: (facts) => said.push(String(facts['fault'])) },
    now: () => at,
  });
  const refs = (...names: string[]) => {
    at += 100;
    return names.map((name) => reader.find(name)?.ref ?? null);
  };
  expect(refs('mini')).toEqual([null]);
  const mini = { name: 'mini', display_name: 'Mini 4', alias: 'm', provider: 'openai', model: 'gpt-4o-mini' };
  writeFileSync(file, JSON.stringify([mini, { name: 'active', provider: 'a', model: 'b', alias: ['mini', 'x/y'] }]));
  expect(refs('mini', 'Mini 4', 'm', 'active', 'x/y')).toEqual([...Array(3).fill('openai/gpt-4o-mini'), null, null]);
  writeFileSync(file, '[{');
  expect(refs('mini')).toEqual(['openai/gpt-4o-mini']);
  expect(refs('mini')).toEqual(['openai/gpt-4o-mini']);
  expect(said).toHaveLength(1);
  rmSync(file);
  expect(refs('mini')).toEqual([null]);
  expect(reader.entries()).toEqual([]);
});

const listed = (provider: string, ...models: string[]) => ({ provider, models });
const sync = (document: CatalogueDocument | null, ...lists: ReturnType<typeof listed>[]) =>
  syncCatalogue({ document, listed: lists, normal: (ref) => ref, today: '2026-11-21' });

describe('a sync', () => {
  test('of nothing writes what other selectors read', () => {
    expect(sync(null, listed('ollama', 'a:latest'), listed('groq', 'b', 'a:latest')).value).toEqual({
      models: [
        { localname: 'a:latest', provider: 'ollama', internalprovider: 'ollama', model: 'a:latest', stream: true },
        { localname: 'b', provider: 'groq', internalprovider: 'litellm', model: 'b', stream: true },
        {
          localname: 'a:latest (groq)',
          provider: 'groq',
          internalprovider: 'litellm',
          model: 'a:latest',
          stream: true,
        },
      ],
    });
  });

  test('keeps names, order and fields, adds at the end, and marks what is gone where its provider was asked', () => {
    const { value, added, gone, kept } = sync(parse({ ...learners, mine: 1 }), listed('ollama', 'new', 'qwen2.5:0.5b'));
    expect({ added, gone, kept }).toEqual({
      added: ['ollama/new'],
      gone: ['ollama/llama3.2:1b'],
      kept: ['ollama/qwen2.5:0.5b', 'litgpt/Qwen/Qwen2.5-0.5B'],
    });
    const [first, second, third] = learners.models;
    expect(value).toEqual({
      models: [
        first,
        { ...second, gone_since: '2026-11-21' },
        third,
        { localname: 'new', provider: 'ollama', internalprovider: 'ollama', model: 'new', stream: true },
      ],
      mine: 1,
    });
  });

  test('what is gone keeps its first day, and loses the mark when it is back; :latest is implied', () => {
    const document = parse([{ name: 'A', provider: 'ollama', model: 'a', gone_since: '2026-01-01' }]);
    expect(sync(document, listed('ollama')).value).toEqual([
      { name: 'A', provider: 'ollama', model: 'a', gone_since: '2026-01-01' },
    ]);
    const { value, back, added } = sync(document, listed('ollama', 'a:latest'));
    expect({ value, back, added }).toEqual({
      value: [{ name: 'A', provider: 'ollama', model: 'a' }],
      back: ['ollama/a'],
      added: [],
    });
  });

  test.each<[unknown, unknown]>([
    [['ollama/a'], ['ollama/a', 'ollama/b']],
    [{ A: 'ollama/a' }, { A: 'ollama/a', b: 'ollama/b' }],
    [
      { A: { provider: 'ollama', model: 'a' } },
      { A: { provider: 'ollama', model: 'a' }, b: { provider: 'ollama', model: 'b' } },
    ],
    [
      [{ label: 'A', provider: 'ollama', model: 'a' }],
      [
        { label: 'A', provider: 'ollama', model: 'a' },
        { label: 'b', provider: 'ollama', model: 'b' },
      ],
    ],
  ])('%j grows in its own shape', (before, after) => {
    expect(sync(parse(before), listed('ollama', 'a', 'b')).value).toEqual(after);
  });

  test('never loses an entry or a field, and a second one changes nothing', () => {
    const model = fc.constantFrom('a', 'b', 'c', 'd:latest', 'e');
    const lists = fc.array(model, { maxLength: 5 }).map((models) => listed('ollama', ...new Set(models)));
    // As it is in a file: JSON has one zero.
    const extra = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));
    const entry = fc.record({ provider: fc.constantFrom('ollama', 'groq'), model, extra });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), lists, (entries, list) => {
        const once = sync(parse(entries), list).value as object[];
        const unmarked = once.map((raw) =>
          Object.fromEntries(Object.entries(raw).filter(([name]) => name !== 'gone_since')),
        );
        expect(unmarked.slice(0, entries.length)).toEqual(entries);
        expect(sync(parse(once), list).value).toEqual(once);
        const refs = parse(once).items.map(({ entry }) => entry.ref);
        expect(refs).toEqual(expect.arrayContaining(list.models.map((name) => `ollama/${name}`)));
      }),
    );
  });

  test('the indent stays', () => {
    expect(catalogueText([1], '[\n\t2\n]')).toBe('[\n\t1\n]\n');
    expect(catalogueText([1], null)).toBe('[\n    1\n]\n');
  });
});

test('a file that cannot be read is told, one that is not there is none', () => {
  expect(readCatalogue(join(folder, 'none.json'))).toBeNull();
  writeFileSync(join(folder, 'some.json'), '["a/b"]');
  chmodSync(join(folder, 'some.json'), 0o600);
  expect(readCatalogue(join(folder, 'some.json'))?.items).toHaveLength(1);
});
