import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForgetReport, ForgetRequest, Forgetting } from '../core/forgetting.ts';
import { asRatchetError } from '../core/errors.ts';
import { createQuotes } from '../core/quotes.ts';
import { type Doomed, gather } from '../dataset/forget/doomed.ts';
import { removeLeftovers } from '../dataset/forget/leftovers.ts';
import { bury, countGoing, redactVersion } from '../dataset/forget/redact-version.ts';
import { type ForgottenIds, everForgotten, rowsToGo, versionsWith } from '../dataset/forget/versions.ts';
import { withoutForgottenReplay } from '../dataset/replay/answers.ts';
import { buildCacheFolder } from '../dataset/scratch.ts';
import { forgetAnswers } from '../evaluation/forget.ts';
import { type RetireDeps, retire } from '../models/retire.ts';
import { cleanRun, removePreparedTokens } from '../training/forget.ts';
import type { ForgettingRecord } from '../store/forgotten-types.ts';
import { scrubFolder } from '../store/scrub.ts';
import type { DatasetRecord, Store } from '../store/types.ts';
import { runsWith } from './forgotten-runs.ts';
import { outOfReach } from './out-of-reach.ts';

export interface ForgettingDeps {
  store: Store;
  dataDir: string;
  datasetsDir: string;
  models: RetireDeps;
  /** Whether what is sent to a provider stays on this machine. */
  isLocal: (provider: string) => boolean;
  /** Called when model versions may have become stale. */
  onStale: () => Promise<void>;
  log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
  /** How often what could not be finished is tried again, in ms; a minute unless given. */
  againMs?: number;
}

/** What there is of a subject, and where. */
interface Found {
  doomed: Doomed;
  ids: ForgottenIds;
  versions: DatasetRecord[];
  /** Ids of rows that go, from any version. */
  rows: ReadonlySet<string>;
}

/** Creates what forgets. One at a time in this process; several processes may, since every part of it can be done twice. */
export function createForgetting(deps: ForgettingDeps): Forgetting & { start(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let resuming: Promise<void> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function resume(): Promise<void> {
    for (const record of await deps.store.forgotten.open()) {
      if (stopping.signal.aborted) return;
      const report = await inTurn(() => goOn(deps, record, null));
      deps.log.info({ forgetting: record.id, state: report.state }, 'went on with what is to be forgotten');
    }
  }

  async function keepResuming(): Promise<void> {
    while (!stopping.signal.aborted) {
      await resume().catch((error: unknown) => {
        deps.log.warn({ code: asRatchetError(error).code }, 'what is to be forgotten is not yet, and is tried again');
      });
      await sleep(deps.againMs ?? 60_000, null, { signal: stopping.signal, ref: false }).catch(() => null);
    }
  }

  return {
    plan: (request) => plan(deps, request),
    forget: (request) => inTurn(() => forget(deps, request)),
    start: () => void (resuming = keepResuming()),
    stop: async () => {
      stopping.abort();
      await resuming;
      await last;
    },
  };
}

async function plan(deps: ForgettingDeps, request: ForgetRequest): Promise<ForgetReport> {
  const found = await find(deps, await gather(deps.store, request));
  const report = { ...(await cleanFiles(deps, found, true)), state: 'planned' as const };
  report.waiting.cycles = await runsOf(deps, found, report, true);
  const models = await modelsOf(deps, found);
  return { ...report, models, ...(await outcome(deps, found)) };
}

async function forget(deps: ForgettingDeps, request: ForgetRequest): Promise<ForgetReport> {
  const doomed = await gather(deps.store, request);
  const { kind, subject, now, actor } = request;
  const { completions, feedback } = doomed;
  const record = await deps.store.forgotten.begin({ kind, subject, now, actor, completions, feedback });
  return goOn(deps, record, doomed);
}

/** Goes on where a forgetting stands: files first, since the record says what to look for in them; the record last. */
async function goOn(deps: ForgettingDeps, record: ForgettingRecord, known: Doomed | null): Promise<ForgetReport> {
  const { forgotten } = deps.store;
  const { id, kind } = record;
  const subject = record.subject ?? '';
  const doomed = known ?? (await gatherAgain(deps, { kind, subject }));
  const found = await find(deps, doomed);
  const report = merged(record, await cleanFiles(deps, found, false));
  await forgotten.advance(id, { state: 'record', report: { ...report } });
  const open = await clearRecord(deps, record, doomed);
  await deps.onStale();
  const cycles = await runsOf(deps, found, report);
  if (record.now) await retireModels(deps, found, record.actor, report);
  report.models = await modelsOf(deps, found);
  report.waiting = { cycles, completions: open };
  report.state = cycles.length + open > 0 ? 'waiting' : 'done';
  Object.assign(report, await outcome(deps, found));
  await forgotten.advance(id, { state: report.state === 'done' ? 'done' : 'record', report: { ...report } });
  return report;
}

/** After the record was cleared there may be nothing left to gather. */
async function gatherAgain(deps: ForgettingDeps, of: Pick<Doomed, 'kind' | 'subject'>): Promise<Doomed> {
  try {
    return await gather(deps.store, of);
  } catch (error) {
    if (asRatchetError(error).code !== 'NotFound') throw error;
    return { ...of, completions: [], elsewhere: [], feedback: [], nodes: [], texts: [] };
  }
}

/** Nothing gathered means that all that was ever forgotten is looked for. */
async function find(deps: ForgettingDeps, doomed: Doomed): Promise<Found> {
  const own = { completions: new Set(doomed.completions), feedback: new Set(doomed.feedback) };
  const ever = await everForgotten(deps.store);
  const isEmpty = own.completions.size + own.feedback.size === 0;
  // A row goes when the last of those whom it rests on is forgotten.
  const feedback = new Set([...ever.feedback, ...own.feedback]);
  const ids: ForgottenIds = isEmpty ? ever : { completions: own.completions, feedback, own: own.feedback };
  const versions: DatasetRecord[] = [];
  const rows = new Set<string>();
  for await (const version of versionsWith(deps.store, ids)) {
    versions.push(version);
    for (const row of await rowsToGo(deps.store, version, ids)) rows.add(row);
  }
  return { doomed, ids, versions, rows };
}

async function cleanFiles(deps: ForgettingDeps, found: Found, look: boolean): Promise<ForgetReport> {
  const { store, dataDir, datasetsDir } = deps;
  const { doomed, rows, versions } = found;
  const quotes = createQuotes(doomed.texts);
  const report = emptyReport(doomed);
  if (!look) await bury(deps, new Set(doomed.nodes));
  for (const version of versions) {
    const lost = look ? await countGoing(deps, version, found.ids) : await redactVersion(deps, version);
    report.datasets.push({ digest: version.digest, name: version.name, rows: lost });
  }
  const isGone = (prompt: string) => rows.has(prompt);
  const others = (value: unknown) => withoutForgottenReplay(value, { isGone, quotes });
  const { evaluations, quoting } = await forgetAnswers(store.blobs, { isGone, quotes, others }, look);
  report.evaluations = evaluations;
  for (const folder of ['cycles', 'logs']) {
    report.logs.push(...(await scrubFolder(join(dataDir, folder), quotes, look)));
  }
  const texts = [...doomed.completions, ...quotes.needles];
  report.removed = await removeLeftovers(datasetsDir, texts, look);
  // What was said of rows is made anew by the next build.
  if (!look) await rm(buildCacheFolder(dataDir), { recursive: true, force: true });
  if (!look) await removePreparedTokens(dataDir);
  if (!look) report.failures = await store.forgotten.rewriteFailures(quotes.without);
  report.notes = quoting.map(
    (digest) => `The blob ${digest} quotes it and stays: it is a recipe or a file of your own.`,
  );
  return report;
}

/** Gives how many completions are still being answered. */
async function clearRecord({ store }: ForgettingDeps, record: ForgettingRecord, doomed: Doomed): Promise<number> {
  if (record.kind === 'rater') {
    await store.forgotten.removeRater(doomed.subject, `forgotten-${record.id}`);
    return 0;
  }
  let open = 0;
  for (const completionId of doomed.completions) open += (await store.chats.erase({ completionId })).open;
  return open;
}

/** Cleans the runs of cycles that trained on these versions; gives the cycles that are at it right now. */
async function runsOf(
  { store, dataDir }: ForgettingDeps,
  found: Found,
  report: ForgetReport,
  look = false,
): Promise<string[]> {
  const atWork: string[] = [];
  const digests = new Set(found.versions.map(({ digest }) => digest));
  for await (const { cycle, keys, isAtWork } of runsWith(store, digests)) {
    if (isAtWork) atWork.push(cycle);
    else for (const key of keys) report.removed.push(...(await cleanRun(dataDir, cycle, key, look)));
  }
  return atWork;
}

async function retireModels(deps: ForgettingDeps, found: Found, actor: string, report: ForgetReport): Promise<void> {
  const versions = await deps.store.models.ofDatasets(found.versions.map(({ digest }) => digest));
  const there = versions.filter(({ stale, deletedAt }) => stale !== null && deletedAt === null);
  const { selected, notes } = await retire(deps.models, there, actor);
  report.selected = selected;
  report.notes.push(...notes);
  await deps.onStale();
}

async function modelsOf({ store }: ForgettingDeps, { versions }: Found): Promise<ForgetReport['models']> {
  const models = await store.models.ofDatasets(versions.map(({ digest }) => digest));
  return models.map(({ id, served, deletedAt }) => ({ id, served, deleted: deletedAt !== null }));
}

async function outcome(deps: ForgettingDeps, { doomed }: Found): Promise<Pick<ForgetReport, 'out_of_reach'>> {
  return { out_of_reach: await outOfReach(deps, doomed) };
}

function emptyReport({ kind, completions, elsewhere, feedback }: Doomed): ForgetReport {
  return {
    kind,
    state: 'waiting',
    completions: completions.length,
    elsewhere,
    feedback: feedback.length,
    datasets: [],
    evaluations: [],
    models: [],
    logs: [],
    removed: [],
    failures: 0,
    waiting: { cycles: [], completions: 0 },
    selected: null,
    notes: [],
    out_of_reach: [],
  };
}

/** What was told before a crash, or while it waited, is told again with what came to it. */
function merged({ report: stored }: ForgettingRecord, report: ForgetReport): ForgetReport {
  if (!stored) return report;
  const before = stored as unknown as ForgetReport;
  const both = (one: string[], other: string[]): string[] => [...new Set([...one, ...other])];
  return {
    ...report,
    completions: Math.max(before.completions, report.completions),
    feedback: Math.max(before.feedback, report.feedback),
    elsewhere: before.elsewhere.length > report.elsewhere.length ? before.elsewhere : report.elsewhere,
    evaluations: both(before.evaluations, report.evaluations),
    logs: both(before.logs, report.logs),
    removed: both(before.removed, report.removed),
    failures: before.failures + report.failures,
    selected: before.selected,
  };
}
