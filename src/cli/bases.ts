import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Config, loadConfig, packageRoot } from '../config.ts';
import { type BaseOrigin, builtInBases } from '../models/bases.ts';
import { type AddedBase, addBase } from '../models/hub/add-base.ts';
import { createHub } from '../models/hub/client.ts';
import { type BaseSource, baseNameOf, folderSource, hubSource } from '../models/hub/source.ts';
import type { Figures } from '../models/ollama/figures.ts';
import { ensureParts } from '../setup/ensure.ts';
import { withLock } from '../setup/lock.ts';
import { checkBase } from '../training/check-base.ts';
import { createWarmPython } from '../training/warm-python.ts';
import { connectApi } from './connection.ts';
import { type PromotionView, tellPromotion } from './models.ts';
import { progressText, sizeText } from './ollama/views.ts';
import { stopSignal } from './until-stopped.ts';
import { createPrinter } from './watch.ts';

interface AddOptions {
  name?: string;
  revision?: string;
  json?: boolean;
}

/** `ratchet bases`: what training starts from. */
export function registerBases(program: Command): void {
  const bases = program
    .command('bases')
    .alias('base')
    .description('what training starts from: add, list and use bases');
  bases
    .command('add <model>')
    .description('get a base from the hub, such as Qwen/Qwen2.5-0.5B-Instruct, or from a folder of this machine')
    .option('--name <name>', 'what it is called here (default: made of its name there)')
    .option('--revision <revision>', 'branch, tag or commit of the hub (default: main)')
    .option('--json', 'print the base as one JSON object; progress goes to standard error')
    .addHelpText('after', addHelp)
    .action(add);
  bases.command('list').description('the bases that can be trained').option('--json', 'print JSON').action(list);
  bases.command('use <name>').description('serve a base through Ollama and select it, to chat with it').action(use);
}

const addHelp = `
It runs where the bases folder is, and asks no API. A fetch that was cut goes on when it is run again.
HF_TOKEN gets models that are not for everybody, HF_ENDPOINT names another hub than https://huggingface.co.`;

async function add(model: string, options: AddOptions): Promise<void> {
  const config = loadConfig();
  const signal = stopSignal();
  const print = createPrinter(options.json ? process.stderr : process.stdout);
  const name = options.name ?? baseNameOf(model);
  const source = await sourceOf(config, model, { revision: options.revision ?? 'main', signal });
  const onProgress = (line: string): void => print(line, false);
  const { python } = await ensureParts(['python'], { config, signal, onProgress });
  const warmPython = createWarmPython({ logFile: join(config.dataDir, 'logs', 'python.log') });
  const checking = { dataDir: config.dataDir, python: () => python.path, warmPython };
  const deps = {
    roots: { basesDir: config.basesDir, builtIn: builtInBases(packageRoot) },
    check: (folder: string, how: { withoutWeights: boolean; signal: AbortSignal }) => checkBase(checking, folder, how),
  };
  const request = { name, source, signal, onStatus: onProgress, onFigures: (now: Figures) => print(told(now), true) };
  try {
    const lock = { folder: config.basesDir, name: `.${name}` };
    const added = await withLock(lock, { signal, onProgress }, () => addBase(deps, request));
    if (options.json) console.log(JSON.stringify(added, null, 2));
    else tell(added);
  } finally {
    await warmPython.stop();
  }
}

async function sourceOf(
  { hub }: Config,
  model: string,
  { revision, signal }: { revision: string; signal: AbortSignal },
): Promise<BaseSource> {
  const folder = resolve(model.replace(/^~(?=\/|$)/, homedir()));
  const looksLikeOne = /^(?:[./~]|[A-Za-z]:\\)/.test(model);
  const isThere = await stat(join(folder, 'config.json')).then(
    () => true,
    () => false,
  );
  if (looksLikeOne || isThere) return folderSource(folder);
  return hubSource({ hub: createHub(hub) }, { id: model, revision, signal });
}

function told({ bytes, total, percent, bytesPerSecond, secondsLeft }: Figures): string {
  const progress = { bytes, total, percent, bytes_per_second: bytesPerSecond, seconds_left: secondsLeft };
  return progressText('', progress, process.stdout.isTTY).trim();
}

function tell({ name, folder, bytes, added }: AddedBase): void {
  console.log(added ? `${name} is ready: ${sizeText(bytes)} in ${folder}.` : `${name} is there already: ${folder}.`);
  console.log(`Train on it: ratchet cycle start --base ${name} --name <name>`);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { items } = await connectApi().api.get<{ items: { name: string; origin: BaseOrigin | null }[] }>('/api/bases');
  if (json) return console.log(JSON.stringify(items, null, 2));
  for (const { name, origin } of items) {
    console.log(origin === null ? name : `${name}  from ${origin.hub} at ${origin.revision.slice(0, 12)}`);
  }
}

async function use(name: string): Promise<void> {
  const { api } = connectApi();
  const { model } = await api.post<{ model: string }>(`/api/bases/${encodeURIComponent(name)}/serve`);
  tellPromotion(await api.post<PromotionView>('/api/promotions', { model }));
}
