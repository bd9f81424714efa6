import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import type { LargeFormat } from '../test/fixtures/imports/large-files.ts';
import { type MeasuredImport, type Memory, measureImport } from '../test/fixtures/imports/measured-import.ts';
import { rounded } from './statistics.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

/** How much more memory there may be at any time after 5 % of an import than there was until then, in MiB. */
const mostGrowth = 64;

/** What is imported: one of each family of formats. */
const formats: readonly LargeFormat[] = ['open-webui', 'openai-sft', 'csv', 'parquet'];

/** Files that no memory holds, imported by the real command through a real API process. */
export const bigImport: Bench = {
  name: 'big-import',
  kind: 'soak',
  about: 'MiB of one file that is imported: memory of the command and of the API stays where it is',
  parts: [],
  count: 2048,
  run,
};

async function run({ count, tell, partial }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const done = partial.read<MeasuredImport>();
  const bytes = count * 2 ** 20;
  for (const format of formats) {
    if (done.some((one) => one.format === format && one.wanted === bytes)) continue;
    const folder = mkdtempSync(join(cacheDir, 'soak-big-import-'));
    try {
      const measured = await measureImport(format, bytes, { folder, tell });
      partial.add(measured);
      done.push(measured);
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  return {
    claims: done.flatMap(claimsOf),
    details: { imports: done.map(detailsOf) },
    notes: done.map(noteOf),
  };
}

function claimsOf({ format, file, report, recorded, command, api }: MeasuredImport): Claim[] {
  const size = `${format}, a file of ${Math.round(file.bytes / 2 ** 20)} MiB`;
  const items = file.chats + file.feedback;
  const found = { chats: report.chats.written, feedback: report.feedback.written };
  const missing = [found, recorded].map(
    ({ chats, feedback }) => Math.abs(file.chats - chats) + Math.abs(file.feedback - feedback),
  );
  return [
    growth(`${size}: memory of the command after 5 % above that until then, in MiB`, command),
    growth(`${size}: memory of the API after 5 % above that until then, in MiB`, api),
    none(`${size}: items of ${items} that the command did not count as written`, missing[0] ?? items),
    none(`${size}: items of ${items} that are not in the record, or too often`, missing[1] ?? items),
  ];
}

function growth(name: string, { warm, peak }: Memory): Claim {
  const ours = Math.max(0, peak - warm);
  return { name, ours, peer: null, ratio: null, target: `at most ${mostGrowth}`, holds: ours <= mostGrowth };
}

function none(name: string, ours: number): Claim {
  return { name, ours, peer: null, ratio: null, target: '0', holds: ours === 0 };
}

function perSecond({ file, seconds }: MeasuredImport): number {
  return Math.round((file.chats + file.feedback) / seconds);
}

function detailsOf(measured: MeasuredImport): object {
  const { format, file, seconds, report, recorded, command, api } = measured;
  const items_per_second = perSecond(measured);
  return {
    format,
    ...file,
    seconds: rounded(seconds, 1),
    items_per_second,
    report,
    recorded,
    memory_mib: { command, api },
  };
}

function noteOf(measured: MeasuredImport): string {
  const { format, file, seconds, command, api } = measured;
  const size = `${Math.round(file.bytes / 2 ** 20)} MiB, ${file.records} records of ${rounded(file.bytes / file.records / 1024, 1)} KiB`;
  return `${format}: ${size}, in ${seconds.toFixed(0)} s, ${perSecond(measured)} items a second. At most ${command.peak} MiB in the command, ${api.peak} in the API.`;
}
