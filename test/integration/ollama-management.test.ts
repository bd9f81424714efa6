import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig, searchPath } from '../../src/config.ts';
import { type ApiClient, createApiClient } from '../../src/cli/api-client.ts';
import { findExecutable } from '../../src/process/find.ts';
import { openStore } from '../../src/store/open.ts';
import { type ModelRegistry, digestOf, startModelRegistry } from '../fixtures/model-registry.ts';
import { type RealApi, startRealApi } from '../fixtures/real-api.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';

const command = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());
const base = 'ratchet-tiny-support-base';

interface Job {
  id: string;
  model: string;
  state: string;
  progress: { bytes: number; total: number; percent: number } | null;
  cuts: number;
  error: { code: string; message: string } | null;
}

interface JobEvent {
  id: number;
  event: string;
  data: { status?: string; state?: string; bytes?: number; percent?: number };
}

describe.skipIf(!command)('the models of a real Ollama', () => {
  let home: string;
  let registry: ModelRegistry;
  let ollama: RealOllama;
  let server: RealApi;
  let api: ApiClient;
  /** Name of the model in the registry. */
  let remote: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'ratchet-ollama-api-'));
    registry = await startModelRegistry();
    remote = `${registry.host}/library/tiny`;
    await writeSettings({ pull: 'never' });
    ollama = await startRealOllama(command ?? '');
    server = await startRealApi(home, { OLLAMA_BASE_URL: ollama.url });
    api = createApiClient({ url: server.url, apiKey: null });
    await api.post('/api/bases/tiny-support/serve');
    await api.post('/api/ollama/copy', { source: base, destination: remote });
    const push = await api.post<Job>('/api/ollama/push', { model: remote });
    await ended(push.id);
    // It was asked what it renders, and would be seen in memory by that name whatever name is asked then.
    await api.post('/api/ollama/unload', { model: base });
    await vi.waitFor(async () => expect(await ollama.client.loaded()).toEqual([]), 60_000);
  });
  afterAll(async () => {
    await server?.stop();
    await ollama?.stop();
    await registry?.close();
    await rm(home, { recursive: true, force: true });
  });
  beforeEach(() => {
    registry.faults.length = 0;
    registry.downloads.length = 0;
  });

  function writeSettings(options: object): Promise<void> {
    const all = { registries: [`http://${registry.host}`, 'registry.ollama.ai'], blob_limit_gb: 0.01, ...options };
    return writeFile(join(home, 'ratchet.json'), JSON.stringify({ providers: { ollama: { options: all } } }));
  }

  const path = (name: string) => `/api/ollama/models/${encodeURIComponent(name)}`;
  const names = async () =>
    (await api.get<{ items: { name: string }[] }>('/api/ollama/models')).items.map((one) => one.name);
  const remove = (name: string) => api.delete(`${path(name)}?force=true`);
  const pull = (model: string) => api.post<Job>('/api/ollama/pull', { model });
  const weights = () => registry.downloads.filter(({ digest }) => digest === registry.weightsOf('library/tiny:latest'));

  /** Everything that is told of a job until it has ended. */
  async function watch(id: string): Promise<JobEvent[]> {
    const all: JobEvent[] = [];
    for await (const { id: at, event, data } of api.events(`/api/ollama/jobs/${id}/events`)) {
      all.push({ id: Number(at), event, data: JSON.parse(data) as JobEvent['data'] });
    }
    return all;
  }

  async function ended(id: string): Promise<Job> {
    await watch(id);
    return api.get<Job>(`/api/ollama/jobs/${id}`);
  }

  /** Removes what Ollama has of the model in the registry, so that it has to be fetched. */
  async function forget(): Promise<void> {
    for (const name of await names()) await remove(name);
  }

  /** Waits until some of the weights, but not all, are there. */
  async function underWay(id: string): Promise<void> {
    for await (const { data } of api.events(`/api/ollama/jobs/${id}/events`)) {
      if (((JSON.parse(data) as JobEvent['data']).bytes ?? 0) > 0) return;
    }
  }

  test('a model is pushed to a registry, and pulled from it, with progress and the same bytes', async () => {
    const weightsDigest = registry.weightsOf('library/tiny:latest');
    expect(digestOf(registry.blobs.get(weightsDigest) ?? Buffer.alloc(0))).toBe(weightsDigest);
    await forget();
    const { id } = await pull(remote);
    const events = await watch(id);
    const size = registry.blobs.get(weightsDigest)?.length ?? 0;
    expect(events.filter(({ event }) => event === 'status').map(({ data }) => data.status)).toEqual(
      expect.arrayContaining(['pulling manifest', 'verifying sha256 digest', 'writing manifest', 'success']),
    );
    expect(events.findLast(({ event }) => event === 'progress')?.data).toMatchObject({ percent: 100 });
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { state: 'done', error: null } });
    const job = await api.get<Job>(`/api/ollama/jobs/${id}`);
    expect(job).toMatchObject({ kind: 'pull', state: 'done', cuts: 0, progress: { percent: 100 } });
    expect(job.progress?.total).toBeGreaterThan(size);
    expect(await ollama.client.hasBlob(weightsDigest.slice('sha256:'.length))).toBe(true);
  });

  test('is listed, shown, copied, asked, seen in memory, unloaded and deleted', async () => {
    await pull(remote).then(({ id }) => ended(id));
    await api.post('/api/ollama/copy', { source: remote, destination: 'me/tiny:v1' });
    const { items } = await api.get<{ items: object[] }>('/api/ollama/models');
    const found = { family: 'qwen2', loaded: false, selected: false, remote_host: null };
    expect(items).toContainEqual(expect.objectContaining({ name: 'me/tiny:v1', ...found }));
    expect(await api.get(path('me/tiny:v1'))).toMatchObject({ template: expect.any(String) as string });

    const asked = { model: 'ollama/me/tiny:v1', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 };
    await api.post('/v1/chat/completions', asked);
    const loaded = await api.get<{ items: { name: string; size: number; until: string }[] }>('/api/ollama/ps');
    const [one] = loaded.items.filter(({ name }) => name === 'me/tiny:v1');
    expect(one).toMatchObject({ size_vram: 0, vram_share: 0, context: expect.any(Number) as number });
    expect(one?.size).toBeGreaterThan(0);
    expect(Date.parse(one?.until ?? '')).toBeGreaterThan(Date.now());
    await api.post('/api/ollama/unload', { model: 'me/tiny:v1' });
    await vi.waitFor(async () => expect((await ollama.client.loaded()).includes('me/tiny:v1')).toBe(false), 60_000);

    expect(await api.delete(path('me/tiny:v1'))).toEqual({ deleted: 'me/tiny:v1' });
    expect(await names()).not.toContain('me/tiny:v1');
    await expect(api.delete(path('me/tiny:v1'))).rejects.toMatchObject({
      code: 'NotFound',
      message: 'Ollama does not have me/tiny:v1: get it with "ratchet models pull me/tiny:v1".',
    });
  });

  test('a download that is cut is gone on with where it was', async () => {
    await forget();
    registry.faults.push({ cutAfter: 400_000 });
    const { id } = await pull(remote);
    expect(await ended(id)).toMatchObject({ state: 'done' });
    const [first, second, ...more] = weights();
    expect(first?.from).toBe(0);
    expect(second?.from).toBeGreaterThan(0);
    expect(second?.from).toBeLessThanOrEqual(400_000);
    expect(more).toEqual([]);
  });

  test('a pull that is cancelled keeps what it has, and the next one goes on from there', async () => {
    await forget();
    registry.faults.push({ holdAfter: 400_000 });
    const { id } = await pull(remote);
    await underWay(id);
    expect(await api.post(`/api/ollama/jobs/${id}/cancel`)).toMatchObject({ state: 'cancelled', error: null });
    expect(await names()).toEqual([]);
    await vi.waitFor(async () => {
      const again = await pull(remote).then((job) => ended(job.id));
      expect(again.state).toBe('done');
    }, 120_000);
    expect(weights().at(-1)?.from).toBeGreaterThan(0);
  });

  test('a client that leaves does not stop it, and another joins', async () => {
    await forget();
    const gate = Promise.withResolvers<void>();
    registry.faults.push({ holdAfter: 300_000, until: gate.promise });
    const { id } = await pull(remote);
    await underWay(id);
    expect((await pull(`${registry.host}/library/TINY:latest`)).id).toBe(id);
    expect((await api.get<Job>(`/api/ollama/jobs/${id}`)).state).toBe('running');
    const { items } = await api.get<{ items: Job[] }>('/api/ollama/jobs');
    expect(items.filter(({ state }) => state === 'running').map((job) => job.id)).toEqual([id]);
    gate.resolve();
    expect(await ended(id)).toMatchObject({ state: 'done', cuts: 0 });
    expect(weights()).toHaveLength(1);
  });

  test('a pull outlives Ollama', async () => {
    await forget();
    registry.faults.push({ holdAfter: 400_000 });
    const { id } = await pull(remote);
    await underWay(id);
    await ollama.kill();
    await ollama.start();
    const job = await ended(id);
    expect(job).toMatchObject({ state: 'done', error: null });
    expect(job.cuts).toBeGreaterThan(0);
    expect(await names()).toContain(`${remote}:latest`);
  });

  test('a model is made from a Modelfile, from parts, and from an uploaded file', async () => {
    await api.post('/api/bases/tiny-support/serve');
    const modelfile = `FROM ${base}\nPARAMETER temperature 0.25\nSYSTEM "Be brief."`;
    expect(
      await api.post<Job>('/api/ollama/create', { model: 'brief', modelfile }).then(({ id }) => ended(id)),
    ).toMatchObject({
      state: 'done',
    });
    expect(await api.get(path('brief'))).toMatchObject({
      system: 'Be brief.',
      parameters: expect.stringMatching(/temperature +0\.25/) as string,
    });
    const parts = { model: 'long', from: 'brief', parameters: { num_ctx: 256 }, template: '{{ .Prompt }}' };
    await api.post<Job>('/api/ollama/create', parts).then(({ id }) => ended(id));
    expect(await api.get(path('long'))).toMatchObject({ template: '{{ .Prompt }}' });

    const digest = registry.weightsOf('library/tiny:latest');
    const upload = () =>
      api.open(`/api/ollama/blobs/${digest}`, { method: 'POST', body: registry.blobs.get(digest) ?? null });
    for (const name of ['brief', 'long', base]) await remove(name);
    await forget();
    await expect(api.get(`/api/ollama/blobs/${digest}`)).rejects.toMatchObject({ code: 'NotFound' });
    expect((await upload()).status).toBe(201);
    expect((await upload()).status).toBe(200);
    expect(await api.get(`/api/ollama/blobs/${digest}`)).toEqual({ digest });
    const fromFile = { model: 'from-file', modelfile: 'FROM ./tiny.gguf', files: { './tiny.gguf': digest } };
    expect(await api.post<Job>('/api/ollama/create', fromFile).then(({ id }) => ended(id))).toMatchObject({
      state: 'done',
    });
    expect(await api.get(path('from-file'))).toMatchObject({ details: { family: 'qwen2', format: 'gguf' } });
    await expect(api.post('/api/ollama/create', fromFile)).rejects.toMatchObject({ code: 'Conflict' });
    await api.post<Job>('/api/ollama/create?force=true', fromFile).then(({ id }) => ended(id));
  });

  test('an upload with a wrong digest, or too large, leaves nothing', async () => {
    const bytes = Buffer.from('not what was said');
    const wrong = `sha256:${'0'.repeat(64)}`;
    const send = (digest: string, body: Buffer) => api.open(`/api/ollama/blobs/${digest}`, { method: 'POST', body });
    await expect(send(wrong, bytes)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(`have the digest ${digestOf(bytes)}`) as string,
    });
    for (const digest of [wrong, digestOf(bytes)]) {
      await expect(api.get(`/api/ollama/blobs/${digest}`)).rejects.toMatchObject({ code: 'NotFound' });
    }
    const large = Buffer.alloc(10_000_001);
    await expect(send(digestOf(large), large)).rejects.toMatchObject({ details: { status: 413 } });
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 11; at++) controller.enqueue(Buffer.alloc(1_000_000));
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' } as RequestInit;
    await expect(api.open(`/api/ollama/blobs/${digestOf(large)}`, init)).rejects.toMatchObject({
      details: { status: 413 },
    });
  });

  test('what is selected, or a cycle needs, is deleted by force only', async () => {
    await api.post('/api/bases/tiny-support/serve');
    await api.post('/api/ollama/copy', { source: base, destination: 'chosen' });
    await expect(api.post('/api/ollama/copy', { source: base, destination: 'chosen' })).rejects.toMatchObject({
      code: 'Conflict',
    });
    await api.post('/api/promotions', { model: 'ollama/chosen' });
    await expect(api.delete(path('CHOSEN:latest'))).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringContaining('it is the selected model') as string,
    });
    const store = await openStore({ dataDir: server.dataDir });
    const cycle = '0190c0de-0000-7000-8000-000000000001';
    await store.cycles.create({ id: cycle, base: 'tiny-support', name: 'c', recipe: 'r' });
    await store.close();
    await expect(api.delete(path(base))).rejects.toMatchObject({
      message: expect.stringContaining(`the cycle ${cycle} compares with it as its base`) as string,
    });
    await remove('chosen');
    await remove(base);
    expect(await names()).not.toContain('chosen:latest');
  });

  test.each([
    ['pull', { model: '169.254.169.254/latest/meta-data' }, 'are not allowed'],
    ['pull', { model: '../../etc/passwd' }, 'is not a name of a model'],
    ['pull', { model: 'http://127.0.0.1/a/b' }, 'is not a name of a model'],
    ['push', { model: 'localhost:1/a/b' }, 'are not allowed'],
    ['push', { model: 'nowhere' }, 'Ollama does not have nowhere'],
    ['create', { model: 'x', from: '/etc/passwd' }, 'is neither a name of a model nor a file that was uploaded'],
    [
      'create',
      { model: 'x', from: 'nowhere' },
      'Ollama does not have nowhere: get it with "ratchet models pull nowhere"',
    ],
    ['create', { model: 'x', modelfile: `FROM sha256:${'0'.repeat(64)}` }, 'upload it first'],
    ['create', { model: 'x', from: 'y', remote_host: 'http://evil.example' }, 'remote_host'],
    ['copy', { source: 'nowhere', destination: 'x' }, 'Ollama does not have nowhere'],
    ['copy', { source: 'x', destination: '/x' }, 'is not a name of a model'],
    ['unload', { model: 'nowhere' }, 'Ollama does not have nowhere'],
  ])('POST /api/ollama/%s %j is refused', async (what, body, said) => {
    await expect(api.post(`/api/ollama/${what}`, body)).rejects.toThrow(said);
  });

  test('a model that the registry does not have fails with one sentence', async () => {
    const job = await pull(`${registry.host}/library/none`).then(({ id }) => ended(id));
    expect(job.error).toEqual({
      code: 'NotFound',
      message: `The registry has no ${registry.host}/library/none: look up its name and tag at https://ollama.com/library.`,
    });
  });

  test('a model that is missing is said with its command, or pulled where the settings say so', async () => {
    await forget();
    const body = { model: `ollama/${remote}`, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 };
    await expect(api.post('/api/promotions', { model: `ollama/${remote}` })).rejects.toThrow(
      `Ollama does not have ${remote}: get it with "ratchet models pull ${remote}".`,
    );
    await expect(api.post('/v1/chat/completions', body)).rejects.toMatchObject({ details: { status: 404 } });
    expect(await names()).toEqual([]);

    await writeSettings({ pull: 'missing' });
    const stream = async () => {
      const headers = { 'content-type': 'application/json' };
      const init = { method: 'POST', headers, body: JSON.stringify({ ...body, stream: true }) };
      return (await api.open('/v1/chat/completions', init)).text();
    };
    // The settings are looked at ten times a second.
    const streamed = await Promise.all([0, 1].map(() => vi.waitFor(stream, { timeout: 120_000, interval: 100 })));
    for (const text of streamed) expect(text).toContain('data: [DONE]');
    expect(weights()).toHaveLength(1);
    const elsewhere = { ...body, model: 'ollama/169.254.169.254/latest/meta-data' };
    await expect(api.post('/v1/chat/completions', elsewhere)).rejects.toThrow('are not allowed');
    await writeSettings({ pull: 'never' });
  });
});
