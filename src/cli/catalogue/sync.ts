import { stat } from 'node:fs/promises';
import { loadConfig } from '../../config.ts';
import { asRatchetError } from '../../core/errors.ts';
import { readCatalogue } from '../../models/catalogue.ts';
import { type Listed, type SyncResult, catalogueText, holdsKey, syncCatalogue } from '../../models/catalogue-sync.ts';
import { providersOf } from '../../providers/instances.ts';
import { createProviderKeys } from '../../providers/keys.ts';
import { kinds } from '../../providers/kinds/all.ts';
import { loadOwnProviders } from '../../providers/own.ts';
import { type Registry, createRegistry } from '../../providers/registry.ts';
import type { Provider } from '../../providers/types.ts';
import { createSettings } from '../../settings.ts';
import { writeFileDurably } from '../../store/files.ts';

export interface SyncOptions {
  dryRun?: boolean;
  json?: boolean;
  /** Names of the providers to ask; all that are set up unless given. */
  provider?: string[];
}

interface Asked {
  listed: Listed[];
  /** Providers that somebody set up and that did not answer. */
  failed: { provider: string; message: string }[];
}

const answerMs = 15_000;

/** `ratchet models sync`: writes what providers list into the catalogue. */
export async function syncModels(options: SyncOptions): Promise<void> {
  const config = loadConfig();
  const { catalogueFile: file } = config;
  const log = { info: () => {}, warn: () => {} };
  const settings = createSettings({ file: config.settingsFile, log }).current();
  const definitions = [...kinds, ...(await loadOwnProviders(config.providersDir)).definitions];
  const keys = createProviderKeys(config.providerKeysFile);
  const registry = createRegistry(providersOf({ config, settings, keys, definitions }), definitions);
  const document = readCatalogue(file);
  const { listed, failed } = await askProviders(registry, options.provider);
  const result = syncCatalogue({
    document,
    listed,
    normal: (ref) => normalRef(registry, ref),
    today: new Date().toISOString().slice(0, 10),
  });
  const isChanged = document === null || result.added.length + result.gone.length + result.back.length > 0;
  if (isChanged && options.dryRun !== true) {
    const mode = holdsKey(document?.items.map(({ entry }) => entry) ?? []) ? 0o600 : await modeOf(file);
    await writeFileDurably(file, catalogueText(result.value, document?.text ?? null), mode);
  }
  const isWritten = isChanged && options.dryRun !== true;
  console.log(options.json ? asJson(file, isWritten, result, failed) : describe(file, isWritten, result, failed));
}

async function askProviders(registry: Registry, names: readonly string[] | undefined): Promise<Asked> {
  const chosen = names?.map((name) => registry.get(name)?.name ?? name);
  const providers = registry.providers.filter(({ name }) => chosen?.includes(name) ?? true);
  const asked: Asked = { listed: [], failed: [] };
  for (const name of chosen ?? []) {
    if (!registry.get(name)) asked.failed.push({ provider: name, message: 'There is no provider of that name.' });
  }
  await Promise.all(providers.map((provider) => ask(provider, asked, chosen !== undefined)));
  const order = new Map(registry.providers.map(({ name }, at) => [name, at]));
  asked.listed.sort((a, b) => (order.get(a.provider) ?? 0) - (order.get(b.provider) ?? 0));
  return asked;
}

/** One that nobody set up is not missed, unless it was asked for by name. */
async function ask(provider: Provider, { listed, failed }: Asked, isWanted: boolean): Promise<void> {
  const setUp = provider.setUp();
  if (setUp.state === 'missing') {
    if (isWanted) failed.push({ provider: provider.name, message: `${setUp.hint}.` });
    return;
  }
  try {
    await provider.proxy?.look();
    const models = await provider.listModels({ signal: AbortSignal.timeout(answerMs) });
    if (models.length > 0 || setUp.state === 'given') listed.push({ provider: provider.name, models });
  } catch (error) {
    if (isWanted || setUp.state === 'given') {
      failed.push({ provider: provider.name, message: asRatchetError(error).message });
    }
  }
}

function normalRef(registry: Registry, ref: string): string {
  const target = registry.split(ref);
  return target ? `${target.provider.name}/${target.model}` : ref;
}

async function modeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => null);
  return found ? found.mode & 0o777 : 0o644;
}

function asJson(file: string, written: boolean, { added, gone, back, kept }: SyncResult, failed: Asked['failed']) {
  return JSON.stringify({ file, written, added, gone, back, kept, failed }, null, 2);
}

function describe(file: string, written: boolean, result: SyncResult, failed: Asked['failed']): string {
  const { added, gone, back, kept } = result;
  return [
    ...added.map((ref) => `+ ${ref}`),
    ...back.map((ref) => `+ ${ref} is back`),
    ...gone.map((ref) => `- ${ref} is gone; its entry stays, marked`),
    ...failed.map(({ provider, message }) => `! ${provider} could not be asked, so that its models stay: ${message}`),
    `${written ? 'Written' : 'Not written'}: ${file}. New ${added.length}, back ${back.length}, gone ${gone.length}, as before ${kept.length}.`,
  ].join('\n');
}
