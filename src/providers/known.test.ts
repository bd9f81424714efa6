import { expect, test } from 'vitest';
import { parseSettings } from '../core/settings.ts';
import { kinds } from './kinds/all.ts';
import { kindFaults } from './known.ts';

test.each<[object, RegExp[]]>([
  [{ ollama: {}, near: { kind: 'openai' }, far: { kind: 'together_ai' } }, []],
  [
    { grok: { record: 'none' } },
    [/^providers\.grok: there is no provider of that name: the nearest is "groq"; one with/],
  ],
  [{ together_ai: {} }, [/^providers\.together_ai: it is called "together" here: write that$/]],
  [{ near: { kind: 'opnai' } }, [/^providers\.near\.kind: there is no kind "opnai": the nearest is "openai"$/]],
  [{ near: { kind: 'zzzzzz' } }, [/^providers\.near\.kind: there is no kind "zzzzzz": use one of ollama, /]],
  [{ a: { retries: 1 }, b: { kind: 'b' } }, [/^providers\.a: /, /^providers\.b\.kind: /]],
  [{ gone: { train: true, record: 'none' } }, []],
  [{ mine: {}, other: { kind: 'mine' } }, []],
])('%j', (providers, expected) => {
  const found = kindFaults({ providers }, kinds, ['mine']);
  expect(found).toHaveLength(expected.length);
  for (const [at, pattern] of expected.entries()) expect(found[at]).toMatch(pattern);
});

test.each([null, [], 'text', {}, { providers: [] }, { providers: { a: 1 } }])('%j is no fault of a kind', (value) => {
  expect(kindFaults(value, kinds, ['a'])).toEqual([]);
});

test('they stand in the one report beside every other fault', () => {
  const text = JSON.stringify({
    providers: { near: { kind: 'opnai' }, ollama: { train: 'yes' } },
    retention: { days: -1 },
  });
  const check = (value: unknown): string[] => kindFaults(value, kinds);
  const report = /providers\.ollama\.train: .*retention\.days: .*providers\.near\.kind: there is no kind "opnai"/s;
  expect(() => parseSettings(text, 'ratchet.json', {}, check)).toThrow(report);
});

test('each kind checks the options of its providers and of their models', () => {
  const settings = {
    providers: {
      ollama: { options: { num_ctx: '2048', numa: true } },
      far: { kind: 'ollama', options: { use_mmap: 1 } },
    },
    models: { 'far/x': { options: { stop: [1], keep_alive: '10m' } }, 'openai/y': { options: { num_ctx: 'any' } } },
  };
  expect(kindFaults(settings, kinds)).toEqual([
    'providers.ollama.options.num_ctx: write a whole number',
    'providers.far.options.use_mmap: write true or false',
    'models.far/x.options.stop: write a text or a list of texts',
  ]);
});
