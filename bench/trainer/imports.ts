import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportResult, JobOf } from '../../src/core/job.ts';
import { type ImportDeps, importModel } from '../../src/models/import.ts';
import { exportModel } from '../../src/training/export-model.ts';
import { createWarmPython } from '../../src/training/warm-python.ts';
import { startOwnOllama } from '../own-ollama.ts';
import { rounded } from '../statistics.ts';
import type { Claim } from '../types.ts';
import { runPython, tinyBase } from './run-python.ts';

interface Brought {
  /** From the trained adapter to a model that Ollama has made. */
  seconds: number;
  /** The same, and Ollama has loaded it and said how it puts a chat. */
  checked: number;
  /** Of what was written and sent. */
  bytes: number;
}

/** A version of half a billion parameters into Ollama, as an adapter and with its weights merged. */
export interface Imports {
  adapter: Brought;
  merged: Brought;
}

/** Claims of how much less an adapter costs than a whole model. */
export function importClaims({ adapter, merged }: Imports): Claim[] {
  const claim = (name: string, ours: number, peer: number, target: number): Claim => {
    const ratio = rounded(ours / peer);
    return {
      name,
      ours: rounded(ours),
      peer: rounded(peer),
      ratio,
      target: `at most ${target}`,
      holds: ratio <= target,
    };
  };
  return [
    claim('seconds to bring a version into Ollama, beside a whole model', adapter.seconds, merged.seconds, 0.05),
    claim('megabytes of a version, beside a whole model', adapter.bytes / 1e6, merged.bytes / 1e6, 0.04),
  ];
}

/** Brings one version into a real Ollama both ways. */
export async function measureImports(paths: { python: string; ollama: string }, home: string): Promise<Imports> {
  const folder = join(home, 'imports');
  const server = await startOwnOllama(paths.ollama, folder);
  const warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
  const deps: ImportDeps = {
    ollama: server.client,
    modelPrefix: 'bench-',
    importsDir: join(folder, 'kept'),
  };
  try {
    const made = [tinyBase, folder, join(folder, 'bases-litgpt')];
    await runPython(paths.python, 'half_billion.py', made, join(folder, 'make.log'));
    const base = join(folder, 'base');
    await importModel(deps, { folder: base, name: 'bench-base' });
    const make = (format: JobOf<'export'>['export']['format']) =>
      exportModel(
        { dataDir: folder, python: () => paths.python, warmPython },
        { base, spec: { adapter: join(folder, 'adapter'), dtype: 'float16', format } },
      );
    // As in a worker: what the Python imports, it has imported.
    await make('peft');
    const adapter = await bring(
      deps,
      'bench-adapter',
      () => make('gguf-adapter'),
      ({ path }) => ({
        folder: base,
        adapter: { file: join(path, 'adapter.gguf'), base: 'bench-base' },
      }),
    );
    const merged = await bring(
      deps,
      'bench-merged',
      () => make('merged'),
      ({ path }) => ({ folder: path }),
    );
    return { adapter, merged };
  } finally {
    await warmPython.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

type Made = Pick<Parameters<typeof importModel>[1], 'folder' | 'adapter'>;

async function bring(
  deps: ImportDeps,
  name: string,
  make: () => Promise<ExportResult>,
  requestOf: (made: ExportResult) => Made,
): Promise<Brought> {
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  let seconds = 0;
  const made = await make();
  const onStatus = (status: string) => {
    if (status === 'success') seconds = since();
  };
  await importModel(deps, { ...requestOf(made), name, onStatus });
  if (seconds === 0) throw new Error(`Ollama did not tell that ${name} was made.`);
  return { seconds, checked: since(), bytes: bytesOf(made.path) };
}

function bytesOf(folder: string): number {
  const files = readdirSync(folder).filter((name) => /\.(safetensors|gguf)$/u.test(name));
  return files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
