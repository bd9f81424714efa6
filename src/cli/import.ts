import { type Command, Option } from 'commander';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { importers } from '../feedback/importers/all.ts';
import { chooseImporter } from '../feedback/importers/choose.ts';
import { ofOneSet } from '../feedback/importing.ts';
import { openSource } from '../feedback/importers/source.ts';
import type { ImportItem, ImportSource, Importer } from '../feedback/importers/types.ts';
import type { ApiClient } from './api-client.ts';
import { settleMemory } from './bound-memory.ts';
import { connectApi } from './connection.ts';

/** What one request carries: so small that it is soon answered, however large the file is. */
const itemsAtOnce = 500;
const charactersAtOnce = 2 ** 20;

interface Options {
  format?: string;
  owner?: string;
  provider: string;
  dryRun?: boolean;
  json?: boolean;
  url?: string;
}

interface Report {
  chats: { written: number; known: number };
  feedback: { written: number; known: number };
  left_out: Record<string, number>;
  examples: { at: string; reason: string; detail: string | null }[];
}

/** Adds `ratchet import <file>` to the command that has `import chats`. */
export function registerImport(program: Command): void {
  const parent = program.commands.find((command) => command.name() === 'import') ?? program.command('import');
  parent
    .command('file <file>', { isDefault: true })
    .description('chats and feedback of another product: ratchet import export.json')
    .addOption(
      new Option('--format <format>', 'what wrote the file; told from its beginning unless given').choices(
        importers.map(({ format }) => format),
      ),
    )
    .option('--owner <name>', 'whose chats they become (default: yours)')
    .option('--provider <name>', 'the provider that chats are kept under which name none', 'import')
    .option('--dry-run', 'read everything, write nothing, and say what would be taken')
    .option('--json', 'print JSON')
    .option('--url <url>', 'where the API is')
    .action(importFile);
  parent
    .command('formats')
    .description('what can be imported')
    .action(() => {
      const width = Math.max(0, ...importers.map(({ format }) => format.length));
      for (const { format, title, description } of importers) {
        console.log(`${format.padEnd(width)}  ${title}: ${description}`);
      }
    });
}

async function importFile(file: string, options: Options): Promise<void> {
  // A long file makes much that lives for one request: left alone, the heap would grow for minutes before it stands.
  settleMemory();
  const source = await openSource(file);
  const importer = await chooseImporter(importers, source, options.format);
  const { api } = connectApi(options.url);
  const sum = await send(api, importer, source, options);
  if (options.json) return console.log(JSON.stringify({ format: importer.format, ...sum }, null, 2));
  console.log(told(importer, sum, options.dryRun === true));
}

async function send(api: ApiClient, importer: Importer, source: ImportSource, options: Options): Promise<Report> {
  const query = new URLSearchParams({
    source: importer.format,
    provider: options.provider,
    ...(options.owner !== undefined && { owner: options.owner }),
    ...(options.dryRun && { dry_run: 'true' }),
  });
  const sum: Report = {
    chats: { written: 0, known: 0 },
    feedback: { written: 0, known: 0 },
    left_out: {},
    examples: [],
  };
  const shows = !options.json && process.stderr.isTTY;
  for await (const lines of batchesOf(importer.read(source))) {
    const init = { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: lines.join('\n') };
    addTo(
      sum,
      await post(api, `/api/import?${query.toString()}`, init).catch((error: unknown) => {
        throw cutOff(error, sum);
      }),
    );
    if (shows) process.stderr.write(`\r${sum.chats.written + sum.chats.known} chats, ${sum.feedback.written} judged`);
  }
  if (shows) process.stderr.write('\n');
  return sum;
}

async function post(api: ApiClient, path: string, init: RequestInit): Promise<Report> {
  return (await (await api.open(path, init)).json()) as Report;
}

/** The fault, and that nothing has to be undone: what was written before is known the next time. */
function cutOff(error: unknown, { chats: { written, known } }: Report): RatchetError {
  const { code, message, details } = asRatchetError(error);
  const said = `${message} The import ended after ${written + known} chats: repeat it, and it goes on from there.`;
  return new RatchetError(code, said, { cause: error, ...(details && { details }) });
}

/** Items that belong to one set of siblings stay in one batch. */
async function* batchesOf(items: AsyncGenerator<ImportItem>): AsyncGenerator<string[]> {
  let [lines, characters, last]: [string[], number, ImportItem | undefined] = [[], 0, undefined];
  for await (const item of items) {
    const full = lines.length >= itemsAtOnce || characters >= charactersAtOnce;
    if (full && !ofOneSet(last, item)) {
      yield lines;
      [lines, characters] = [[], 0];
    }
    const line = JSON.stringify(item);
    lines.push(line);
    characters += line.length;
    last = item;
  }
  if (lines.length > 0) yield lines;
}

function addTo(sum: Report, more: Report): void {
  for (const part of ['chats', 'feedback'] as const) {
    sum[part].written += more[part].written;
    sum[part].known += more[part].known;
  }
  for (const [reason, count] of Object.entries(more.left_out)) {
    sum.left_out[reason] = (sum.left_out[reason] ?? 0) + count;
  }
  sum.examples.push(...more.examples.slice(0, Math.max(0, 20 - sum.examples.length)));
}

function told({ title }: Importer, { chats, feedback, left_out: leftOut, examples }: Report, dryRun: boolean): string {
  const verb = dryRun ? 'would be imported' : 'imported';
  const lines = [
    `${title}: ${chats.written} chats ${verb}, ${chats.known} known already`,
    `feedback: ${feedback.written} ${verb}, ${feedback.known} known already`,
    ...Object.entries(leftOut).map(([reason, count]) => `left out: ${count}, ${reason}`),
    ...examples.map(({ at, reason, detail }) => `  ${at}: ${reason}${detail === null ? '' : `, ${detail}`}`),
  ];
  return lines.join('\n');
}
