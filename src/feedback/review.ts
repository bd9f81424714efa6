import { standing } from '../core/feedback.ts';
import { RatchetError } from '../core/errors.ts';
import type {
  AnswerRef,
  ChatStore,
  CompletionFilter,
  CompletionRecord,
  FeedbackRecord,
  FeedbackStore,
} from '../store/types.ts';
import type { ContradictedAnswer, ReviewAnswer, ReviewClaim, ReviewStage, ReviewStore } from '../store/review-types.ts';
import { disagree, opinionsInForce } from './review-opinions.ts';

export interface ReviewDeps {
  review: ReviewStore;
  feedback: Pick<FeedbackStore, 'ofCompletions'>;
  chats: Pick<ChatStore, 'get'>;
  /** Numbers from 0 up to 1; `Math.random` unless given. */
  random?: () => number;
  /** How long a claim holds, in ms; ten minutes unless given. */
  claimMs?: number;
  /** How many other ratings have to lie between an answer's rating and its being asked for again; 20 unless given. */
  othersBetween?: number;
}

/** Which answers are asked for: of one model, of one provider, with a tag in the request or in what was said of them. */
export interface ReviewFilter {
  /** Whose answers; null is everybody's. */
  owner: string | null;
  model?: string | undefined;
  provider?: string | undefined;
  tag?: string | undefined;
}

/** What is to be rated. */
export interface ReviewItem {
  completion: CompletionRecord;
  choice: number;
  /** Why. An answer that is asked for again is told as one that is unrated, so that its rater judges it anew. */
  reason: 'contradiction' | 'disagreement' | 'unrated';
  /** The answer that it contradicts; null where that is not the reason. */
  contradicts: AnswerRef | null;
  /** When the claim lapses. */
  until: number;
}

/** Claims what a rater rates next; null when there is nothing. */
export type NextReview = (rater: string, filter: ReviewFilter) => Promise<ReviewItem | null>;

const againShare = 0.02;
const atOnce = 50;
const settledAtOnce = 500;
/** How far back one looks for an answer to ask for again, in ratings. */
const againWindow = 200;

/** Creates the queue: what builds set aside as contradictions, what raters disagree about, then new topics, then what else is unrated; and now and then an answer again. */
export function createNextReview(deps: ReviewDeps): NextReview {
  const { random = Math.random } = deps;
  return async (rater, filter) => {
    await settle(deps);
    const desk: Desk = { ...deps, random, rater, filter };
    if (random() < againShare) {
      const again = await itemOf(desk, await claimAgain(desk));
      if (again) return again;
    }
    for (;;) {
      const claim = await claimNext(desk);
      if (!claim) return null;
      const item = await itemOf(desk, claim);
      if (item) return item;
    }
  };
}

interface Desk extends ReviewDeps {
  random: () => number;
  rater: string;
  filter: ReviewFilter;
}

interface Claimed extends ReviewClaim {
  stage: ReviewStage;
  contradicts?: AnswerRef | undefined;
}

/** Looks at answers whose raters may disagree since they were looked at last. */
async function settle({ review, feedback }: ReviewDeps): Promise<void> {
  for (;;) {
    const answers = await review.unsettled(settledAtOnce);
    const events = await feedback.ofCompletions(answers.map(({ completionId }) => completionId));
    const eventsOf = byAnswer(events);
    await review.settle(
      answers.map((answer) => {
        const own = eventsOf.get(nameOf(answer)) ?? [];
        return { ...answer, disputed: disagree(opinionsInForce(own)), rated: standing(own).length > 0 };
      }),
    );
    if (answers.length < settledAtOnce) return;
  }
}

async function claimNext(desk: Desk): Promise<Claimed | null> {
  return (
    (await claimContradicted(desk)) ??
    (await claimTouched(desk, 'disputed')) ??
    (await claimUntouched(desk, true)) ??
    (await claimTouched(desk, 'open')) ??
    (await claimUntouched(desk, false))
  );
}

/** Who rated such an answer is asked as well: most often it is their own word that stands against another of theirs. */
async function claimContradicted(desk: Desk): Promise<Claimed | null> {
  const filter = storeFilter(desk.filter);
  let after: ContradictedAnswer | null = null;
  do {
    const answers: ContradictedAnswer[] = await desk.review.contradicted(filter, { after, limit: atOnce });
    const claim = await claimOne(desk, 'contradicted', await fitting(desk, 'contradicted', answers));
    if (claim) return { ...claim, contradicts: answers.find((one) => nameOf(one) === nameOf(claim))?.other };
    after = answers.length < atOnce ? null : (answers.at(-1) ?? null);
  } while (after);
  return null;
}

async function claimTouched(desk: Desk, stage: 'disputed' | 'open'): Promise<Claimed | null> {
  const { review, rater } = desk;
  const scope = { filter: storeFilter(desk.filter), rater };
  let after: ReviewAnswer | null = null;
  do {
    const answers: ReviewAnswer[] = await review.touched(stage, scope, { after, limit: atOnce });
    const claim = await claimOne(desk, stage, await fitting(desk, stage, answers));
    if (claim) return claim;
    after = answers.length < atOnce ? null : (answers.at(-1) ?? null);
  } while (after);
  return null;
}

/** New topics are looked for as far as one page of the store looks; what lies further back comes with all others. */
async function claimUntouched(desk: Desk, newTopic: boolean): Promise<Claimed | null> {
  const filter = { ...storeFilter(desk.filter), ...(newTopic && { newTopic }) };
  let cursor: string | null = null;
  do {
    const { items, next } = await desk.review.untouched(filter, { limit: atOnce, ...(cursor !== null && { cursor }) });
    const claim = await claimOne(desk, 'untouched', await tagged(desk, items));
    if (claim) return claim;
    if (newTopic && items.length < atOnce) return null;
    cursor = next;
  } while (cursor !== null);
  return null;
}

/** An answer that this rater judged long enough ago, picked by chance. */
async function claimAgain(desk: Desk): Promise<Claimed | null> {
  const { review, feedback, rater, random, othersBetween = 20 } = desk;
  const events = await review.ratedBy(rater, { skip: othersBetween, limit: againWindow });
  const recent = new Set(events.slice(0, othersBetween).map(nameOf));
  const older = new Map(events.slice(othersBetween).map((answer) => [nameOf(answer), answer]));
  const candidates = [...older].flatMap(([name, answer]) => (recent.has(name) ? [] : [answer]));
  const said = byAnswer(await feedback.ofCompletions(candidates.map(({ completionId }) => completionId)));
  const judged = candidates.filter((answer) => opinionBy(rater, said.get(nameOf(answer)) ?? []));
  const visible: AnswerRef[] = [];
  const places = judged.map((answer) => ({ answer, place: random() })).sort((a, b) => a.place - b.place);
  for (const { answer } of places) {
    if (visible.length < 5 && (await inScope(desk, answer))) visible.push(answer);
    if (visible.length === 5) break;
  }
  return claimOne(desk, 'again', visible);
}

async function inScope({ chats, filter }: Desk, { completionId }: AnswerRef): Promise<boolean> {
  const completion = await chats.get(completionId);
  if (!completion || (filter.owner !== null && completion.owner !== filter.owner)) return false;
  const { provider, model } = completion;
  if (filter.provider !== undefined && filter.provider !== provider) return false;
  // A tag narrows what is asked for the first time; an answer that is asked for again would give itself away.
  if (filter.tag !== undefined) return false;
  return filter.model === undefined || [model, `${provider}/${model}`].includes(filter.model);
}

/** The first of these answers that can be had. */
async function claimOne(desk: Desk, stage: ReviewStage, found: readonly AnswerRef[]): Promise<Claimed | null> {
  const { review, rater, claimMs: ttlMs = 600_000 } = desk;
  const held = new Set((await review.claims(found)).map(nameOf));
  const answers = found.filter((answer) => !held.has(nameOf(answer)));
  if (answers.length === 0) return null;
  const claim = await review.claim({ answers, rater, stage, ttlMs });
  return claim && { ...claim, stage };
}

/** Without those that have the text of the tag elsewhere, and those of which this rater has said something after all. */
async function fitting(desk: Desk, stage: ReviewStage, answers: readonly AnswerRef[]): Promise<AnswerRef[]> {
  const events = byAnswer(await desk.feedback.ofCompletions(answers.map(({ completionId }) => completionId)));
  const { tag } = desk.filter;
  const fits: AnswerRef[] = [];
  for (const answer of answers) {
    const own = events.get(nameOf(answer)) ?? [];
    if (stage === 'disputed' && standing(own).some(({ rater }) => rater === desk.rater)) continue;
    if (tag === undefined || hasTag(own, tag) || (await requestHasTag(desk, answer, tag))) fits.push(answer);
  }
  return fits;
}

async function requestHasTag({ chats }: Desk, { completionId }: AnswerRef, tag: string): Promise<boolean> {
  const metadata = (await chats.get(completionId))?.envelope.metadata;
  const tags = typeof metadata === 'object' && metadata !== null && 'tags' in metadata ? metadata.tags : null;
  return Array.isArray(tags) && tags.includes(tag);
}

/** Nothing was said of these answers: a tag is one of the request. */
async function tagged({ filter }: Desk, answers: readonly (AnswerRef & { tags: string[] })[]): Promise<AnswerRef[]> {
  const { tag } = filter;
  return tag === undefined ? [...answers] : answers.filter(({ tags }) => tags.includes(tag));
}

async function itemOf({ chats }: Desk, claim: Claimed | null): Promise<ReviewItem | null> {
  if (!claim) return null;
  const completion = await chats.get(claim.completionId);
  if (!completion) throw new RatchetError('Bug', `The completion ${claim.completionId} was claimed and is not there.`);
  // Erased since it was claimed.
  if (completion.choices.every(({ index }) => index !== claim.choice)) return null;
  const { choice, stage, contradicts = null, until } = claim;
  return { completion, choice, reason: reasonOf[stage], contradicts, until };
}

const reasonOf: Readonly<Record<ReviewStage, ReviewItem['reason']>> = {
  contradicted: 'contradiction',
  disputed: 'disagreement',
  open: 'unrated',
  untouched: 'unrated',
  again: 'unrated',
};

function storeFilter({ owner, model, provider, tag }: ReviewFilter): CompletionFilter {
  return {
    states: ['complete'],
    kinds: ['chat', 'responses', 'text'],
    erased: false,
    ...(owner !== null && { owner }),
    ...(model !== undefined && { models: [model] }),
    ...(provider !== undefined && { providers: [provider] }),
    ...(tag !== undefined && { tag }),
  };
}

function opinionBy(rater: string, events: readonly FeedbackRecord[]): boolean {
  return opinionsInForce(events).some((opinion) => opinion.rater === rater);
}

function hasTag(events: readonly FeedbackRecord[], tag: string): boolean {
  return standing(events).some(({ tags }) => tags?.includes(tag));
}

/** Events by the answer that they are about. */
export function byAnswer(events: readonly FeedbackRecord[]): Map<string, FeedbackRecord[]> {
  return Map.groupBy(events, nameOf);
}

/** Names an answer in a map. */
export function nameOf({ completionId, choice }: AnswerRef): string {
  return `${completionId} ${choice}`;
}
