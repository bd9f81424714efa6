import { mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createSelectionReader,
  readSelection,
  refSelection,
  selectionDigest,
  selectionRef,
  withKeyNameOf,
  writeSelection,
} from './selection.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-selection-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('selectionRef', () => {
  test.each([
    ['litellm', 'ollama/qwen2.5:0.5b', 'ollama/qwen2.5:0.5b'],
    ['litellm', 'ollama_chat/qwen2.5:0.5b', 'ollama/qwen2.5:0.5b'],
    ['litellm', 'gpt-4o-mini', 'openai/gpt-4o-mini'],
    ['litellm', 'claude-3-sonnet', 'anthropic/claude-3-sonnet'],
    ['litellm', 'lm_studio/local-model', 'lm_studio/local-model'],
    ['ollama', 'qwen2.5:0.5b', 'ollama/qwen2.5:0.5b'],
    ['ollama', 'hf.co/org/model', 'ollama/hf.co/org/model'],
    ['litgpt', 'Qwen/Qwen2.5-0.5B', 'litgpt/Qwen/Qwen2.5-0.5B'],
  ])('%s with %s is %s', (provider, model, ref) => {
    expect(selectionRef({ provider, model })).toBe(ref);
    expect(selectionRef(refSelection(ref))).toBe(ref);
  });

  test.each(['', 'gpt-4o', '/x', 'openai/'])('%j is not a model ref', (ref) => {
    expect(() => refSelection(ref)).toThrow('write it as "provider/model"');
  });
});

describe('the selection file', () => {
  test('is read back as written, for its owner only, without a key', async () => {
    const path = join(folder, 'written.json');
    const selection = { provider: 'ollama', model: 'a' };
    await writeSelection(path, selection);
    expect(await readSelection(path)).toEqual({ selection, apiKey: null, digest: selectionDigest(selection) });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readSelection(join(folder, 'none.json'))).toBeNull();
  });

  test('may hold a key and fields of others', async () => {
    const path = join(folder, 'key.json');
    await writeFile(path, '{"provider":"litellm","model":"gpt-4o-mini","api_key":"k","note":1}');
    expect(await readSelection(path)).toMatchObject({
      selection: { provider: 'litellm', model: 'gpt-4o-mini' },
      apiKey: 'k',
    });
  });

  test.each<[string, object, object]>([
    [
      'of another selector',
      {
        localname: 'Run with Litellm',
        provider: 'ollama',
        internalprovider: 'litellm',
        model: 'llama3.2:1b',
        host: 'x',
      },
      { provider: 'ollama', model: 'llama3.2:1b' },
    ],
    ['of a folder', { provider: 'litgpt', model: null, modelpath: 'a/b' }, { provider: 'litgpt', model: 'a/b' }],
    [
      'with the name of a variable',
      { provider: 'openai', model: 'gpt-4o', api_key_env: 'TEAM_KEY' },
      { provider: 'openai', model: 'gpt-4o', apiKeyEnv: 'TEAM_KEY' },
    ],
    ['with an empty one', { provider: 'a', model: 'b', api_key_env: null }, { provider: 'a', model: 'b' }],
  ])('%s is read', async (name, value, selection) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, `\uFEFF${JSON.stringify(value)}`);
    expect(await readSelection(path)).toMatchObject({ selection, apiKey: null });
    expect((await readSelection(path))?.selection).toEqual(selection);
  });

  test('names the variable of its key again when it is written', async () => {
    const path = join(folder, 'named.json');
    const selection = { provider: 'openai', model: 'gpt-4o', apiKeyEnv: 'TEAM_KEY' };
    await writeSelection(path, selection);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      provider: 'openai',
      model: 'gpt-4o',
      api_key_env: 'TEAM_KEY',
    });
    expect(await readSelection(path)).toEqual({ selection, apiKey: null, digest: selectionDigest(selection) });
  });

  test.each([
    ['openai/a', 'openai/b', 'K'],
    ['litellm/gpt-4o', 'openai/b', 'K'],
    ['openai/a', 'ollama/b', undefined],
    ['litellm/ollama/a', 'ollama/b', 'K'],
  ])('after %s with a variable, %s has it: %s', (before, after, kept) => {
    expect(withKeyNameOf(refSelection(after), { ...refSelection(before), apiKeyEnv: 'K' }).apiKeyEnv).toBe(kept);
    expect(withKeyNameOf({ ...refSelection(after), apiKeyEnv: 'L' }, refSelection(before)).apiKeyEnv).toBe('L');
    expect(withKeyNameOf(refSelection(after), undefined).apiKeyEnv).toBeUndefined();
  });

  test('somebody who reads it again and again while it is written never finds it torn or gone', async () => {
    const path = join(folder, 'busy.json');
    const models = ['a', 'b'.repeat(9_000)];
    await writeSelection(path, { provider: 'ollama', model: 'a' });
    const writing = new AbortController();
    const reader = (async () => {
      let reads = 0;
      while (!writing.signal.aborted) {
        const { model } = JSON.parse(await readFile(path, 'utf8')) as { model: string };
        expect(models).toContain(model);
        reads++;
      }
      return reads;
    })();
    for (let turn = 0; turn < 100; turn++) {
      await writeSelection(path, { provider: 'ollama', model: models[turn % 2] ?? '' });
    }
    writing.abort();
    expect(await reader).toBeGreaterThan(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test.each([
    ['torn', '{"provider":"oll', 'is not valid JSON'],
    ['empty', '', 'is not valid JSON'],
    ['a list', '[]', 'does not name a provider and a model'],
    ['without a model', '{"provider":"ollama"}', 'model: '],
    ['with an empty model', '{"provider":"ollama","model":" "}', 'model: '],
    [
      'with a key for a name',
      '{"provider":"a","model":"b","api_key_env":"sk-abcdefghijklmnop"}',
      'api_key_env: write the',
    ],
  ])('that is %s is InvalidInput', async (name, text, message) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, text);
    await expect(readSelection(path)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('the reader that every chat asks', () => {
  let at: number;
  let path: string;
  const selected = (model: string) => JSON.stringify({ provider: 'ollama', model });
  const open = () => createSelectionReader(path, () => at);
  const modelOf = (reader: ReturnType<typeof open>) => reader.current()?.selection.model ?? null;

  beforeEach(() => {
    at = 0;
    path = join(folder, `${randomUUID()}.json`);
  });

  test('looks no more than once in 50 ms, and at once after a write of this process', async () => {
    const reader = open();
    expect(modelOf(reader)).toBeNull();
    await writeFile(path, selected('a'));
    at += 49;
    expect(modelOf(reader)).toBeNull();
    at += 1;
    expect(modelOf(reader)).toBe('a');
    await writeFile(path, selected('b'));
    expect(modelOf(reader)).toBe('a');
    reader.written();
    expect(modelOf(reader)).toBe('b');
    await rm(path);
    at += 50;
    expect(modelOf(reader)).toBeNull();
  });

  test('a file that is only half written throws until it is whole, without waiting for the next look', async () => {
    await writeFile(path, selected('a'));
    const reader = open();
    expect(modelOf(reader)).toBe('a');
    await writeFile(path, '{"provider":"oll');
    at += 50;
    expect(() => reader.current()).toThrow('is not valid JSON');
    expect(() => reader.current()).toThrow('is not valid JSON');
    await writeFile(path, selected('b'));
    expect(modelOf(reader)).toBe('b');
  });

  test('another program that keeps renaming it is followed: the reader never says what was never there', async () => {
    const reader = open();
    for (let turn = 0; turn < 100; turn++) {
      await writeFile(`${path}.new`, selected(`m${turn % 10}`));
      await rename(`${path}.new`, path);
      at += 50;
      expect(modelOf(reader)).toBe(`m${turn % 10}`);
    }
  });
});
