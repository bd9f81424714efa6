import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig, searchPath } from '../../src/config.ts';
import type { ImportDeps } from '../../src/models/import.ts';
import { findExecutable } from '../../src/process/find.ts';
import { exportModel } from '../../src/training/export-model.ts';
import { createWarmPython } from '../../src/training/warm-python.ts';
import { type MadeFamily, families, makeFamilies } from '../fixtures/families.ts';
import { answerOf, importFamily } from '../fixtures/family-in-ollama.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';

const { python, tools } = loadConfig();
const executable = tools.ollama ?? findExecutable('ollama', searchPath());
/** Of each family: its chats are many in the soak `templates`. */
const [chats, counted, tokens] = [16, 4, 16];
/** How each family's version is served: Ollama's own engine, which runs Qwen 3 and Gemma 3, puts no adapter on a base. */
const served: Readonly<Record<string, string>> = { qwen3: 'gguf', 'gemma-3': 'merged' };

describe.skipIf(!executable || !python)('a family from training to Ollama', () => {
  let folder: string;
  let ollama: RealOllama;
  let deps: ImportDeps;
  let made: Map<string, Promise<MadeFamily>>;
  const stops: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-families-'));
    const making = makeFamilies(python ?? '', folder, chats);
    made = making.made;
    ollama = await startRealOllama(executable ?? '');
    const warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
    stops.push(
      making.stop,
      () => ollama.stop(),
      () => warmPython.stop(),
    );
    const exporting = { dataDir: folder, python: () => python ?? '', warmPython };
    const spec = { adapter: null, dtype: 'float16', format: 'gguf' } as const;
    deps = {
      ollama: ollama.client,
      modelPrefix: 'ratchet-',
      importsDir: join(folder, 'imports'),
      toGguf: async (base, signal) => (await exportModel(exporting, { base, spec, signal })).path,
    };
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(families)('%s: the same prompts, token for token, and the same answers', async (name) => {
    const family = await (made.get(name) ?? Promise.reject(new Error(name)));
    const { base, trained } = await importFamily(deps, family);
    expect(family.exported.format).toBe(served[name] ?? 'gguf-adapter');
    for (const { messages, text } of family.prompts) {
      const rendered = await ollama.client.render(base, messages);
      // A token of the beginning is put there by Ollama, and counted below.
      expect(text.replace(/^(<bos>|<s>|<\|begin_of_text\|>)/, '')).toBe(rendered);
    }
    for (const { messages, tokens: length } of family.prompts.slice(0, counted)) {
      expect((await answerOf(ollama.client, base, messages, 1)).prompt).toBe(length);
    }
    for (const [model, role] of [
      [base, 'base'],
      [trained, 'trained'],
    ] as const) {
      for (const answer of family.answers) {
        const { text } = await answerOf(ollama.client, model, answer.messages, tokens);
        const expected = answer[role].trimStart();
        expect(text.trimStart().slice(0, expected.length)).toBe(expected);
      }
    }
    const said = (role: 'base' | 'trained') => family.answers.map((answer) => answer[role]);
    expect(said('trained')).not.toEqual(said('base'));
    expect(said('base').join('').length).toBeGreaterThan(40);
  });
});
