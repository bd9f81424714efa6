import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokensResult } from '../core/job.ts';
import { tokensJob } from './make-job.ts';
import { runJob } from './run-job.ts';
import type { WarmPython } from './warm-python.ts';

export interface RowTokensDeps {
  dataDir: string;
  /** The Python that holds LitGPT; PartMissing when there is none. */
  python: () => string;
  warmPython: WarmPython;
  /** Folder of a base in Hugging Face layout; BaseMissing. */
  baseFolder: (name: string) => Promise<string>;
}

export interface RowTokensRequest {
  /** A split's file. */
  data: string;
  /** Id of a row of it; null for the first. */
  row: string | null;
  base: string;
  /** Tokens after which training cuts; null for never. */
  maxLength: number | null;
  signal: AbortSignal;
}

const stallSeconds = 120;

/** A row of a dataset in the tokens of a base, with those that are learned. InvalidInput when the file has no such row. */
export async function rowTokens(deps: RowTokensDeps, request: RowTokensRequest): Promise<TokensResult> {
  const { data, row, signal } = request;
  const base = await deps.baseFolder(request.base);
  await mkdir(deps.dataDir, { recursive: true });
  const work = await mkdtemp(join(deps.dataDir, 'row-tokens-'));
  try {
    const job = tokensJob(
      { dataDir: deps.dataDir, base, work, key: 'tokens' },
      { data, row, max_seq_length: request.maxLength },
    );
    return await runJob(job, { python: deps.python(), warm: deps.warmPython, signal, stallSeconds });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
