import type { LearnedSignal } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { type Evidence, pickMethod, usable } from '../core/method.ts';
import type { Recipe } from '../core/recipe.ts';
import type { CompletionFilter, CompletionRecord, FeedbackRecord, Store } from '../store/types.ts';
import { type Verdict, judge, rejections } from './in-force.ts';
import { byAnswer, createPreferences } from './preferences.ts';
import { listPrompts } from './replay/anchors.ts';

/** One choice that a cycle learns from. */
export interface CollectedExample {
  completion: string;
  choice: number;
  signal: LearnedSignal;
  /** The feedback events that it rests on, sorted by id. */
  feedback: string[];
}

/** One choice that is bad, and that nothing approves of. */
export type RejectedExample = Omit<CollectedExample, 'signal'>;

/** One choice that is better than another answer to the same messages. */
export interface PreferredExample extends Omit<CollectedExample, 'signal'> {
  over: { completion: string; choice: number };
  /** Why it is none after all. */
  fault?: 'raters_disagree' | 'other_answer_may_not_be_learned';
}

/** The blob that freezes what a cycle learns from: sorted by completion and choice, without any time of collection. */
export interface Collection {
  schema: 1 | 2;
  examples: CollectedExample[];
  /** From schema 2 on. */
  rejected?: RejectedExample[];
  preferred?: PreferredExample[];
  /** Completions whose prompt the base is asked, where the recipe takes prompts of chats; in the order in which they are taken. */
  prompts?: string[];
}

export interface CollectDeps {
  store: Pick<Store, 'chats' | 'feedback' | 'blobs'>;
  /** Whether the provider's own `train` setting lets its chats be learned. */
  trainAllowed: (provider: string) => boolean;
}

const pageSize = 200;

/**
 * Lists the rated answers that a recipe may learn from, and stores the list as a blob, so that later feedback cannot
 * change a running cycle. Equal chats, feedback and recipe give an equal blob.
 *
 * Throws NotEnoughData when there are fewer than the recipe's `build.min_examples` that its method can learn from.
 */
export async function collect(deps: CollectDeps, recipe: Recipe): Promise<{ collection: string; examples: number }> {
  const { collection, withheld } = await listExamples(deps, recipe);
  const evidence = evidenceOf(collection);
  const have = usable(pickMethod(recipe, evidence).method, evidence);
  if (have < recipe.build.min_examples) throw await notEnough(deps, recipe, have, withheld);
  const prompts = await promptsOf(deps, recipe);
  return {
    collection: await deps.store.blobs.putJson({ ...collection, ...(prompts && { prompts }) }),
    examples: have,
  };
}

function evidenceOf({ examples, rejected = [], preferred = [] }: Collection): Evidence {
  const fair = preferred.filter(({ fault }) => fault === undefined);
  return { learned: examples.length, preferred: fair.length, rejected: rejected.length };
}

/** Chats that begin with a prompt to replay; null where the recipe takes none of them. */
export async function promptsOf(
  { store, trainAllowed }: Omit<CollectDeps, 'store'> & { store: Pick<Store, 'chats'> },
  recipe: Recipe,
): Promise<string[] | null> {
  const { replay } = recipe.build;
  if (replay?.prompts !== 'conversations') return null;
  return listPrompts({ store, mayLearn: mayLearnBy(recipe, trainAllowed), collect: recipe.collect }, replay);
}

/** Whether a recipe may learn from a completion. */
function mayLearnBy(recipe: Recipe, trainAllowed: CollectDeps['trainAllowed']) {
  return (completion: CompletionRecord): boolean =>
    isConversation(completion) && trainAllowed(completion.provider) && namesModel(recipe, completion);
}

export interface Listed {
  collection: Collection;
  /** Providers whose rated answers may not be learned. */
  withheld: ReadonlySet<string>;
}

/** What a recipe may learn from; of the oldest only, where there are more than `most` learned answers. */
export async function listExamples(
  deps: Omit<CollectDeps, 'store'> & { store: Pick<Store, 'chats' | 'feedback'> },
  recipe: Recipe,
  most = Number.POSITIVE_INFINITY,
): Promise<Listed> {
  const examples: CollectedExample[] = [];
  const rejected: RejectedExample[] = [];
  const preferences = createPreferences();
  const withheld = new Set<string>();
  const mayLearn = mayLearnBy(recipe, deps.trainAllowed);

  function judgeChoices(completion: CompletionRecord, byChoice: ReadonlyMap<string, FeedbackRecord[]>): void {
    for (const { index } of completion.choices) {
      const events = byChoice.get(choiceKey(completion.id, index)) ?? [];
      if (!hasTag(events, recipe)) continue;
      preferences.note(completion, events);
      const of = { completion: completion.id, choice: index };
      const verdict = learnedBy(completion, events, recipe);
      const bad = verdict === null ? rejections(events, recipe.collect) : null;
      if (verdict) examples.push({ ...of, ...verdict });
      else if (bad) rejected.push({ ...of, feedback: bad });
    }
  }

  for await (const completions of ratedPages(deps.store, recipe)) {
    const usable = completions.filter((completion) => {
      if (isConversation(completion) && !deps.trainAllowed(completion.provider)) withheld.add(completion.provider);
      return mayLearn(completion);
    });
    const feedback = await deps.store.feedback.ofCompletions(usable.map(({ id }) => id));
    const byChoice = Map.groupBy(feedback, (event) => choiceKey(event.completionId, event.choice));
    for (const completion of usable) judgeChoices(completion, byChoice);
    if (examples.length >= most) break;
  }
  const preferred = await preferences.decided(async (id) => {
    const other = await deps.store.chats.get(id);
    return other?.state === 'complete' && mayLearn(other);
  });
  const collection: Collection = {
    schema: 2,
    examples: examples.sort(byAnswer).slice(0, most),
    rejected: rejected.sort(byAnswer),
    preferred,
  };
  return { collection, withheld };
}

/** The sentence for a recipe that has too little to learn from. */
export function shortage(have: number, need: number): string {
  const examples = have === 1 ? '1 usable example' : `${have} usable examples`;
  const missing = need - have;
  return (
    `You have ${examples} and the recipe needs ${need}: ` +
    `rate or correct ${missing} more ${missing === 1 ? 'answer' : 'answers'}.`
  );
}

async function* ratedPages(store: Pick<Store, 'chats'>, recipe: Recipe): AsyncGenerator<CompletionRecord[]> {
  const { providers, since, until } = recipe.collect;
  const filter: CompletionFilter = {
    rated: true,
    states: ['complete', 'interrupted'],
    ...(providers && { providers }),
    ...(since && { since: Date.parse(since) }),
    ...(until && { until: Date.parse(until) }),
  };
  let cursor: string | null = null;
  do {
    const page = await store.chats.list(filter, { limit: pageSize, order: 'asc', ...(cursor !== null && { cursor }) });
    yield page.items;
    cursor = page.next;
  } while (cursor !== null);
}

function learnedBy(completion: CompletionRecord, events: readonly FeedbackRecord[], recipe: Recipe): Verdict | null {
  const verdict = judge(events, recipe.collect);
  return verdict?.signal === 'approved' && completion.state !== 'complete' ? null : verdict;
}

/** A continued text and an embedding are no turns of a conversation. */
function isConversation({ kind }: CompletionRecord): boolean {
  return kind === 'chat' || kind === 'responses';
}

function choiceKey(completionId: string, choice: number): string {
  return `${completionId} ${choice}`;
}

/** A recipe names a model as the provider does, or as a model ref `provider/model`. */
function namesModel(recipe: Recipe, { provider, model }: CompletionRecord): boolean {
  const { models } = recipe.collect;
  return models === null || models.includes(model) || models.includes(`${provider}/${model}`);
}

function hasTag(events: readonly FeedbackRecord[], recipe: Recipe): boolean {
  const { tags } = recipe.collect;
  return tags === null || events.some((event) => event.tags?.some((tag) => tags.includes(tag)));
}

async function notEnough(
  deps: CollectDeps,
  recipe: Recipe,
  have: number,
  withheld: ReadonlySet<string>,
): Promise<RatchetError> {
  const need = recipe.build.min_examples;
  const details = { have, need, withheld: [...withheld].sort() };
  if (withheld.size > 0) {
    const names = details.withheld.join(', ');
    const hint = ` Rated answers of ${names} are left out: set "train": true for that provider to learn from them.`;
    return new RatchetError('NotEnoughData', shortage(have, need) + hint, { details });
  }
  const rated = have > 0 || (await deps.store.chats.list({ rated: true }, { limit: 1 })).items.length > 0;
  if (rated) return new RatchetError('NotEnoughData', shortage(have, need), { details });
  const chats = await deps.store.chats.list({ states: ['complete'] }, { limit: 1 });
  const what = chats.items.length > 0 ? 'There are chats, but no answer is rated yet' : 'There are no chats yet';
  const todo = chats.items.length > 0 ? '' : 'chat with a model, then ';
  return new RatchetError('NotEnoughData', `${what}: ${todo}rate or correct ${need} answers.`, { details });
}
