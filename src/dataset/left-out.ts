import { join } from 'node:path';
import type { LeftOutRow } from '../core/dataset.ts';
import { isErrno } from '../core/errors.ts';
import { readLines } from './export.ts';

export interface LeftOutFilter {
  /** As the stages name it. */
  reason?: string | undefined;
  /** Id of a completion that it is of. */
  completion?: string | undefined;
}

/** What a build left out. */
export interface LeftOut {
  /** How many, by reason. */
  reasons: Record<string, number>;
  /** The first of them, by id. */
  items: LeftOutRow[];
}

/** What of the collection is in no other file of a version, and why; nothing in a version of before there was that file. */
export async function leftOutOf(folder: string, { reason, completion }: LeftOutFilter, most: number): Promise<LeftOut> {
  const found: LeftOut = { reasons: {}, items: [] };
  try {
    for await (const row of readLines<LeftOutRow>(join(folder, 'left-out.jsonl'))) {
      if (reason !== undefined && row.reason !== reason) continue;
      if (completion !== undefined && !isOf(row, completion)) continue;
      found.reasons[row.reason] = (found.reasons[row.reason] ?? 0) + 1;
      if (found.items.length < most) found.items.push(row);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return found;
}

/** A preference is of both its answers. */
function isOf({ id }: LeftOutRow, completion: string): boolean {
  return id.split('>').some((answer) => answer.slice(0, answer.lastIndexOf('.')) === completion);
}
