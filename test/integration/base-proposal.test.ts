import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import { readSource } from '../../src/models/import-sources.ts';
import { findExecutable } from '../../src/process/find.ts';
import { type ApiProcess, adminKey, startApiProcess } from '../fixtures/api-process.ts';
import { writeEmptyGguf } from '../fixtures/empty-gguf.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';

const executable = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());

describe.skipIf(!executable)('a cycle without a base', () => {
  let ollama: RealOllama;
  let api: ApiProcess;
  beforeAll(async () => {
    ollama = await startRealOllama(executable ?? '');
    api = await startApiProcess({ OLLAMA_BASE_URL: ollama.url, RATCHET_MODEL_PREFIX: 'test-' });
  });
  afterAll(async () => {
    await api?.remove();
    await ollama?.stop();
  });

  async function post(path: string, body: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await api.send('POST', path, body);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  test('is refused as long as no model is selected, with the bases that there are', async () => {
    const { status, body } = await post('/api/cycles');
    expect(status).toBe(422);
    expect(body).toMatchObject({
      code: 'BaseMissing',
      detail: expect.stringContaining('no model is selected') as string,
    });
    expect(body.detail).toContain('name one of tiny-support, or add one with "ratchet bases add"');
  });

  test('starts on the base that is the active model', async () => {
    const served = await post('/api/bases/tiny-support/serve');
    expect((await post('/api/promotions', { model: served.body.model })).status).toBe(200);
    // There is nothing to train on and no Temporal here: what is said tells which base was meant.
    const estimated = await post('/api/cycles/estimate');
    expect(estimated).toMatchObject({ status: 404, body: { code: 'NotFound' } });
    expect(estimated.body.detail).toContain('No dataset version of "tiny-support" has been built yet');
    expect(await post('/api/cycles')).toMatchObject({ status: 503, body: { code: 'TemporalUnavailable' } });
  });

  test('has the published model proposed whose kind and number of weights Ollama tells', async () => {
    const file = join(api.home, 'smol.gguf');
    await writeEmptyGguf(file, 'llama', 134_515_008);
    const { digest } = await readSource(file);
    await ollama.client.putBlob(digest, { path: file });
    await ollama.client.create({ model: 'smollm2:135m', files: { 'smol.gguf': digest } });
    expect((await post('/api/promotions', { model: 'ollama/smollm2:135m' })).status).toBe(200);
    const { status, body } = await post('/api/cycles', { name: 'first' });
    expect(status).toBe(422);
    expect(body.proposal).toMatchObject({
      active: 'ollama/smollm2:135m',
      family: 'llama',
      parameters: 134_515_008,
      hub: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      base: 'smollm2-135m-instruct',
      there: false,
    });
    expect(body.detail).toContain('"ratchet bases add HuggingFaceTB/SmolLM2-135M-Instruct" fetches about 0.3 GB');
  });

  test('has none proposed for weights that nobody published, which Ollama counts', async () => {
    await ollama.client.copy('test-tiny-support-base', 'stranger');
    expect((await post('/api/promotions', { model: 'ollama/stranger' })).status).toBe(200);
    const { status, body } = await post('/api/cycles', { name: 'first' });
    expect(status).toBe(422);
    expect(body.detail).toContain('the active model ollama/stranger is qwen2 with 0.6 million parameters, of which no');
    expect(body.proposal).toBeUndefined();
    const args = [join(packageRoot, 'bin/ratchet.js'), 'cycle', 'start'];
    const env = childEnvironment({
      RATCHET_HOME: api.home,
      RATCHET_API_KEY: adminKey,
      RATCHET_PORT: new URL(api.url).port,
    });
    const child = spawn(process.execPath, args, { env, cwd: api.home });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => (said += more));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(said.trim()).toBe(`ratchet: ${String(body.detail)}`);
  });
});
