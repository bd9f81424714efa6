import { withTexts } from '../core/quotes.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';
import { decodeJson, encodeJson } from './json.ts';

/** Rewrites every text of the failures that cycles and their steps keep; returns how many rows were changed. */
export async function rewriteFailures(database: Database, rewrite: (text: string) => string): Promise<number> {
  const { build, readAside, write } = database;
  const steps = await readAside(
    build.selectFrom('cycle_step').select(['key', 'error_json']).where('error_json', 'is not', null),
  );
  const cycles = await readAside(
    build
      .selectFrom('cycle')
      .select(['id', 'attention_json', 'result_json'])
      .where((eb) => eb.or([eb('attention_json', 'is not', null), eb('result_json', 'is not', null)])),
  );
  const changes: Statement[] = [
    ...steps.flatMap(({ key, error_json }) => {
      const error = rewritten(error_json, rewrite);
      if (error === error_json) return [];
      return [statement(build.updateTable('cycle_step').set({ error_json: error }).where('key', '=', key))];
    }),
    ...cycles.flatMap(({ id, attention_json, result_json }) => {
      const [attention, result] = [rewritten(attention_json, rewrite), rewritten(result_json, rewrite)];
      if (attention === attention_json && result === result_json) return [];
      const set = { attention_json: attention, result_json: result };
      return [statement(build.updateTable('cycle').set(set).where('id', '=', id))];
    }),
  ];
  for (const some of chunks(changes, 200)) await write(some);
  return changes.length;
}

function rewritten(json: string | null, rewrite: (text: string) => string): string | null {
  if (json === null) return null;
  const value = decodeJson(json);
  const changed = withTexts(value, rewrite);
  return encodeJson(changed) === encodeJson(value) ? json : encodeJson(changed);
}
