import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { Curve } from '../core/curve.ts';
import type { CycleState } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { tensorboardFile } from '../training/tensorboard.ts';
import { parseRecipe } from '../workspace/recipes/parse.ts';
import { faultyRecipes } from '../workspace/recipes/folder.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { type Estimate, estimateText } from './estimate-view.ts';
import { createPrinter, watchCycle } from './watch.ts';

/** What the API says of a cycle. */
export interface CycleView {
  id: string;
  name: string;
  base: string;
  state: CycleState;
  step: string | null;
  position?: number;
  created_at: string;
  attention: { message: string; advice: string } | null;
  result: { reason: string } | null;
}

interface StartOptions {
  base?: string;
  name?: string;
  recipe?: string;
  watch?: boolean;
  json?: boolean;
}

/** `ratchet cycle …`: start, list, read, watch and steer cycles. */
export function registerCycle(program: Command): void {
  const cycle = program.command('cycle').description('start, watch and steer training cycles');
  cycle
    .command('start')
    .description('start a cycle from a recipe, or from a base with every other setting at its default')
    .option('--recipe <name>', 'name of a recipe in the folder "recipes", or a file: support, ./support.yaml')
    .option('--base <name>', 'base to train from (default: that of the active model, or one is proposed)')
    .option('--name <name>', 'name of the recipe, and of the model that comes out')
    .option('--watch', 'stay and show progress')
    .option('--json', 'print the cycle as JSON')
    .action(start);
  cycle
    .command('estimate')
    .description('what the training of a cycle would take: steps, time, memory; some steps are made and thrown away')
    .option('--recipe <name>', 'name of a recipe in the folder "recipes", or a file: support, ./support.yaml')
    .option('--base <name>', 'base to train from')
    .option('--name <name>', 'name of the recipe')
    .option('--dataset <digest>', 'dataset version to train on (default: the newest of the recipe’s name)')
    .option('--json', 'print JSON')
    .action(estimate);
  cycle.command('list').description('cycles, newest first').option('--json', 'print JSON').action(list);
  cycle
    .command('show <id>')
    .description('one cycle with its steps, as JSON')
    .action(async (id: string) => {
      printJson(await client().get(`/api/cycles/${id}`));
    });
  cycle
    .command('curve <id>')
    .description('loss, rate and speed of every step of its training, as JSON')
    .option('--tensorboard <folder>', 'write them to a folder as a run of TensorBoard instead')
    .action(curve);
  cycle
    .command('watch <id>')
    .description('show progress until it closes or needs a person')
    .action((id: string) => watch(client(), id));
  cycle
    .command('retry <id>')
    .description('run the failed step again, or start an interrupted cycle again')
    .option('--patch <json>', 'change to the recipe, such as {"train":{"learning_rate":0.0001}}')
    .option('--from <step>', 'begin again at this earlier step')
    .action(async (id: string, options: { patch?: string; from?: string }) => {
      const patch = options.patch === undefined ? {} : { patch: parseJson(options.patch, '--patch') };
      printJson(
        await client().post(`/api/cycles/${id}/retry`, { ...patch, ...(options.from && { from: options.from }) }),
      );
    });
  for (const [verb, description] of [
    ['abort', 'end a cycle and keep what is selected'],
    ['approve', 'promote the candidate of a cycle that awaits approval'],
  ] as const) {
    cycle
      .command(`${verb} <id>`)
      .description(description)
      .option('--reason <text>', 'why')
      .action(async (id: string, options: { reason?: string }) => {
        printJson(await client().post(`/api/cycles/${id}/${verb}`, { by: 'ratchet', ...options }));
      });
  }
}

async function start(options: StartOptions): Promise<void> {
  const recipe = await recipeIn(options);
  const api = client();
  const cycle = await api.post<CycleView>('/api/cycles', recipe);
  if (options.json) printJson(cycle);
  else console.log(`Cycle ${cycle.id} is ${cycle.position ? `queued, ${cycle.position} before it` : 'started'}.`);
  if (options.watch) await watch(api, cycle.id);
}

async function curve(id: string, { tensorboard }: { tensorboard?: string }): Promise<void> {
  const found = await client().get<Curve>(`/api/cycles/${encodeURIComponent(id)}/curve`);
  if (tensorboard === undefined) return printJson(found);
  await mkdir(tensorboard, { recursive: true });
  const file = join(tensorboard, `events.out.tfevents.0.${id}`);
  await writeFile(file, tensorboardFile(found));
  console.log(`Written to ${file}: look at it with "tensorboard --logdir ${tensorboard}".`);
}

async function estimate({ dataset, ...options }: StartOptions & { dataset?: string }): Promise<void> {
  const query = dataset === undefined ? '' : `?dataset=${encodeURIComponent(dataset)}`;
  const found = await client().post<Estimate>(`/api/cycles/estimate${query}`, await recipeIn(options));
  if (options.json) printJson(found);
  else console.log(estimateText(found));
}

/** What the API is told: a name is resolved there, a file is read here. */
async function recipeIn({ recipe, base, name }: StartOptions): Promise<object> {
  const over = { ...(base && { base }), ...(name && { name }) };
  if (recipe === undefined) return over;
  if (!/[/\\]|\.(?:json|ya?ml)$/i.test(recipe)) return { recipe, ...over };
  const text = await readFile(recipe, 'utf8').catch((cause: unknown) => {
    const message = `${recipe} cannot be read: name a file that is there, or a recipe that "ratchet recipes" lists.`;
    throw new RatchetError('InvalidInput', message, { cause });
  });
  const ownName = basename(recipe).replace(/\.[a-z]+$/i, '');
  const parsed = parseRecipe(text, { file: recipe, name: ownName, over });
  if (parsed.recipe) return parsed.recipe;
  throw faultyRecipes(parsed.faults);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { items } = await client().get<{ items: CycleView[] }>('/api/cycles');
  if (options.json) return printJson(items);
  if (items.length === 0)
    console.log('No cycle yet: start one with "ratchet cycle start --base tiny-support --name first".');
  for (const item of items) {
    const why = item.attention?.message ?? item.result?.reason ?? '';
    console.log(
      `${item.id}  ${item.state.padEnd(16)} ${(item.step ?? '').padEnd(9)} ${item.name} on ${item.base}  ${why}`,
    );
  }
}

function watch(api: ApiClient, id: string): Promise<void> {
  return watchCycle(api, id, createPrinter(process.stdout));
}

function client(): ApiClient {
  return connectApi().api;
}

function parseJson(text: string, name: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new RatchetError('InvalidInput', `${name} is not valid JSON: correct it and run the command again.`, {
      cause,
    });
  }
}

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
