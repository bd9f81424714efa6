import { type Command, Option } from 'commander';
import { type ErrorCode, RatchetError } from '../core/errors.ts';
import { type ExportFormat, exportAbout } from '../core/export.ts';
import { exportFormats, exportQuantizations, exportTypes } from '../core/job.ts';
import { createSseParser } from '../providers/sse.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { type Place, assertFree, fetchExport } from './fetch-export.ts';
import { progressText, sizeText } from './ollama/views.ts';
import { type Printer, createPrinter } from './watch.ts';

interface ExportOptions {
  format: ExportFormat;
  quantize?: string;
  dtype: string;
  out?: string;
  force?: boolean;
  url?: string;
  json?: boolean;
}

/** What `POST /api/models/{name}/export` ends with. */
interface Done {
  id: string;
  stale: { rows: number } | null;
  manifest: { base: string; files: { name: string; bytes: number; digest: string }[] };
}

/** The one large file of a format that is one. */
const singleFile: Partial<Record<ExportFormat, string>> = { gguf: 'model.gguf', 'gguf-adapter': 'adapter.gguf' };

/** `ratchet models export`: a model version or a base, for other programs. */
export function registerModelExport(models: Command): void {
  models
    .command('export <model>')
    .description('write a model version, by its id, or a base, by its name, for other programs')
    .addOption(new Option('--format <format>', 'what is written').choices(exportFormats).makeOptionMandatory())
    .addOption(
      new Option('--quantize <kind>', 'make a gguf smaller, with 8 or some 5 bits a weight').choices(
        exportQuantizations,
      ),
    )
    .addOption(new Option('--dtype <type>', 'of the weights').choices(exportTypes).default('float16'))
    .option('-o, --out <path>', 'a folder that is not there yet, or a file *.gguf (default: <model>-<format>)')
    .option('--force', 'replace an earlier export there')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(write);
}

function help(): string {
  const formats = exportFormats.map((format) => `  ${format.padEnd(14)} ${exportAbout[format]}`);
  return ['\nFormats:', ...formats].join('\n');
}

async function write(model: string, options: ExportOptions): Promise<void> {
  const { format, force, json, out = `${model}-${format}` } = options;
  const file = out.endsWith('.gguf') ? singleFile[format] : undefined;
  const place: Place = { option: '--out', replace: force === true, ...(file !== undefined && { file }) };
  await assertFree(out, place);
  const print: Printer = json ? () => undefined : createPrinter(process.stdout);
  const { api } = connectApi(options.url);
  const { id, stale, manifest } = await order(api, model, options, print);
  if (stale) console.error(`Note: ${model} learned something that is forgotten since; train it again.`);
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const { body } = await api.open(`/api/exports/${id}`);
  const onBytes = (bytes: number) => print(fetched(Math.min(bytes, total), total), true);
  const written = await fetchExport<Done['manifest']>(body, out, { ...place, onBytes });
  if (json) return console.log(JSON.stringify({ out, ...written }, null, 2));
  const kept = file === undefined ? written.files : written.files.filter(({ name }) => name === file);
  for (const { name, bytes } of kept) print(`${name.padEnd(28)} ${sizeText(bytes)}`, false);
  print(`written to ${out}`, false);
}

function fetched(bytes: number, total: number): string {
  const percent = total === 0 ? 100 : Math.floor((bytes / total) * 100);
  return progressText(
    'fetching',
    { bytes, total, percent, bytes_per_second: null, seconds_left: null },
    process.stdout.isTTY,
  );
}

async function order(
  api: ApiClient,
  model: string,
  { format, dtype, quantize }: ExportOptions,
  print: Printer,
): Promise<Done> {
  const response = await api.open(`/api/models/${encodeURIComponent(model)}/export`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ format, dtype, ...(quantize !== undefined && { quantize }) }),
  });
  const parser = createSseParser();
  for await (const bytes of response.body ?? []) {
    for (const { event, data } of parser.push(bytes)) {
      const value = JSON.parse(data ?? '{}') as Done & { bytes: number; code: ErrorCode; detail: string };
      if (event === 'done') return value;
      if (event === 'error') throw new RatchetError(value.code, value.detail);
      if (event === 'progress') print(`writing ${sizeText(value.bytes)}`, true);
    }
  }
  throw new RatchetError('ProviderUnavailable', 'The API ended in the middle of the export: export again.');
}
