import type { SchemaElement } from 'hyparquet';
import type { Json, JsonObject } from '../../core/canonical.ts';
import type { Encoding } from './types.ts';

/** The type of a column: a text, a whole number of 32 bits, a list, or an object with these members. */
export type Column = 'text' | 'number' | { list: Column } | { members: Columns };
export type Columns = Readonly<Record<string, Column>>;

/** How many rows are written together: memory holds as many. */
const rowsAtOnce = 500;

/** Parquet with these columns; what an example lacks is null. */
export function parquet(columns: Columns): Encoding {
  return {
    extension: '.parquet',
    mediaType: 'application/vnd.apache.parquet',
    encode: (examples) => encode(columns, examples),
  };
}

async function* encode(columns: Columns, examples: AsyncIterable<JsonObject>): AsyncGenerator<Uint8Array> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const writer = new ByteWriter();
  const names = Object.keys(columns);
  const schema: SchemaElement[] = [{ name: 'root', num_children: names.length }, ...membersOf(columns)];
  const file = new ParquetWriter({ writer, schema, createdBy: 'ratchet' });
  const taken = (): Uint8Array => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    return bytes;
  };
  const write = async (rows: readonly JsonObject[]): Promise<Uint8Array> => {
    const columnData = names.map((name) => ({ name, data: rows.map((row): Json => row[name] ?? null) }));
    await file.write({ columnData, rowGroupSize: rows.length });
    return taken();
  };
  let batch: JsonObject[] = [];
  for await (const example of examples) {
    batch.push(example);
    if (batch.length < rowsAtOnce) continue;
    yield await write(batch);
    batch = [];
  }
  if (batch.length > 0) yield await write(batch);
  await file.finish();
  yield taken();
}

function membersOf(columns: Columns): SchemaElement[] {
  return Object.entries(columns).flatMap(([name, column]) => elements(name, column));
}

/** A list is three elements deep, as the format's specification has it. */
function elements(name: string, column: Column): SchemaElement[] {
  const repetition_type = 'OPTIONAL';
  if (column === 'text') return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type }];
  if (column === 'number') return [{ name, type: 'INT32', repetition_type }];
  if ('members' in column) {
    return [{ name, num_children: Object.keys(column.members).length, repetition_type }, ...membersOf(column.members)];
  }
  return [
    { name, num_children: 1, converted_type: 'LIST', repetition_type },
    { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
    ...elements('element', column.list),
  ];
}
