import type { Command } from 'commander';
import { asRatchetError } from '../core/errors.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { type Diff, type Rated, oneLine, promptOf, shown, shownDiff, shownOther } from './rate-view.ts';
import { type Terminal, openTerminal } from './terminal.ts';

interface Filter {
  provider?: string;
  model?: string;
  tag?: string;
}

interface RateOptions extends Filter {
  url?: string;
  list?: boolean;
  json?: boolean;
}

/** What the queue gives. */
interface Item {
  reason: 'contradiction' | 'disagreement' | 'unrated';
  choice: number;
  contradicts: { completion_id: string; choice: number } | null;
  completion: Rated;
}

interface UnratedPage {
  items: Rated[];
  next: string | null;
}

const question = '[g]ood  [b]ad  [f]ix  [s]kip  [p]revious  [q]uit > ';

/** Adds `ratchet rate`. */
export function registerRate(program: Command): void {
  program
    .command('rate')
    .description(
      'rate answers: first those that contradict each other, then those that raters disagree about, then new topics, then what else is unrated',
    )
    .option('--url <url>', 'where the API is')
    .option('--provider <name>', 'only answers of this provider')
    .option('--model <name>', 'only answers of this model: its name or its ref')
    .option('--tag <tag>', 'only answers with this tag, in "metadata.tags" of the request or in feedback')
    .option('--list', 'list what nobody has rated, the newest first, and leave')
    .option('--json', 'with --list: as one line of JSON each')
    .action(async (options: RateOptions) => {
      const { api } = connectApi(options.url);
      const { provider, model, tag } = options;
      if (options.list === true) await list(unratedOf(api, { provider, model }), options.json === true);
      else await walk(api, { provider, model, tag });
    });
}

type Given<T> = { [K in keyof T]: T[K] | undefined };

async function* unratedOf(api: ApiClient, { provider, model }: Given<Filter>): AsyncGenerator<Rated> {
  const query = new URLSearchParams({ rated: 'false', state: 'complete', limit: '50' });
  if (provider !== undefined) query.set('provider', provider);
  if (model !== undefined) query.set('model', model);
  for (;;) {
    const { items, next } = await api.get<UnratedPage>(`/api/completions?${query.toString()}`);
    yield* items.filter(({ choices }) => choices.length > 0);
    if (next === null) return;
    query.set('cursor', next);
  }
}

async function list(unrated: AsyncGenerator<Rated>, json: boolean): Promise<void> {
  for await (const one of unrated) {
    const line = json ? JSON.stringify(one) : `${one.id}  ${one.provider}/${one.model}  ${oneLine(promptOf(one))}`;
    process.stdout.write(`${line}\n`);
  }
}

/** What one sitting has come to. */
interface Sitting {
  api: ApiClient;
  terminal: Terminal;
  next(): Promise<Item | null>;
  /** What was rated, with the event, the last one last. */
  rated: { item: Item; event: string }[];
  /** Claimed and not rated: given back in the end, so that what was skipped does not come again at once. */
  open: Set<Item>;
  /** What was before somebody when they went back. */
  waiting: Item[];
}

async function walk(api: ApiClient, filter: Given<Filter>): Promise<void> {
  const next = async () => (await api.post<{ item: Item | null }>('/api/review/next', filter)).item;
  const first = await next();
  const terminal = openTerminal(process.stdin, process.stdout);
  const sitting: Sitting = { api, terminal, next, rated: [], open: new Set(), waiting: [] };
  terminal.onInterrupt(() => terminal.close());
  try {
    for (let item = first; item; item = await step(sitting, item)) sitting.open.add(item);
  } finally {
    terminal.close();
    await Promise.all([...sitting.open].map((item) => giveBack(api, item)));
    process.stdout.write(`${sitting.rated.length} rated.\n`);
  }
}

/** Asks about an answer, and gives the one after it; null at the end. */
async function step(sitting: Sitting, item: Item): Promise<Item | null> {
  const { api, terminal, rated, open, waiting } = sitting;
  const message = item.completion.choices.find(({ index }) => index === item.choice)?.message;
  if (message) terminal.write(shown(item.completion, message, item.reason));
  if (item.contradicts) await showOther(sitting, item.contradicts);
  const verdict = await judge(terminal);
  if (verdict === 'quit') return null;
  if (verdict === 'previous') return goBack(sitting, item);
  if (verdict !== 'skip') {
    const body = { completion_id: item.completion.id, choice: item.choice, source: 'cli', ...verdict };
    const event = await told(terminal, api.post<{ id: string }>('/api/feedback', body));
    if (event) {
      rated.push({ item, event: event.id });
      open.delete(item);
      if (verdict.correction !== undefined) {
        const diff = await told(terminal, api.get<Diff>(`/api/feedback/${event.id}/diff`));
        if (diff) terminal.write(shownDiff(diff));
      }
    }
  }
  const then = waiting.pop() ?? (await sitting.next());
  if (!then) terminal.write('No more answers to rate.\n');
  return then;
}

/** Both answers have to be seen to decide on one. The other may be somebody else's, which is not shown. */
async function showOther({ api, terminal }: Sitting, other: NonNullable<Item['contradicts']>): Promise<void> {
  const found = await told(terminal, api.get<Rated>(`/api/completions/${other.completion_id}`));
  const message = found?.choices.find(({ index }) => index === other.choice)?.message;
  if (found && message) terminal.write(shownOther(found, message));
}

/** Takes the last rating back, and asks about that answer again. */
async function goBack({ api, terminal, rated, waiting }: Sitting, item: Item): Promise<Item> {
  const last = rated.at(-1);
  if (!last) {
    terminal.write('Nothing was rated yet.\n');
    return item;
  }
  if (!(await told(terminal, api.post<object>(`/api/feedback/${last.event}/undo`)))) return item;
  rated.pop();
  waiting.push(item);
  return last.item;
}

/** What the API gives; null when it refused, which is told. */
function told<T>(terminal: Terminal, answer: Promise<T>): Promise<T | null> {
  return answer.catch((error: unknown) => {
    terminal.write(`${asRatchetError(error).message}\n`);
    return null;
  });
}

/** A claim that is over meanwhile has nothing to give back. */
async function giveBack(api: ApiClient, { completion, choice }: Item): Promise<void> {
  await api.post('/api/review/release', { completion_id: completion.id, choice }).catch(() => undefined);
}

type Verdict = 'skip' | 'previous' | 'quit' | { rating?: number; comment?: string; correction?: string };

async function judge(terminal: Terminal): Promise<Verdict> {
  for (;;) {
    const line = (await terminal.ask(question))?.trim();
    if (line === undefined || line === 'q') return 'quit';
    if (line === 's' || line === '') return 'skip';
    if (line === 'p') return 'previous';
    if (line === 'g') return { rating: 1 };
    if (line === 'b') {
      const comment = (await terminal.ask('Why (may be left empty)? '))?.trim();
      return { rating: -1, ...(comment && { comment }) };
    }
    if (line === 'f') {
      const correction = await askText(terminal);
      if (correction !== '') return { correction };
    }
    terminal.write('Answer with g, b, f, s, p or q.\n');
  }
}

async function askText(terminal: Terminal): Promise<string> {
  terminal.write('The answer as it should have been; an empty line ends it.\n');
  const lines: string[] = [];
  for (;;) {
    const line = await terminal.ask('| ');
    if (line === null || line === '') return lines.join('\n');
    lines.push(line);
  }
}
