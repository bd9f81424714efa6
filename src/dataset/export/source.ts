import type { DatasetFile, JudgedRow, PairRow, Split } from '../../core/dataset.ts';
import type { DatasetRecord } from '../../store/types.ts';
import { readLines, readRows, splitFile, versionFile } from '../export.ts';
import { datasetFolder } from '../write.ts';
import type { ExportSource, Note } from './types.ts';

/** What a dataset version has to export. Reading throws NotFound when a file of it is gone. */
export function createExportSource({ datasetsDir }: { datasetsDir: string }, record: DatasetRecord): ExportSource {
  const { digest, manifest, name } = record;
  const folder = datasetFolder(datasetsDir, name, digest);

  async function* linesOf<Line>(file: DatasetFile, note: Note): AsyncGenerator<Line> {
    if (manifest.schema === 1) note.leaveOut(digest, 'built_before_pairs');
    else yield* readLines<Line>(await versionFile(folder, file));
  }

  return {
    manifest,
    async *rows(split: Split) {
      yield* readRows(await splitFile(folder, split));
    },
    async *pairs(split, note) {
      for await (const row of linesOf<PairRow>(`pairs.${split}.jsonl`, note)) {
        const { id, prompt, tools = [], chosen, rejected } = row;
        yield { id, prompt, tools, chosen, rejected };
      }
    },
    async *judged(split, note) {
      for await (const row of linesOf<JudgedRow>(`judged.${split}.jsonl`, note)) {
        const { id, prompt, tools = [], answer, good } = row;
        yield { id, prompt, tools, answer, good };
      }
    },
  };
}
