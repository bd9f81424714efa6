import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, loadConfig } from '../../config.ts';
import { freePorts } from '../../process/ports.ts';

/** A workspace of the demo's own: folder, ports, namespace, model prefix. The user's own data is never touched. */
export async function createPlace(): Promise<{ config: Config; folder: string }> {
  const { cacheDir } = loadConfig();
  const id = `${new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}-${randomBytes(2).toString('hex')}`;
  const folder = join(cacheDir, 'demo', id);
  await mkdir(folder, { recursive: true });
  const [api, temporal, ui, ollama] = await freePorts(4);
  const config = loadConfig({
    RATCHET_HOME: folder,
    RATCHET_DATA_DIR: join(folder, 'data'),
    RATCHET_DATASETS_DIR: join(folder, 'datasets'),
    RATCHET_BASES_DIR: join(folder, 'bases'),
    RATCHET_SELECTION_FILE: join(folder, 'model_select.json'),
    RATCHET_CATALOGUE_FILE: join(folder, 'models_config.json'),
    RATCHET_CACHE_DIR: cacheDir,
    RATCHET_HOST: '127.0.0.1',
    RATCHET_PORT: String(api),
    RATCHET_MODEL_PREFIX: `demo-${id}-`,
    RATCHET_LOG_LEVEL: 'warn',
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal}`,
    TEMPORAL_NAMESPACE: `demo-${id}`,
    TEMPORAL_UI_PORT: String(ui),
    OLLAMA_BASE_URL: `http://127.0.0.1:${ollama}`,
  });
  // A demo chats with its own model and its own files only.
  return { config: { ...config, apiKey: null, databaseUrl: null }, folder };
}

/** Removes the workspaces of earlier runs; how many there were. */
export async function cleanPlaces(): Promise<number> {
  const root = join(loadConfig().cacheDir, 'demo');
  const places = await readdir(root).catch(() => []);
  await rm(root, { recursive: true, force: true });
  return places.length;
}
