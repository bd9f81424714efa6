import { RatchetError } from '../core/errors.ts';
import type { Database } from './database.ts';
import { decodeNullable } from './json.ts';

/**
 * Gives the choices of a completion. Throws NotFound when a completion or its choice is not there, Conflict while it is still open. A closed
 * completion never opens again nor loses choices, so what is seen here still holds at an insert.
 */
export async function requireChoice({ build, read }: Database, id: string, choice: number): Promise<number[]> {
  const [row] = await read(build.selectFrom('completion').select(['state', 'choices_json']).where('id', '=', id));
  if (!row) throw new RatchetError('NotFound', `There is no completion "${id}": send the id that an answer gave.`);
  if (row.state === 'open') {
    throw new RatchetError('Conflict', `The completion ${id} is still being answered: rate it when it is done.`);
  }
  const choices = decodeNullable<{ index: number }[]>(row.choices_json) ?? [];
  const indexes = choices.map(({ index }) => index);
  if (indexes.includes(choice)) return indexes;
  const known = indexes.join(', ') || 'none';
  throw new RatchetError('NotFound', `The completion ${id} has no choice ${choice}; it has: ${known}.`);
}
