import { canonicalJson } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import type { PromptBody } from '../core/prompt.ts';
import { type Database, isConstraint, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { PromptTable } from './schema.ts';
import type { NewPrompt, PromptRecord, PromptStore } from './prompt-types.ts';

/** Prompt templates: versions that are only ever added. */
export function createPromptStore(database: Database): PromptStore {
  const { build } = database;

  async function get(name: string, version?: number): Promise<PromptRecord | null> {
    const [row] = await database.read(
      build
        .selectFrom('prompt')
        .selectAll()
        .where('name', '=', name)
        .$if(version !== undefined, (query) => query.where('version', '=', version ?? 0))
        .orderBy('version', 'desc')
        .limit(1),
    );
    return row ? toRecord(row) : null;
  }

  return {
    get,
    add: async (prompt) => {
      const newest = await get(prompt.name);
      if (newest && saysTheSame(newest, prompt)) return newest;
      const row: PromptTable = {
        name: prompt.name,
        version: (newest?.version ?? 0) + 1,
        body_json: encodeJson({ messages: prompt.messages, variables: prompt.variables } satisfies PromptBody),
        description: prompt.description,
        author: prompt.author,
        created_at: now(),
      };
      await database.write([statement(build.insertInto('prompt').values(row))]).catch((error: unknown) => {
        if (!isConstraint(error, 'unique')) throw error;
        throw new RatchetError(
          'Conflict',
          `Somebody else has just added a version of "${prompt.name}": look at it, then add yours again.`,
        );
      });
      return toRecord(row);
    },
    versions: async (name) => {
      const query = build.selectFrom('prompt').selectAll().where('name', '=', name).orderBy('version', 'desc');
      return (await database.read(query)).map(toRecord);
    },
    list: async () => {
      const rows = await database.read(
        build
          .selectFrom('prompt')
          .selectAll()
          .where('version', '=', ({ selectFrom }) =>
            selectFrom('prompt as newer')
              .select(({ fn }) => fn.max('newer.version').as('version'))
              .whereRef('newer.name', '=', 'prompt.name'),
          )
          .orderBy('name'),
      );
      return rows.map(toRecord);
    },
    remove: async (name) => {
      if (!(await get(name))) return false;
      await database.write([statement(build.deleteFrom('prompt').where('name', '=', name))]);
      return true;
    },
  };
}

function saysTheSame(one: NewPrompt, other: NewPrompt): boolean {
  const said = ({ messages, variables, description }: NewPrompt) => canonicalJson({ messages, variables, description });
  return said(one) === said(other);
}

function toRecord(row: PromptTable): PromptRecord {
  return {
    name: row.name,
    version: row.version,
    ...decodeJson<PromptBody>(row.body_json),
    description: row.description,
    author: row.author,
    createdAt: row.created_at,
  };
}
