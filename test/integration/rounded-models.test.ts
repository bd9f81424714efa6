import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import type { ExportQuantization } from '../../src/core/export.ts';
import { importModel } from '../../src/models/import.ts';
import { findExecutable } from '../../src/process/find.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { exportModel } from '../../src/training/export-model.ts';
import { type WarmPython, createWarmPython } from '../../src/training/warm-python.ts';
import { answerOf } from '../fixtures/family-in-ollama.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';

const { python, tools } = loadConfig();
const executable = tools.ollama ?? findExecutable('ollama', searchPath());
const kinds = z.record(z.string(), z.string());
const compared = z.object({
  kinds: z.tuple([kinds, kinds]),
  same: z.number(),
  distances: z.tuple([z.number(), z.number()]),
});

describe.skipIf(!executable || !python)('a model with fewer bits', () => {
  let folder: string;
  let ollama: RealOllama;
  let warmPython: WarmPython;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-rounded-'));
    warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
    ollama = await startRealOllama(executable ?? '');
    await families('wide', folder, 'qwen2.5', 'llama-3.2', 'phi-3');
  });
  afterAll(async () => {
    await warmPython?.stop();
    await ollama?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a module of `tiny_families` prints. */
  async function families(module: string, ...args: string[]): Promise<string> {
    const lines: string[] = [];
    const child = startProcess({
      command: python ?? '',
      args: ['-m', `tiny_families.${module}`, ...args],
      cwd: join(packageRoot, 'scripts', 'litgpt'),
      env: childEnvironment({ HF_HUB_OFFLINE: '1' }),
      logFile: join(folder, 'families.log'),
      onLine: (line) => void lines.push(line),
    });
    const { code, tail } = await child.exited;
    expect(code, tail).toBe(0);
    return lines.join('\n');
  }

  async function exported(base: string, quantize?: ExportQuantization): Promise<string> {
    const spec = { adapter: null, dtype: 'float16', format: 'gguf', ...(quantize && { quantize }) } as const;
    const made = await exportModel({ dataDir: folder, python: () => python ?? '', warmPython }, { base, spec });
    return made.path;
  }

  async function imported(name: string, from: string, quantize?: ExportQuantization): Promise<string> {
    const deps = { ollama: ollama.client, modelPrefix: 'ratchet-', importsDir: join(folder, 'imports') };
    await importModel(deps, { folder: from, name, ...(quantize && { quantize }) });
    const { modelfile, details } = await ollama.client.show(name);
    if (quantize) expect(details).toMatchObject({ quantization_level: quantize.toUpperCase() });
    return /^FROM (.*)$/m.exec(z.string().parse(modelfile))?.[1] ?? '';
  }

  test.each([
    ['qwen2.5', 'q4_K_M'],
    ['qwen2.5', 'q4_K_S'],
    ['llama-3.2', 'q4_K_M'],
    ['phi-3', 'q4_K_M'],
  ] as const)('%s as %s is what Ollama makes of it', async (family, quantize) => {
    const base = join(folder, family);
    const [plain, ours] = [await exported(base), await exported(base, quantize)];
    const name = `ratchet-${family}-${quantize.toLowerCase()}`;
    const theirs = await imported(name, plain, quantize);
    const file = join(ours, 'model.gguf');
    const said = compared.parse(JSON.parse(await families('compare', join(plain, 'model.gguf'), file, theirs)));
    expect(said.kinds[0]).toEqual(said.kinds[1]);
    expect(new Set(Object.values(said.kinds[0])).size).toBeGreaterThanOrEqual(3);
    // Sums come in another order, so that here and there a weight lies on the other side of a middle.
    expect(said.same).toBeGreaterThan(0.97);
    expect(said.distances[0]).toBeLessThan(said.distances[1] * 1.002);

    await imported(`${name}-ours`, ours);
    const { details } = await ollama.client.show(`${name}-ours`);
    expect(details).toMatchObject({ quantization_level: quantize.toUpperCase() });
    // Ollama runs it: weights drawn at random say nothing, but say it.
    const question = [{ role: 'user', content: 'How long is the warranty?' }];
    const [one, other] = [
      await answerOf(ollama.client, `${name}-ours`, question, 8),
      await answerOf(ollama.client, name, question, 8),
    ];
    expect(one.text).toBeTruthy();
    expect(one.prompt).toBe(other.prompt);
  });
});
