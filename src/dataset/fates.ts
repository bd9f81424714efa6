import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetFile, type JudgedRow, type LeftOutRow, type Split, splits } from '../core/dataset.ts';
import { canonicalJson } from '../core/canonical.ts';
import { readLines } from './export.ts';

/** Where something that was collected is in a version. */
export interface Fate {
  id: string;
  /** What it is there for; `left_out` when it is in no file of rows. */
  as: 'row' | 'bad_answer' | 'preference' | 'left_out';
  split: Split | null;
  /** Why it was left out; null when it was not. */
  reason: string | null;
  /** What it says, to compare. */
  text: string;
}

/** What became of everything that was collected for a version, by id, one at a time. */
export async function* fatesIn(folder: string): AsyncGenerator<Fate> {
  const sources = [
    ...splits.flatMap((split) => [
      linesOf<{ id: string }>(folder, `${split}.jsonl`, (row) => fate(row.id, 'row', split, row)),
      linesOf<JudgedRow>(folder, `judged.${split}.jsonl`, (row) => badAnswer(row, split)),
      linesOf<{ id: string; meta: { kind: string } }>(folder, `pairs.${split}.jsonl`, (row) =>
        row.meta.kind === 'preference' ? fate(row.id, 'preference', split, row) : null,
      ),
    ]),
    linesOf<LeftOutRow>(folder, 'left-out.jsonl', ({ id, reason }) => ({
      ...fate(id, 'left_out', null, null),
      reason,
    })),
  ];
  yield* mergeById(sources);
}

/** A learned answer is a row, and what it corrects is a part of it. */
function badAnswer(row: JudgedRow, split: Split): Fate | null {
  return row.good || row.id.endsWith('.original') ? null : fate(row.id, 'bad_answer', split, row);
}

function fate(id: string, as: Fate['as'], split: Split | null, row: unknown): Fate {
  return { id, as, split, reason: null, text: row === null ? '' : canonicalJson(row) };
}

async function* linesOf<Line>(
  folder: string,
  file: DatasetFile,
  toFate: (line: Line) => Fate | null,
): AsyncGenerator<Fate> {
  const path = join(folder, file);
  // Versions of before have fewer files.
  if (!(await exists(path))) return;
  for await (const line of readLines<Line>(path)) {
    const found = toFate(line);
    if (found) yield found;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Sorted streams as one. */
async function* mergeById(sources: readonly AsyncGenerator<Fate>[]): AsyncGenerator<Fate> {
  const heads: { source: AsyncGenerator<Fate>; fate: Fate }[] = [];
  const pull = async (source: AsyncGenerator<Fate>): Promise<void> => {
    const { done, value } = await source.next();
    if (done !== true) heads.push({ source, fate: value });
  };
  for (const source of sources) await pull(source);
  while (heads.length > 0) {
    let first = 0;
    for (const [
      at,
      {
        fate: { id },
      },
    ] of heads.entries())
      if (id < (heads[first]?.fate.id ?? '')) first = at;
    const [head] = heads.splice(first, 1);
    if (!head) return;
    yield head.fate;
    await pull(head.source);
  }
}
