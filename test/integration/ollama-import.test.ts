import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import { type Recipe, recipeSchema } from '../../src/core/recipe.ts';
import type { Ask } from '../../src/evaluation/answer.ts';
import { evaluate } from '../../src/evaluation/evaluate.ts';
import { ensureBaseServed, builtInBases, resolveBase } from '../../src/models/bases.ts';
import { createChatTemplate, readChatTemplate } from '../../src/models/chat-template.ts';
import { chatTemplates } from '../../src/models/fixtures/chat-templates.ts';
import { type ImportDeps, importModel, removeModel } from '../../src/models/import.ts';
import { type OllamaClient, createOllamaClient } from '../../src/models/ollama.ts';
import { sampleChats, toOllamaTemplate } from '../../src/models/template.ts';
import { findExecutable } from '../../src/process/find.ts';
import { freePort } from '../../src/process/ports.ts';
import { exportTiny } from '../fixtures/export-tiny.ts';
import { startProcess } from '../../src/process/supervise.ts';
import type { Supervised } from '../../src/process/types.ts';
import { openStore } from '../../src/store/open.ts';

const executable = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());
const base = builtInBases(packageRoot)['tiny-support'] ?? '';
const name = 'ratchet-tiny';
const chatSchema = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1) });
const worldSchema = z.object({ eval_prompts: z.array(z.object({ prompt: z.string(), expect: z.string() })) });

const signal = () => AbortSignal.timeout(240_000);

function asked(model: string, content: string): Parameters<Ask>[0] {
  return { model: `ollama/${model}`, messages: [{ role: 'user', content }], temperature: 0, seed: 1, max_tokens: 40 };
}

async function readWorld() {
  return worldSchema.parse(
    JSON.parse(await readFile(join(packageRoot, 'scripts/litgpt/tiny_base/world.json'), 'utf8')),
  );
}

describe.skipIf(!executable)('a real Ollama', () => {
  let folder: string;
  let server: Supervised;
  let ollama: OllamaClient;
  let deps: ImportDeps;
  let exported: { adapter: string; merged: string };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-import-'));
    const url = `http://127.0.0.1:${await freePort()}`;
    server = startProcess({
      command: executable ?? '',
      args: ['serve'],
      env: childEnvironment({ OLLAMA_HOST: url, OLLAMA_MODELS: join(folder, 'models') }),
      logFile: join(folder, 'ollama.log'),
    });
    ollama = createOllamaClient(url);
    deps = { ollama, modelPrefix: 'ratchet-', importsDir: join(folder, 'imports') };
    await vi.waitFor(() => ollama.version(), { timeout: 120_000, interval: 100 });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ask: Ask = async ({ model, ...request }, signal) => {
    const body = JSON.stringify({ ...request, model: model.slice('ollama/'.length) });
    const response = await fetch(`${ollama.url}/v1/chat/completions`, { method: 'POST', body, signal });
    return chatSchema.parse(await response.json()).choices[0]?.message.content ?? '';
  };

  test('imports a folder once, says what it does, and does nothing the second time', async () => {
    const said: string[] = [];
    const imported = await importModel(deps, { folder: base, name, onStatus: (status) => said.push(status) });
    expect(imported).toEqual({ served: `ollama/${name}`, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(said).toContain('sending model.safetensors');
    expect(said.at(-1)).toBe('success');
    const again: string[] = [];
    expect(await importModel(deps, { folder: base, name, onStatus: (status) => again.push(status) })).toEqual(imported);
    expect(again).toEqual([]);
    expect((await ollama.find(name))?.digest).toBe(imported.digest);
    expect(await ollama.show(name)).toMatchObject({ parameters: expect.stringContaining('<|im_end|>') as string });
  });

  test('is asked in the words of the chat template, token for token, and answers', async () => {
    const template = await readChatTemplate(base);
    for (const chat of sampleChats(template)) {
      expect(await ollama.render(name, chat)).toBe(template.render(chat, true));
    }
    const text = await ask(asked(name, 'How long is the warranty?'), signal());
    expect(text).toMatch(/warranty of \d+ months\.$/);
  });

  test('renders the templates of known models exactly', async () => {
    const tokens = { bos: '<s>', eos: '</s>', endTokens: [], addedTokens: new Set<string>() };
    for (const [model, source] of Object.entries(chatTemplates)) {
      const template = createChatTemplate(source, tokens);
      await ollama.create({ model: 'ratchet-template', from: name, template: toOllamaTemplate(template) });
      for (const chat of sampleChats(template)) {
        expect(await ollama.render('ratchet-template', chat), model).toBe(template.render(chat, true));
      }
    }
  });

  test('takes a model away again that would be asked in other words', async () => {
    const other = join(folder, 'other');
    await cp(base, other, { recursive: true });
    const path = join(other, 'tokenizer_config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const source =
      "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content | replace('\\n', ' ') }}<|im_end|>{% endfor %}";
    await writeFile(path, JSON.stringify({ ...config, chat_template: source }));
    await expect(importModel(deps, { folder: other, name: 'ratchet-other' })).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining('in other words than its own chat template') as string,
    });
    expect(await ollama.find('ratchet-other')).toBeNull();
    await writeFile(path, JSON.stringify({ ...config, chat_template: null }));
    await expect(importModel(deps, { folder: other, name: 'ratchet-other' })).rejects.toThrow('has no chat template');
  });

  test.each(['tiny', 'ratchet-', 'Ratchet-x', 'ratchet-a/b', 'ratchet-../x'])('refuses the name %j', async (bad) => {
    await expect(importModel(deps, { folder: base, name: bad })).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(removeModel(deps, bad)).rejects.toMatchObject({ code: 'InvalidInput' });
  });

  test('serves a base under its own name, or the one that its ratchet.json names', async () => {
    const roots = { basesDir: join(folder, 'bases'), builtIn: builtInBases(packageRoot) };
    const tiny = await resolveBase(roots, 'tiny-support');
    expect((await ensureBaseServed(deps, tiny)).served).toBe('ollama/ratchet-tiny-support-base');
    expect((await ensureBaseServed(deps, { ...tiny, ollama: name })).served).toBe(`ollama/${name}`);
    await expect(ensureBaseServed(deps, { ...tiny, ollama: 'none' })).rejects.toMatchObject({
      code: 'BaseMissing',
      message: expect.stringContaining('run "ollama pull none"') as string,
    });
  });

  test('quantised, it still answers; unloading and removing it works', async () => {
    await importModel(deps, { folder: base, name: 'ratchet-small', quantize: 'q8_0' });
    const details = await ollama.show('ratchet-small');
    expect(details).toMatchObject({ details: { quantization_level: 'Q8_0' } });
    await ollama.render('ratchet-small', [{ role: 'user', content: 'a' }]);
    expect(await ollama.loaded()).toContain('ratchet-small:latest');
    await ollama.unload('ratchet-small');
    await vi.waitFor(async () => expect(await ollama.loaded()).not.toContain('ratchet-small:latest'), 60_000);
    expect(await removeModel(deps, 'ratchet-small')).toBe(true);
    expect(await removeModel(deps, 'ratchet-small')).toBe(false);
  });

  test('an adapter goes on the base that is there, in few bytes, and answers as the merged weights do', async () => {
    exported = await exportTiny(folder);
    const request = { folder: base, name: 'ratchet-adapted', adapter: { file: exported.adapter, base: name } };
    const timed: unknown[] = [];
    const watched: OllamaClient = {
      ...ollama,
      time: (model, how, ends) => {
        timed.push({ model, options: how.options });
        return ollama.time(model, how, ends);
      },
    };
    // While training has the GPU, the trial keeps away from it as well.
    const adapted = await importModel({ ...deps, ollama: watched, gpuLent: () => true }, request);
    expect(timed).toEqual([{ model: 'ratchet-adapted', options: { num_gpu: 0 } }]);
    await vi.waitFor(async () => expect(await ollama.loaded()).not.toContain('ratchet-adapted:latest'), 60_000);
    await importModel(deps, { folder: exported.merged, name: 'ratchet-merged' });
    const questions = (await readWorld()).eval_prompts.slice(0, 24).map(({ prompt }) => prompt);
    const say = async (model: string) =>
      Promise.all(questions.map(async (content) => ask(asked(model, content), signal())));
    const [plain, withAdapter, merged] = [await say(name), await say('ratchet-adapted'), await say('ratchet-merged')];
    expect(withAdapter).toEqual(merged);
    expect(withAdapter).not.toEqual(plain);
    const again: string[] = [];
    expect(await importModel(deps, { ...request, onStatus: (status) => again.push(status) })).toEqual(adapted);
    expect(again).toEqual([]);
    // Both have the same file of the base; what is added is the adapter's.
    const [on, under] = [await ollama.find('ratchet-adapted'), await ollama.find(name)];
    expect((on?.size ?? 0) - (under?.size ?? 0)).toBeLessThan((under?.size ?? 0) / 4);
    // What a promotion does where the adapter is slow: merged weights under the same name.
    const replaced = await importModel(deps, { folder: exported.merged, name: 'ratchet-adapted' });
    expect(replaced).toEqual({ served: adapted.served, digest: (await ollama.find('ratchet-adapted'))?.digest });
    expect(replaced.digest).not.toBe(adapted.digest);
    expect(await say('ratchet-adapted')).toEqual(merged);
    expect(await ollama.find(name)).toEqual(under);
  });

  test('an adapter that Ollama cannot run is taken away again, and the base stays', async () => {
    const { adapter } = exported;
    const broken = join(folder, 'broken.gguf');
    const bytes = await readFile(adapter);
    // A tensor of a layer that the base does not have.
    await writeFile(broken, Buffer.from(bytes.toString('latin1').replaceAll('blk.0.', 'blk.9.'), 'latin1'));
    const request = { folder: base, name: 'ratchet-broken', adapter: { file: broken, base: name } };
    await expect(importModel({ ...deps, gpuLent: () => true }, request)).rejects.toMatchObject({
      code: 'ProviderRejected',
      message: `Ollama runs ${name} but not with this adapter on it: import the merged weights.`,
    });
    expect(await ollama.find('ratchet-broken')).toBeNull();
    // What is loaded without the GPU would stay there.
    await vi.waitFor(async () => expect(await ollama.loaded()).not.toContain(`${name}:latest`), 60_000);
    const missing = { file: adapter, base: 'ratchet-none' };
    await expect(importModel(deps, { ...request, adapter: missing })).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('an evaluation asks each model once and finds the facts that the base was taught', async () => {
    const world = await readWorld();
    const suite = world.eval_prompts.slice(0, 12).map(({ prompt, expect: value }, index) => ({
      id: String(index),
      messages: [{ role: 'user', content: prompt }],
      checks: [{ kind: 'contains', metric: 'facts', value }],
    }));
    const recipe: Recipe = recipeSchema.parse({ name: 'r', base: 'b', evaluate: { suite, max_tokens: 60 } });
    const store = await openStore({ dataDir: join(folder, 'data') });
    const progress: number[] = [];
    const tiny = `ollama/${name}`;
    const served = { candidate: tiny, base: 'ollama/ratchet-tiny-support-base', opponent: tiny };
    const { evaluation, digest, n } = await evaluate(
      { ask, blobs: store.blobs },
      {
        evaluate: recipe.evaluate,
        datasetFolder: folder,
        served,
        signal: AbortSignal.timeout(240_000),
        onProgress: ({ done, total }) => progress.push(done / total),
      },
    );
    expect(n).toBe(12);
    expect(Object.keys(evaluation.answers)).toEqual(['candidate', 'base']);
    expect(evaluation.answers.candidate).toEqual(evaluation.answers.base);
    expect(evaluation.means.candidate?.facts).toBeGreaterThan(0.8);
    expect(progress.at(-1)).toBe(1);
    expect(await store.blobs.getJson(digest)).toEqual(evaluation);
    await store.close();
  });

  test('when it is gone, the error says how to start it', async () => {
    const gone = createOllamaClient(`http://127.0.0.1:${await freePort()}`);
    await expect(gone.version()).rejects.toMatchObject({
      code: 'ProviderUnavailable',
      message: expect.stringContaining('Start Ollama ("ollama serve"), or set OLLAMA_BASE_URL.') as string,
    });
    await expect(ollama.show('ratchet-none')).rejects.toMatchObject({ code: 'NotFound' });
  });
});
