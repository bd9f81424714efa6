import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { rawFormats } from '../api/transfer/formats.ts';
import { RatchetError } from '../core/errors.ts';
import { connectApi } from './connection.ts';

/** What one request of an import carries: so small that it is soon answered, however large the file is. */
const linesAtOnce = 1000;
const bytesAtOnce = 4 * 2 ** 20;

interface ExportOptions {
  format: string;
  output?: string;
  q?: string;
  model?: string;
  rated?: boolean;
  since?: string;
  until?: string;
  url?: string;
}

interface ImportOptions {
  format: string;
  owner?: string;
  provider?: string;
  json?: boolean;
  url?: string;
}

interface Report {
  written: number;
  known: number;
  faulty: number;
  faults: { line: number; message: string }[];
}

/** `ratchet export chats` and `ratchet import chats`: raw records as lines of JSON. */
export function registerTransfer(program: Command): void {
  const format = (formats: readonly string[], fallback: string) =>
    new Option('--format <format>', 'how a line is written').choices(formats).default(fallback);
  program
    .command('export')
    .description('write what is recorded to a file')
    .command('chats')
    .description('raw records of chats, one on each line, oldest first')
    .addOption(format([...rawFormats, 'ratchet'], 'ratchet'))
    .option('-o, --output <file>', 'where to write (default: standard output)')
    .option('-q, --q <words>', 'only chats with these words')
    .option('--model <model>', 'only chats of this model')
    .option('--rated', 'only chats with feedback')
    .option('--since <time>', 'ISO 8601, with a time zone')
    .option('--until <time>', 'ISO 8601, with a time zone')
    .option('--url <url>', 'where the API is')
    .action(exportChats);
  program
    .command('import')
    .description('read records of other products')
    .command('chats <file>')
    .description('chats that were had elsewhere, one on each line; what is there already is not written again')
    .addOption(format(rawFormats, 'openpipe'))
    .option('--owner <name>', 'whose they are (default: yours)')
    .option('--provider <name>', 'the provider that they are kept under', 'import')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .action(importChats);
}

async function exportChats(options: ExportOptions): Promise<void> {
  const { api } = connectApi(options.url);
  const { format, q, model, rated, since, until, output } = options;
  const query = queryOf({ format, q, model, since, until, ...(rated && { rated: 'true' }) });
  const response = await api.open(`/api/completions/export?${query}`);
  const body = response.body ? Readable.fromWeb(response.body) : Readable.from([]);
  if (output === undefined) return pipeline(body, process.stdout, { end: false });
  const partial = `${output}.part`;
  try {
    await pipeline(body, createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, output);
  } catch (cause) {
    await rm(partial, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RatchetError('Conflict', `The export was cut off (${reason}): run it again.`, { cause });
  }
  console.log(`written to ${output}`);
}

async function importChats(file: string, options: ImportOptions): Promise<void> {
  const { api } = connectApi(options.url);
  const query = queryOf({ format: options.format, owner: options.owner, provider: options.provider });
  const sum: Report = { written: 0, known: 0, faulty: 0, faults: [] };
  for await (const { first, lines } of batchesOf(file)) {
    const headers = { 'content-type': 'application/x-ndjson' };
    const init = { method: 'POST', headers, body: lines.join('\n') };
    const report = (await (await api.open(`/api/completions/import?${query}`, init)).json()) as Report;
    sum.written += report.written;
    sum.known += report.known;
    sum.faulty += report.faulty;
    sum.faults.push(...report.faults.map(({ line, message }) => ({ line: line + first, message })));
    if (!options.json && process.stderr.isTTY) process.stderr.write(`\r${first + lines.length} lines`);
  }
  if (options.json) return console.log(JSON.stringify(sum, null, 2));
  console.log(`${sum.written} chats imported, ${sum.known} known already, ${sum.faulty} lines left out`);
  for (const { line, message } of sum.faults.slice(0, 20)) console.log(`  line ${line}: ${message}`);
}

async function* batchesOf(file: string): AsyncGenerator<{ first: number; lines: string[] }> {
  const input = createReadStream(file);
  let [lines, bytes, first]: [string[], number, number] = [[], 0, 0];
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      lines.push(line);
      bytes += line.length;
      if (lines.length < linesAtOnce && bytes < bytesAtOnce) continue;
      yield { first, lines };
      [lines, bytes, first] = [[], 0, first + lines.length];
    }
  } catch (cause) {
    if (cause instanceof RatchetError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RatchetError('InvalidInput', `${file} cannot be read (${reason}).`, { cause });
  }
  if (lines.length > 0) yield { first, lines };
}

function queryOf(values: Record<string, string | undefined>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}
