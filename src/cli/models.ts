import type { Command } from 'commander';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { registerModelExport } from './model-export.ts';

interface ModelView {
  id: string;
  name: string;
  base: string;
  served: string;
  stale: { rows: number } | null;
  deleted_at: string | null;
}

export interface PromotionView {
  seq: number;
  kind: string;
  selection: { provider: string; model: string };
  actor: string;
  created_at: string;
}

/** `ratchet models`, `promote`, `rollback` and `promotions`: what was trained, and what is selected. */
export function registerModels(program: Command): void {
  const models = program
    .command('models')
    .description('model versions that were trained, newest first')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { items } = await client().get<{ items: ModelView[] }>('/api/models');
      if (options.json) return printJson(await withFacts(items));
      if (items.length === 0) console.log('No model version yet: they come from cycles.');
      for (const one of items) console.log(`${one.id}  ${one.served}  from ${one.base}${marksOf(one)}`);
    });
  registerModelExport(models);
  program
    .command('promote <model>')
    .description('select a model version by its id, or any model ref such as ollama/qwen2.5:0.5b')
    .action(async (model: string) => {
      const body = model.includes('/') ? { model } : { model_version: model };
      tellPromotion(await client().post<PromotionView>('/api/promotions', body));
    });
  program
    .command('rollback')
    .description('select what was selected before')
    .action(async () => tellPromotion(await client().post<PromotionView>('/api/promotions/rollback')));
  program
    .command('promotions')
    .description('the ledger of what was selected, newest first')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { items } = await client().get<{ items: PromotionView[] }>('/api/promotions');
      if (options.json) return printJson(items);
      for (const line of items)
        console.log(`${line.seq}  ${line.created_at}  ${line.kind.padEnd(12)} ${ref(line)}  by ${line.actor}`);
    });
}

function marksOf({ stale, deleted_at }: ModelView): string {
  if (deleted_at !== null) return `  deleted ${deleted_at.slice(0, 10)}`;
  return stale ? '  stale: it learned something that is forgotten' : '';
}

/** What is known of the models that serve them, as `GET /v1/models` tells; null of one that is not served now. */
async function withFacts(versions: ModelView[]): Promise<(ModelView & { facts: object | null })[]> {
  const { data } = await client().get<{ data: { id: string; ratchet?: object }[] }>('/v1/models');
  const facts = new Map(data.map(({ id, ratchet }) => [id, ratchet ?? null]));
  return versions.map((one) => ({ ...one, facts: facts.get(one.served) ?? facts.get(`${one.served}:latest`) ?? null }));
}

/** Tells what is selected now. */
export function tellPromotion(line: PromotionView): void {
  console.log(`${ref(line)} is active now (${line.kind}).`);
}

function ref({ selection }: PromotionView): string {
  return `${selection.provider}/${selection.model}`;
}

function client(): ApiClient {
  return connectApi().api;
}

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
