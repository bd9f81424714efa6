import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSelection, refSelection, selectionDigest, selectionRef, writeSelection } from './selection.ts';

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

  test.each([
    ['torn', '{"provider":"oll', 'is not valid JSON'],
    ['empty', '', 'is not valid JSON'],
    ['a list', '[]', 'does not name a provider and a model'],
    ['without a model', '{"provider":"ollama"}', 'model: '],
    ['with an empty model', '{"provider":"ollama","model":" "}', 'model: '],
  ])('that is %s is InvalidInput', async (name, text, message) => {
    const path = join(folder, `${name}.json`);
    await writeFile(path, text);
    await expect(readSelection(path)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(message) as string,
    });
  });
});
