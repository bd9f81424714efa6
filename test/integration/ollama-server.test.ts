import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import { importModel } from '../../src/models/import.ts';
import { createOllamaClient } from '../../src/models/ollama.ts';
import { findExecutable } from '../../src/process/find.ts';
import { freePort } from '../../src/process/ports.ts';
import { type RunningPart, startOllama } from '../../src/workspace/outside-parts.ts';

const command = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());

describe.skipIf(!command)('an Ollama that is started here', () => {
  let home: string;
  let part: RunningPart | null = null;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'ratchet-ollama-home-'));
  });
  afterEach(async () => {
    await part?.child?.stop();
    part = null;
    await rm(home, { recursive: true, force: true });
  });

  async function start(lines: Record<string, string>): Promise<RunningPart> {
    const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(home, '.env'), text.join(''));
    part = await startOllama(loadConfig({ RATCHET_HOME: home }), { path: command ?? '' });
    return part;
  }

  test('has in force what .env says: its models, its context, and how long a model stays', async () => {
    const port = await freePort();
    const { url, child } = await start({
      OLLAMA_HOST: `127.0.0.1:${port}`,
      OLLAMA_MODELS: 'models',
      OLLAMA_CONTEXT_LENGTH: '256',
      OLLAMA_KEEP_ALIVE: '2h',
    });
    expect(url).toBe(`http://127.0.0.1:${port}`);
    expect(child).not.toBeNull();
    const ollama = createOllamaClient(url);
    const folder = join(packageRoot, 'scripts/litgpt/tiny_base/model');
    const deps = { ollama, modelPrefix: 'ratchet-', importsDir: join(home, 'imports') };
    await importModel(deps, { folder, name: 'ratchet-tiny' });
    const body = JSON.stringify({ model: 'ratchet-tiny', prompt: 'Hello', stream: false, options: { num_predict: 1 } });
    await fetch(`${url}/api/generate`, { method: 'POST', body });
    const [model] = await ollama.running();
    expect(model).toMatchObject({ name: 'ratchet-tiny:latest', context: 256 });
    expect(Date.parse(model?.until ?? '')).toBeGreaterThan(Date.now() + 3_600_000);
    // The one that answers is used, and never a second one started.
    expect(await startOllama(loadConfig({ RATCHET_HOME: home }), { path: '/nowhere' })).toMatchObject({ child: null });
  });
});
