import { type Command, Option } from 'commander';
import type { ForgetReport } from '../core/forgetting.ts';
import { isUuid } from '../store/ids.ts';
import { connectApi } from './connection.ts';

interface Options {
  url?: string;
  json?: boolean;
  dryRun?: boolean;
  now?: boolean;
  as?: 'conversation' | 'rater';
}

/** `ratchet forget`: what was said in a conversation, or by a rater, for good and everywhere in reach. */
export function registerForget(program: Command): void {
  program
    .command('forget <conversation|rater>')
    .description(
      'forget a conversation (its id), or everything that a rater said (their name), for good; docs/forgetting.md',
    )
    .option('--dry-run', 'tell what would go, and change nothing')
    .option('--now', 'roll back to the newest model that learned nothing of it, and delete those that did')
    .addOption(
      new Option('--as <kind>', 'what the name is of (default: an id is a conversation)').choices([
        'conversation',
        'rater',
      ]),
    )
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .action(forget);
}

async function forget(name: string, { url, json, dryRun, now, as }: Options): Promise<void> {
  const kind = as ?? (isUuid(name) ? 'conversation' : 'rater');
  const body = { [kind]: name, dry_run: dryRun ?? false, now: now ?? false };
  const report = await connectApi(url).api.post<ForgetReport>('/api/forget', body);
  if (json) return console.log(JSON.stringify(report, null, 2));
  for (const line of linesOf(report)) console.log(line);
}

function linesOf(report: ForgetReport): string[] {
  const { state, datasets, models, elsewhere, notes, waiting, selected } = report;
  return [
    headings[state],
    ...(report.completions > 0 ? [`  ${report.completions} completions`] : []),
    ...elsewhere.map(
      ({ completion, conversation }) => `    ${completion} of the conversation ${conversation}, which goes on from it`,
    ),
    ...(report.feedback > 0 ? [`  ${report.feedback} events of feedback`] : []),
    ...datasets.map(({ digest, name, rows }) => `  ${rows} rows of the dataset ${digest}  ${name}`),
    ...report.evaluations.map((digest) => `  answers of the evaluation ${digest}`),
    ...[...report.logs, ...report.removed].map((path) => `  ${path}`),
    ...models.map(({ id, served, deleted }) => `  model ${id}  ${served}  ${deleted ? 'deleted' : 'learned from it'}`),
    ...(selected === null ? [] : [`${selected} is active now.`]),
    ...waiting.cycles.map((cycle) => `It waits for the cycle ${cycle}: let it end, or "ratchet cycle abort ${cycle}".`),
    ...(waiting.completions > 0 ? [`It waits for ${waiting.completions} answers that are still being given.`] : []),
    ...notes,
    'Out of reach:',
    ...report.out_of_reach.map((sentence) => `  ${sentence}`),
  ];
}

const headings: Readonly<Record<ForgetReport['state'], string>> = {
  planned: 'This would go:',
  waiting: 'This went, and the rest goes as soon as it can:',
  done: 'This went:',
};
