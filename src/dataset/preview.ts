import { rm } from 'node:fs/promises';
import type { LeakCheck, Split, StageCounts } from '../core/dataset.ts';
import { splits } from '../core/dataset.ts';
import { textOf } from '../core/message.ts';
import type { Recipe } from '../core/recipe.ts';
import type { Store } from '../store/types.ts';
import { assemble } from './assemble.ts';
import { type BuildDeps, optionsOf } from './build.ts';
import { type Collection, listExamples, promptsOf } from './collect.ts';
import type { Texts } from './draft.ts';
import { type Refined, runStages } from './engine.ts';
import { anchorsOf } from './replay/anchors.ts';
import type { Watch } from './rows/process-row.ts';
import { makeScratch } from './scratch.ts';

export interface PreviewDeps extends Pick<BuildDeps, 'datasetsDir' | 'evalsDir' | 'buildCacheDir'> {
  store: Pick<Store, 'chats' | 'feedback' | 'forgotten' | 'models'>;
  /** Whether the provider's own `train` setting lets its chats be learned. */
  trainAllowed: (provider: string) => boolean;
}

/** What the stages of a recipe would do with the oldest rated answers. */
export interface Preview {
  /** How many learned answers were looked at, and whether there are more. */
  examples: number;
  more: boolean;
  stages: StageCounts[];
  /** Some texts that a stage changes. */
  changes: { stage: string; id: string; before: string; after: string }[];
  rows: Record<Split, number>;
  leaks: LeakCheck | null;
  /** How many prompts the base would be asked beside; null where nothing is replayed. */
  replay: number | null;
  withheld: string[];
}

/** Changes that are shown of each stage. */
const mostChanges = 3;
/** Of a text that is shown, in characters, around its first change. */
const shown = 160;

/** Runs every stage over the first so many rated answers, and writes nothing that lasts. */
export async function previewBuild(deps: PreviewDeps, recipe: Recipe, most: number): Promise<Preview> {
  const { collection, withheld } = await listExamples(deps, recipe, most + 1);
  const examples = collection.examples.slice(0, most);
  const changes: Preview['changes'] = [];
  const watch: Watch = (stage, id, before, after) => {
    const seen = changes.filter((change) => change.stage === stage).length;
    if (seen < mostChanges) changes.push({ stage, id, ...shownChange(before, after) });
  };
  const scratch = await makeScratch(deps.datasetsDir);
  let refined: Refined | null = null;
  try {
    const source = assemble(deps.store, { ...collection, examples });
    refined = await runStages(source, { ...(await optionsOf(deps, recipe)), cacheDir: null, scratch, watch });
    const { leaks, placed, stages } = refined;
    const learned = [...placed].filter(({ draft }) => draft.kind === 'learn');
    const counts = splits.map((name) => [name, learned.filter(({ split }) => split === name).length] as const);
    return {
      examples: examples.length,
      more: collection.examples.length > most,
      stages,
      changes,
      rows: Object.fromEntries(counts) as Preview['rows'],
      leaks,
      replay: await promptCount(deps, recipe, collection),
      withheld: [...withheld].sort(),
    };
  } finally {
    refined?.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function promptCount(deps: PreviewDeps, recipe: Recipe, collection: Collection): Promise<number | null> {
  const { replay } = recipe.build;
  if (replay === null) return null;
  const prompts = (await promptsOf(deps, recipe)) ?? [];
  return (await anchorsOf(deps.store, { ...collection, prompts }, replay)).length;
}

function shownChange(before: Texts, after: Texts): { before: string; after: string } {
  const [one, other] = firstDifference(before, after);
  let from = 0;
  while (from < one.length && one[from] === other[from]) from += 1;
  const start = Math.max(0, from - shown / 4);
  return { before: one.slice(start, start + shown), after: other.slice(start, start + shown) };
}

function firstDifference(before: Texts, after: Texts): [string, string] {
  const pairs = before.messages.map((message, at) => [saying(message), saying(after.messages[at])] as [string, string]);
  const worse: [string, string] = [saying(before.against), saying(after.against)];
  return [...pairs, worse].find(([one, other]) => one !== other) ?? ['', ''];
}

function saying(message: Texts['against']): string {
  if (!message) return '';
  const text = textOf(message.content);
  return message.tool_calls === undefined ? text : `${text} ${JSON.stringify(message.tool_calls)}`;
}
