import type { StepInput } from '../core/cycle.ts';
import type { Collection } from '../dataset/collect.ts';
import { type Anchor, anchorsOf, requestOf } from '../dataset/replay/anchors.ts';
import { type ReplayedAnswers, replayedRow } from '../dataset/replay/answers.ts';
import { answerPrompts } from '../evaluation/answer.ts';
import type { ActivityDeps } from './deps.ts';
import type { StepWork } from './step.ts';

type ReplayDeps = Pick<ActivityDeps, 'store' | 'servedBase' | 'askWhole'>;
type ReplayWork = Pick<StepWork, 'recipe' | 'signal' | 'report'> & { input: Pick<StepInput, 'base'> };

/**
 * Asks the base, as it is served here, what the recipe replays, and gives the digest of the blob of its answers; null where nothing
 * is replayed. Each answer is kept as it comes, so that neither an attempt after a crash nor a later cycle asks it again.
 */
export async function askReplay(deps: ReplayDeps, work: ReplayWork, collection: string): Promise<string | null> {
  const { input, recipe, signal, report } = work;
  const { replay } = recipe.build;
  if (replay === null) return null;
  const anchors = await anchorsOf(deps.store, await deps.store.blobs.getJson<Collection>(collection), replay);
  if (anchors.length === 0) {
    const message = 'There is no prompt to replay: begin more chats that may be learned from, or collect again.';
    report({ message }, 'warning');
    return null;
  }
  const base = await deps.servedBase(input.base, signal);
  const options = { temperature: 0, seed: replay.seed, max_tokens: replay.max_tokens } as const;
  const byRequest = new Map(anchors.map((anchor) => [requestOf(base.digest, anchor, options), anchor]));
  await askMissing(deps, work, { base, options, byRequest });
  const said = await deps.store.replay.find([...byRequest.keys()]);
  const answers: ReplayedAnswers = {
    schema: 1,
    kind: 'replay',
    base,
    options,
    rows: [...byRequest].flatMap(([request, anchor]) => {
      const answer = said.get(request);
      // The chat was erased meanwhile.
      return answer ? [replayedRow({ base, options }, anchor, answer)] : [];
    }),
  };
  return deps.store.blobs.putJson(answers);
}

type Asked = Pick<ReplayedAnswers, 'base' | 'options'> & { byRequest: ReadonlyMap<string, Anchor> };

async function askMissing(
  { askWhole, store }: ReplayDeps,
  { recipe, signal, report }: ReplayWork,
  { base, options, byRequest }: Asked,
): Promise<void> {
  const known = await store.replay.find([...byRequest.keys()]);
  const missing = [...byRequest].filter(([request]) => !known.has(request));
  const total = byRequest.size;
  report({ replay: { asked: missing.length, known: known.size }, done: known.size, total, model: base.ref });
  await answerPrompts({
    ask: async (request, stop) => {
      const name = requestOf(base.digest, request, options);
      const answer = await askWhole(request, stop);
      await store.replay.keep(name, answer, byRequest.get(name)?.completion ?? null);
      return answer.text;
    },
    model: base.ref,
    prompts: missing.map(([id, { messages }]) => ({ id, messages, checks: [], reference: null })),
    seed: options.seed,
    maxTokens: options.max_tokens,
    concurrency: recipe.evaluate.concurrency,
    signal,
    onAnswer: (done) => report({ done: known.size + done, total, model: base.ref }),
  });
}
