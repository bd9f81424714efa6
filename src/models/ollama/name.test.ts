import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { managementOf } from '../../core/ollama-options.ts';
import { findModelName, listedName, parseModelName, registryOf, sameModel } from './name.ts';

const host = 'registry.ollama.ai';

describe('the name of a model', () => {
  test.each([
    ['qwen2.5', { host, namespace: 'library', model: 'qwen2.5', tag: 'latest' }],
    ['qwen2.5:0.5b', { host, namespace: 'library', model: 'qwen2.5', tag: '0.5b' }],
    ['me/mine:v1', { host, namespace: 'me', model: 'mine', tag: 'v1' }],
    [
      'hf.co/bartowski/Qwen2.5-GGUF:Q4_K_M',
      { host: 'hf.co', namespace: 'bartowski', model: 'Qwen2.5-GGUF', tag: 'Q4_K_M' },
    ],
    ['127.0.0.1:5000/library/tiny', { host: '127.0.0.1:5000', namespace: 'library', model: 'tiny', tag: 'latest' }],
  ])('%s is read as Ollama reads it', (text, name) => {
    expect(parseModelName(text)).toEqual(name);
  });

  test.each([
    '',
    ':latest',
    'a:',
    '/a',
    'a/',
    '-a',
    '.a',
    'a b',
    'a\nb',
    'a\0',
    '../../etc/passwd',
    './model.gguf',
    '/etc/passwd',
    '~/model',
    'a//b',
    'a/b/c/d',
    'http://host/a/b',
    'https://user:secret@host/a/b',
    'host/na.me/model',
    'a@sha256:00',
    'a?b=c',
    'a#b',
    'a%2fb',
    'ä',
    'a'.repeat(81),
    `a:${'b'.repeat(81)}`,
  ])('%j is none', (text) => {
    expect(findModelName(text)).toBeNull();
    expect(() => parseModelName(text)).toThrow(/is not a name of a model: write it as/);
  });

  test.each([
    ['tiny', 'tiny:latest', true],
    ['tiny', 'TINY:Latest', true],
    ['tiny', 'library/tiny', true],
    ['tiny', 'registry.ollama.ai/library/tiny:latest', true],
    ['tiny', 'tiny:v1', false],
    ['tiny', 'me/tiny', false],
    ['tiny', 'hf.co/library/tiny', false],
  ])('%s and %s are one model: %s', (one, other, same) => {
    expect(sameModel(one, other)).toBe(same);
  });

  test('what is listed means the same model again, whatever the name', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,20}$/);
    const name = fc.record({ host: part, namespace: part, model: part, tag: part });
    fc.assert(
      fc.property(name, (parts) => {
        expect(parseModelName(listedName(parts))).toEqual(parts);
      }),
    );
  });

  test('any text is a name of safe characters, or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const name = findModelName(text);
        if (name) expect(Object.values(name).join('')).toMatch(/^[A-Za-z0-9_.:-]+$/);
      }),
    );
  });
});

describe('the registry that a name means', () => {
  const allowed = (registries?: string[]) => managementOf(registries ? { registries } : {}).registries;

  test.each([
    ['qwen2.5', undefined, { host, plain: false }],
    ['hf.co/a/b', undefined, { host: 'hf.co', plain: false }],
    ['HF.co/a/b', undefined, { host: 'hf.co', plain: false }],
    ['127.0.0.1:5000/library/tiny', ['http://127.0.0.1:5000'], { host: '127.0.0.1:5000', plain: true }],
    ['models.example/a/b', ['https://Models.Example'], { host: 'models.example', plain: false }],
  ])('%s with %j', (text, registries, found) => {
    expect(registryOf(parseModelName(text), allowed(registries))).toEqual(found);
  });

  test.each([
    ['169.254.169.254/latest/meta-data', undefined],
    ['localhost:6379/a/b', undefined],
    ['127.0.0.1:5001/library/tiny', ['http://127.0.0.1:5000']],
    ['hf.co.evil.example/a/b', undefined],
    ['qwen2.5', ['models.example']],
  ])('%s is refused with %j, and it is said what would allow it', (text, registries) => {
    expect(() => registryOf(parseModelName(text), allowed(registries))).toThrow(
      /are not allowed: add it to providers\.ollama\.options\.registries/,
    );
  });

  test.each([
    [{ registries: ['http://user@host'] }, /registries\.0: write a registry as/],
    [{ registries: ['host/path'] }, /registries\.0: write a registry as/],
    [{ pull: 'always' }, /pull: /],
    [{ blob_limit_gb: 0 }, /blob_limit_gb: /],
  ])('%j is a fault in the settings', (options, said) => {
    expect(() => managementOf(options)).toThrow(said);
  });
});
