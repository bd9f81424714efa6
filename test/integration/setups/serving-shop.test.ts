import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealOllama } from '../../fixtures/real-ollama.ts';
import { type WireServer, startWireServer, whole } from '../../fixtures/wire-server.ts';
import { type SetUp, ollamaProgram, openSetUp, startOllamaWith, textOf } from './set-up.ts';

describe.skipIf(!ollamaProgram)('the serving shop: bare model names over Ollama, llama.cpp and vLLM', () => {
  let ollama: RealOllama;
  let vllm: WireServer;
  let llamaCpp: WireServer;
  let python: WireServer;
  let setUp: SetUp;

  beforeAll(async () => {
    [ollama, vllm, llamaCpp, python] = await Promise.all([
      startOllamaWith('llama3.1:8b', 'qwen2.5-coder:7b'),
      startWireServer(['qwen-coder-vllm', 'llama2-13b-vllm'], whole('from vllm')),
      startWireServer(['native.gguf'], whole('from llama.cpp')),
      startWireServer(['python.gguf'], whole('from its Python server')),
    ]);
    setUp = await openSetUp(
      { 'ratchet.json': { providers: { 'llamacpp-python': { kind: 'llamacpp', base_url: python.url } } } },
      { OLLAMA_BASE_URL: ollama.url, VLLM_API_BASE: vllm.url, LLAMACPP_API_BASE: llamaCpp.url },
    );
  });
  afterAll(async () => {
    await setUp?.stop();
    await Promise.all([vllm?.close(), llamaCpp?.close(), python?.close()]);
    await ollama?.stop();
  });

  test.each([
    ['llama3.1:8b', 'ollama', null],
    ['qwen2.5-coder:7b', 'ollama', null],
    ['qwen-coder-vllm', 'vllm', 'from vllm'],
    ['llama2-13b-vllm', 'vllm', 'from vllm'],
    ['native.gguf', 'llamacpp', 'from llama.cpp'],
    ['python.gguf', 'llamacpp-python', 'from its Python server'],
  ])('%s is moved to %s by its name alone', async (model, provider, expected) => {
    const response = await setUp.chat({ model, max_tokens: 8 });
    const text = await textOf(response);
    expect(response.status, text).toBe(200);
    expect(response.headers.get('x-ratchet-provider')).toBe(provider);
    if (expected !== null) expect(text).toBe(expected);
  });

  test('advice for code prefers what is made for it', async () => {
    const { said, code } = await setUp.cli('models', 'advise', '--for', 'code', '--measure', '--json');
    expect(code, said).toBe(0);
    const [first] = JSON.parse(said.slice(said.indexOf('['))) as { ref: string; reason: string }[];
    expect(first?.ref).toMatch(/coder/);
    expect(first?.reason).toMatch('made for code');
  });
});
