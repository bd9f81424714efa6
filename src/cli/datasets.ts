import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type LeakCheck, type Split, type StageCounts, splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { type VersionDiff, changes } from '../dataset/diff.ts';
import { exporters } from '../dataset/export/all.ts';
import type { LeftOut } from '../dataset/left-out.ts';
import type { Preview } from '../dataset/preview.ts';
import { connectApi } from './connection.ts';
import { type FetchedExport, fetchExport } from './fetch-export.ts';
import { type RowTokens, tokensText } from './tokens-view.ts';

interface Common {
  url?: string;
  json?: boolean;
}

interface Dataset {
  digest: string;
  name: string;
  splits: Record<Split, { rows: number }>;
  signals: Record<string, number>;
  files: Record<string, { rows: number }>;
  stages: StageCounts[];
  leaks: LeakCheck | null;
  created_at: string;
  redacted: { rows: number } | null;
}

interface Page {
  items: Dataset[];
  next: string | null;
}

interface ExportOptions extends Common {
  format: string;
  split?: string;
  output?: string;
}

/** `ratchet datasets …`: dataset versions, and how to give them to other tools. */
export function registerDatasets(program: Command): void {
  const datasets = program.command('datasets').description('dataset versions: list, show and export them');
  common(datasets.command('list').description('dataset versions, newest first'))
    .option('--limit <number>', 'how many, 200 at most', '20')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .action(list);
  common(datasets.command('show <digest>').description('one version, with what its build left out')).action(show);
  common(datasets.command('diff <first> <second>').description('what is another in the second version, and why'))
    .option('--limit <number>', 'how many changes to name', '20')
    .action(diff);
  common(datasets.command('left-out <digest>').description('what was collected and is not in a version, and why'))
    .option('--reason <reason>', 'only for this reason, such as near_duplicate')
    .option('--completion <id>', 'only answers of this completion')
    .option('--limit <number>', 'how many to name', '20')
    .action(leftOut);
  common(
    datasets.command('tokens <digest> [row]').description('a row as the model sees it, with what is learned of it'),
  )
    .option('--base <name>', 'whose tokens (default: the base of its recipe)')
    .addOption(
      new Option('--split <split>', 'where the row is (default: where it is; of the first, train)').choices(splits),
    )
    .action(tokens);
  common(datasets.command('preview').description('what each stage of a build would do with the first rated answers'))
    .option('--recipe <file>', 'recipe as JSON (default: every setting at its default)')
    .option('--limit <number>', 'how many rated answers to look at, 2000 at most', '500')
    .action(preview);
  common(datasets.command('export <digest>').description('write a version to a folder, for other tools'))
    .addOption(
      new Option('--format <format>', 'what the files are for')
        .choices(exporters.map(({ format }) => format))
        .makeOptionMandatory(),
    )
    .addOption(new Option('--split <split>', 'only this one (default: all)').choices(splits))
    .option('-o, --output <folder>', 'a folder that is not there yet (default: <name>-<digest>-<format>)')
    .addHelpText('after', () => `\nFormats:\n${exporters.map(helpLine).join('\n')}`)
    .action(write);
}

function common(command: Command): Command {
  return command.option('--url <url>', 'where the API is').option('--json', 'print JSON');
}

function helpLine({ format, about }: { format: string; about: string }): string {
  return `  ${format.padEnd(22)} ${about}`;
}

async function list({ url, json, limit, cursor }: Common & { limit: string; cursor?: string }): Promise<void> {
  const query = new URLSearchParams({ limit, ...(cursor !== undefined && { cursor }) });
  const page = await connectApi(url).api.get<Page>(`/api/datasets?${query.toString()}`);
  if (json) return console.log(JSON.stringify(page, null, 2));
  if (page.items.length === 0) console.log('No dataset version yet: they come from cycles.');
  for (const { created_at, digest, name, splits: figures, redacted } of page.items) {
    const rows = splits.map((split) => `${split} ${figures[split].rows}`).join('  ');
    const mark = redacted ? [`redacted ${redacted.rows}`] : [];
    console.log([created_at.slice(0, 19), digest, name, rows, ...mark].join('  '));
  }
  if (page.next !== null) console.log(`more: --cursor ${page.next}`);
}

async function show(digest: string, { url, json }: Common): Promise<void> {
  const dataset = await connectApi(url).api.get<Dataset>(`/api/datasets/${encodeURIComponent(digest)}`);
  if (json) return console.log(JSON.stringify(dataset, null, 2));
  console.log(`${dataset.name}  ${dataset.digest}  ${dataset.created_at}`);
  for (const split of splits) console.log(rowsLine(dataset, split));
  if (dataset.redacted)
    console.log(`redacted   ${dataset.redacted.rows} rows are gone: it can be exported, and not trained on`);
  console.log(`learned    ${counts(dataset.signals)}`);
  tellStages(dataset);
}

function tellStages({ stages, leaks }: Pick<Dataset, 'stages' | 'leaks'>): void {
  for (const { stage, in: taken, out, dropped, changed = {} } of stages) {
    const left = Object.keys(dropped).length > 0 ? `: ${counts(dropped)}` : '';
    const made = Object.keys(changed).length > 0 ? `; changed ${counts(changed)}` : '';
    console.log(`${stage.padEnd(16)} ${taken} in, ${out} out${left}${made}`);
  }
  if (leaks) console.log(leakLine(leaks));
}

async function diff(first: string, second: string, { url, json, limit }: Common & { limit: string }): Promise<void> {
  const query = new URLSearchParams({ against: first, limit });
  const found = await connectApi(url).api.get<VersionDiff>(
    `/api/datasets/${encodeURIComponent(second)}/diff?${query.toString()}`,
  );
  if (json) return console.log(JSON.stringify(found, null, 2));
  const { same, reasons, examples } = found;
  console.log(changes.map((change) => `${found[change]} ${change}`).join(', ') + `, ${same} the same`);
  for (const [reason, count] of Object.entries(reasons))
    console.log(`${String(count).padStart(8)}  ${reason.replaceAll('_', ' ')}`);
  for (const { id, change, reason, from, to } of examples) {
    const where =
      change === 'moved' ? `${from} → ${to}` : [from ?? to, reason?.replaceAll('_', ' ')].filter(Boolean).join(', ');
    console.log(`  ${change.padEnd(8)} ${id}  ${where}`);
  }
}

async function leftOut(
  digest: string,
  { url, json, reason, completion, limit }: Common & { reason?: string; completion?: string; limit: string },
): Promise<void> {
  const query = new URLSearchParams({
    limit,
    ...(reason !== undefined && { reason }),
    ...(completion !== undefined && { completion }),
  });
  const path = `/api/datasets/${encodeURIComponent(digest)}/left-out?${query.toString()}`;
  const found = await connectApi(url).api.get<LeftOut>(path);
  if (json) return console.log(JSON.stringify(found, null, 2));
  console.log(`left out: ${counts(found.reasons)}`);
  for (const { id, stage, reason: why, of } of found.items)
    console.log(`  ${id}  ${stage}: ${why.replaceAll('_', ' ')}${of === undefined ? '' : `, as ${of}`}`);
}

async function tokens(
  digest: string,
  row: string | undefined,
  { url, json, base, split }: Common & { base?: string; split?: string },
): Promise<void> {
  const query = new URLSearchParams({ ...(base !== undefined && { base }), ...(split !== undefined && { split }) });
  const path = `/api/datasets/${encodeURIComponent(digest)}/rows/${encodeURIComponent(row ?? 'first')}/tokens`;
  const found = await connectApi(url).api.get<RowTokens>(`${path}?${query.toString()}`);
  if (json) return console.log(JSON.stringify(found, null, 2));
  console.log(tokensText(found, process.stdout.isTTY));
}

async function preview({ url, json, recipe, limit }: Common & { recipe?: string; limit: string }): Promise<void> {
  const given = recipe === undefined ? { name: 'preview', base: 'none' } : await readRecipe(recipe);
  const found = await connectApi(url).api.post<Preview>(
    `/api/datasets/preview?limit=${encodeURIComponent(limit)}`,
    given,
  );
  if (json) return console.log(JSON.stringify(found, null, 2));
  console.log(`${found.examples} rated answers${found.more ? ', the first of more' : ''}`);
  tellStages(found);
  console.log(splits.map((split) => `${split} ${found.rows[split]}`).join('  '));
  for (const { stage, id, before, after } of found.changes)
    console.log(`${stage} ${id}\n  - ${inLine(before)}\n  + ${inLine(after)}`);
  if (found.replay !== null) console.log(`the base would be asked ${found.replay} prompts, to be learned beside`);
  if (found.withheld.length > 0) console.log(`not learned, by "train": false: ${found.withheld.join(', ')}`);
}

async function readRecipe(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (cause) {
    throw new RatchetError('InvalidInput', `${file} cannot be read as a recipe in JSON: check the path and the file.`, {
      cause,
    });
  }
}

/** Text from chats must not steer the terminal. */
function inLine(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function rowsLine({ splits: figures, files }: Dataset, split: Split): string {
  const beside = (kind: string): string => {
    const rows = files[`${kind}.${split}.jsonl`]?.rows ?? 0;
    return rows > 0 ? `, ${rows} ${kind}` : '';
  };
  return `${split.padEnd(10)} ${figures[split].rows} rows${beside('pairs')}${beside('judged')}`;
}

function leakLine({ nodes, prompts, corrections, pairs, closest }: LeakCheck): string {
  const found = `${nodes} conversations, ${prompts} prompts, ${corrections} corrections, ${pairs} near duplicates`;
  const near = closest ? `; the closest two are alike by ${closest.jaccard.toFixed(2)}` : '';
  return `${'in two splits'.padEnd(16)} ${found}${near}`;
}

async function write(digest: string, { url, json, format, split, output }: ExportOptions): Promise<void> {
  const { api } = connectApi(url);
  const { name } = await api.get<Dataset>(`/api/datasets/${encodeURIComponent(digest)}`);
  const folder = output ?? `${name}-${digest.slice(0, 12)}-${format}`;
  const query = new URLSearchParams({ format, as: 'tar', ...(split !== undefined && { split }) });
  const response = await api.open(`/api/datasets/${digest}/export?${query.toString()}`);
  const fetched = await fetchExport(response.body, folder);
  if (json) return console.log(JSON.stringify({ folder, ...fetched }, null, 2));
  tell(folder, fetched);
}

function tell(folder: string, { files, left_out, reduced }: FetchedExport): void {
  for (const { name, rows } of files) console.log(`${name.padEnd(24)} ${rows} rows`);
  if (Object.keys(left_out).length > 0) console.log(`left out: ${counts(left_out)}`);
  if (Object.keys(reduced).length > 0) console.log(`written without: ${counts(reduced)}`);
  console.log(`written to ${folder}`);
}

function counts(of: Record<string, number>): string {
  const entries = Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([what, count]) => `${count} ${what.replaceAll('_', ' ')}`).join(', ') || 'nothing';
}
