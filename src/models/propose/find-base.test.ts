import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import type { ModelVersion } from '../../store/types.ts';
import { type FindBaseDeps, findBase } from './find-base.ts';

let basesDir: string;
beforeAll(async () => {
  basesDir = await mkdtemp(join(tmpdir(), 'ratchet-propose-'));
  const bases = {
    mine: {},
    pulled: { ollama: 'gemma3:1b' },
    smol: { origin: { hub: 'HuggingFaceTB/SmolLM2-135M-Instruct', revision: 'main' } },
  };
  for (const [name, settings] of Object.entries(bases)) {
    await mkdir(join(basesDir, name));
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'])
      await writeFile(join(basesDir, name, file), '{}');
    await writeFile(join(basesDir, name, 'ratchet.json'), JSON.stringify(settings));
  }
});
afterAll(() => rm(basesDir, { recursive: true }));

/** As Ollama 0.17 answers `/api/show` of a model of its library. */
function shown(family: string, size: string, info: JsonObject = {}): JsonObject {
  return { details: { family, parameter_size: size }, model_info: { 'general.architecture': family, ...info } };
}

function deps(active: string | null, answer: JsonObject = {}): FindBaseDeps {
  const version = { base: 'gone', name: 'support' } as ModelVersion;
  return {
    active: () => active,
    store: { models: { byServed: (served) => Promise.resolve(served === 'ollama/test-support-1' ? version : null) } },
    ollama: { show: () => Promise.resolve(answer) },
    roots: { basesDir, builtIn: {} },
    modelPrefix: 'test-',
  };
}

test.each([
  ['a version that was trained here', 'ollama/test-support-1', { base: 'gone', name: 'support' }],
  ['a base that is served', 'ollama/test-mine-base:latest', { base: 'mine', name: 'mine' }],
  ['the model that serves a base', 'ollama/gemma3:1b', { base: 'pulled', name: 'pulled' }],
])('of %s the base is known', async (_, active, found) => {
  expect(await findBase(deps(active))).toEqual(found);
});

async function refusal(active: string | null, answer?: JsonObject) {
  const error = asRatchetError(await findBase(deps(active, answer)).catch((thrown: unknown) => thrown));
  return { code: error.code, message: error.message, proposal: error.details.proposal };
}

test('of a published model its repository is proposed, with what it costs', async () => {
  const answer = shown('qwen2', '494.03M', { 'general.parameter_count': 494_032_768, 'general.basename': 'Qwen2.5' });
  expect(await refusal('ollama/qwen2.5:0.5b', answer)).toEqual({
    code: 'BaseMissing',
    message:
      'No base is given; the active model ollama/qwen2.5:0.5b is qwen2 with 494 million parameters: "ratchet bases add Qwen/Qwen2.5-0.5B-Instruct" fetches about 1.0 GB (80 s at 100 Mbit/s), then start with base "qwen2.5-0.5b-instruct".',
    proposal: {
      active: 'ollama/qwen2.5:0.5b',
      family: 'qwen2',
      parameters: 494_032_768,
      hub: 'Qwen/Qwen2.5-0.5B-Instruct',
      base: 'qwen2.5-0.5b-instruct',
      there: false,
      download: { bytes: 988_060_000, seconds: 80, bytes_per_second: 12_500_000 },
      command: 'ratchet bases add Qwen/Qwen2.5-0.5B-Instruct',
    },
  });
});

test('what is there already is not fetched again, and not trained on by a guess either', async () => {
  const found = await refusal('ollama/smollm2:135m', shown('llama', '134.52M'));
  expect(found.message).toMatch(/the base "smol" is HuggingFaceTB\/SmolLM2-135M-Instruct: start with base "smol"\.$/);
  expect(found.proposal).toMatchObject({ base: 'smol', there: true });
});

test.each<[string, string | null, JsonObject, string]>([
  ['nothing is selected', null, {}, 'and no model is selected'],
  ['it is remote', 'openai/gpt-4o', {}, "the active model openai/gpt-4o is not one of Ollama's"],
  [
    'it is of another family',
    'ollama/x',
    shown('mamba', '2.8B'),
    'is mamba with 2.8 billion parameters, of which no base',
  ],
  ['Ollama tells nothing', 'ollama/x', {}, 'is of an unknown family with an unknown number of parameters'],
])('where %s, there is nothing to propose, and it says so', async (_, active, answer, said) => {
  const { code, message, proposal } = await refusal(active, answer);
  expect({ code, proposal }).toEqual({ code: 'BaseMissing', proposal: undefined });
  expect(message).toContain(said);
  expect(message).toMatch(/: name one of mine, pulled, smol, or add one with "ratchet bases add"\.$/);
});
