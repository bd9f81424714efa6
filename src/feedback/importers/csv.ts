import { Readable } from 'node:stream';
import { type Info, parse } from 'csv-parse';
import { type JsonObject, isObject } from '../../core/canonical.ts';
import { headOf } from './source.ts';
import { type Header, type Judged, headerOf, isTable, judge, tableItem } from './table-rows.ts';
import type { ImportHead, ImportItem, ImportSource, Importer } from './types.ts';

const longestRecord = 64 * 2 ** 20;

/** Tables as spreadsheets write them: the header says which column is which. */
export const csv: Importer = {
  format: 'csv',
  title: 'CSV',
  description:
    'a table whose header names prompt and answer, and maybe rating, score, correction, comment, system and model',
  recognises: (head) => !head.isArray && !head.text.trimStart().startsWith('{') && isTable(headerIn(head)),
  read: readCsv,
};

async function* readCsv(source: ImportSource): AsyncGenerator<ImportItem> {
  const head = await headOf(source);
  const header = headerIn(head);
  if (!isTable(header)) {
    const detail = 'Begin it with names: one of prompt, question and input, and one of answer, response and output.';
    yield { kind: 'left-out', at: 'line 1', reason: 'no header that is known', detail };
    return;
  }
  // Once for the scales of its ratings, which only all rows tell, and once for the rows.
  const judged: Judged = {};
  for await (const { row } of rowsOf(source, head)) if (row) judge(judged, header, row);
  for await (const { row, at, fault } of rowsOf(source, head)) {
    if (row) yield tableItem(row, at, { format: 'csv', header, judged });
    else yield { kind: 'left-out', at, reason: 'not CSV', detail: fault };
  }
}

interface Row {
  at: string;
  row?: JsonObject;
  fault: string;
}

async function* rowsOf(source: ImportSource, head: ImportHead): AsyncGenerator<Row> {
  let faults: Row[] = [];
  const parser = parse({
    bom: true,
    columns: (names: string[]) => names.map((name) => name || false),
    delimiter: delimiterIn(head.text),
    info: true,
    max_record_size: longestRecord,
    on_skip: (error) => {
      const line = typeof error?.lines === 'number' ? `line ${error.lines}` : 'a line';
      faults.push({ at: line, fault: (error?.message ?? 'It is no row.').slice(0, 500) });
      return undefined;
    },
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
  });
  const bytes = Readable.from(source.bytes(), { objectMode: false });
  bytes.on('error', (cause) => parser.destroy(cause)).pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: unknown; info: Info }>) {
      const at = `line ${info.lines}`;
      yield* faults;
      faults = [];
      yield isObject(record) ? { at, row: record, fault: '' } : { at, fault: 'It is no row.' };
    }
    yield* faults;
  } finally {
    bytes.destroy();
  }
}

function headerIn({ text }: ImportHead): Header {
  const [line = ''] = text.split(/\r?\n/, 1);
  return headerOf(line.split(delimiterIn(text)).map((name) => name.trim().replaceAll(/^"|"$/g, '')));
}

/** The one that the header has most of. */
function delimiterIn(text: string): string {
  const [line = ''] = text.split(/\r?\n/, 1);
  const counts = [',', ';', '\t'].map((delimiter) => [line.split(delimiter).length, delimiter] as const);
  return counts.reduce((most, one) => (one[0] > most[0] ? one : most))[1];
}
