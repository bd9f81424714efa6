import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Database } from '../database.ts';
import type { CompletionFilter } from '../types.ts';

/** A condition on a completion, under the name that the query gives it. */
export type Condition = (alias: string) => Expression<SqlBool>;

/** One thing that a filter asks for. */
export interface Part {
  /** Conditions that are each served by an index, and together find all; empty where no index can. */
  driving: Condition[];
  /** For a query that is driven by another part: written so that the database does not take this part's index. */
  checked: Condition;
  /** Nothing else narrows as much: its index is taken without counting. */
  narrow?: boolean;
  /** Its index has so few completions that they are sorted. */
  unordered?: boolean;
}

/** Conditions of partial indexes, word for word as the indexes have them. */
export const unusualKind = `<> 'chat'`;
export const unusualState = `in ('failed', 'interrupted')`;

/** What a filter asks for beside its times and its words. */
export function partsOf({ kind }: Database, filter: CompletionFilter): Part[] {
  const { owner, conversationId, keyId, team, providers, models, kinds, states, rated, erased, newTopic, tag } = filter;
  const aside = asideOf(kind);
  const part = (column: string, values: readonly string[], index = anyValue): Part => ({
    driving: values.every((value) => index(value) !== null)
      ? values.map((value) => (alias) => equals(`${alias}.${column}`, value, index(value)))
      : [],
    checked: (alias) => inList(aside(`${alias}.${column}`), values),
  });
  return [
    ...(conversationId === undefined ? [] : [{ ...part('conversation_id', [conversationId]), narrow: true }]),
    ...(owner === undefined ? [] : [part('owner', [owner])]),
    ...(keyId === undefined ? [] : [part('key_id', [keyId])]),
    ...(team === undefined ? [] : [part('team', [team])]),
    ...(providers === undefined ? [] : [part('provider', providers)]),
    ...(models === undefined ? [] : [ofModels(models, aside)]),
    ...(kinds === undefined ? [] : [part('kind', kinds, (value) => (value === 'chat' ? null : unusualKind))]),
    ...(states === undefined ? [] : [{ ...part('state', states, stateIndex), unordered: states.join() === 'open' }]),
    ...(rated === undefined ? [] : [ofRated(rated)]),
    ...(erased === undefined ? [] : [ofErased(erased, aside)]),
    ...(newTopic === true ? [ofNewTopic] : []),
    ...(tag === undefined ? [] : [ofTag(tag, kind)]),
  ];
}

/** The condition of the partial index that has a value: empty where the index has all, null where there is none. */
type IndexOf = (value: string) => string | null;

const anyValue: IndexOf = () => '';

function stateIndex(state: string): string | null {
  if (state === 'open') return `= 'open'`;
  return state === 'complete' ? null : unusualState;
}

function equals(column: string, value: string, index: string | null): Expression<SqlBool> {
  const equal = sql<boolean>`${sql.ref(column)} = ${value}`;
  return index ? sql<boolean>`${equal} and ${sql.ref(column)} ${sql.raw(index)}` : equal;
}

type Aside = (column: string) => RawBuilder<unknown>;

/** SQLite takes no index for `+column`. */
function asideOf(kind: Database['kind']): Aside {
  return (column) => (kind === 'sqlite' ? sql`+${sql.ref(column)}` : sql`${sql.ref(column)}`);
}

/** A model is named as the provider knows it, or by its ref. */
function ofModels(models: readonly string[], aside: Aside): Part {
  const refs = models.flatMap((ref) =>
    [...ref.matchAll(/\//g)].map(({ index }) => [ref.slice(0, index), ref.slice(index + 1)]),
  );
  return {
    driving: [
      ...models.map(
        (model): Condition =>
          (alias) =>
            equals(`${alias}.model`, model, ''),
      ),
      ...refs.map(
        ([provider, model]): Condition =>
          (alias) =>
            sql<boolean>`${sql.ref(`${alias}.model`)} = ${model} and ${aside(`${alias}.provider`)} = ${provider}`,
      ),
    ],
    checked: (alias) => {
      const ref = sql`${sql.ref(`${alias}.provider`)} || '/' || ${sql.ref(`${alias}.model`)}`;
      return sql<boolean>`(${inList(aside(`${alias}.model`), models)} or ${inList(ref, models)})`;
    },
  };
}

function ofRated(rated: boolean): Part {
  const condition: Condition = (alias) =>
    sql<boolean>`${sql.ref(`${alias}.rated`)} ${sql.raw(rated ? '= 1' : 'is null')}`;
  return { driving: rated ? [condition] : [], checked: condition };
}

function ofErased(erased: boolean, aside: Aside): Part {
  return {
    driving: [],
    checked: (alias) => sql<boolean>`${aside(`${alias}.erased_at`)} ${sql.raw(erased ? 'is not null' : 'is null')}`,
  };
}

const ofNewTopic: Part = {
  driving: [],
  checked: (alias) =>
    sql<boolean>`exists (select 1 from conversation where conversation.id = ${sql.ref(`${alias}.conversation_id`)} and conversation.rated is null)`,
};

/** The text of a tag in what was asked for, or in what was said of it: what is found has to be looked at. */
function ofTag(tag: string, kind: Database['kind']): Part {
  const place = sql.raw(kind === 'sqlite' ? 'instr' : 'strpos');
  const text = JSON.stringify(tag);
  return {
    driving: [],
    checked: (alias) =>
      sql<boolean>`(${place}(${sql.ref(`${alias}.envelope_json`)}, ${text}) > 0 or exists (select 1 from feedback where feedback.completion_id = ${sql.ref(`${alias}.id`)} and ${place}(feedback.body_json, ${text}) > 0))`,
  };
}

/** `value IN (…)`, which neither database can write for an empty list. */
function inList(value: RawBuilder<unknown>, list: readonly string[]): Expression<SqlBool> {
  return list.length === 0 ? sql<boolean>`1 = 0` : sql<boolean>`${value} in (${sql.join(list)})`;
}
