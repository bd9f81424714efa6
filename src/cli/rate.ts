import type { Command } from 'commander';
import { type WireMessage, textOf } from '../core/message.ts';
import { asRatchetError } from '../core/errors.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { type Terminal, openTerminal } from './terminal.ts';

interface RateOptions {
  url?: string;
  provider?: string;
  list?: boolean;
  json?: boolean;
}

/** What of a completion is shown to the one who rates it. */
interface Unrated {
  id: string;
  provider: string;
  model: string;
  messages: WireMessage[];
  choices: { index: number; message: WireMessage }[];
  created_at: string;
}

interface UnratedPage {
  items: Unrated[];
  next: string | null;
}

const question = '[g]ood  [b]ad  [f]ix  [s]kip  [q]uit > ';

/** Adds `ratchet rate`. */
export function registerRate(program: Command): void {
  program
    .command('rate')
    .description('walk through the answers that nobody has rated, newest first')
    .option('--url <url>', 'where the API is')
    .option('--provider <name>', 'only answers of this provider')
    .option('--list', 'list them and leave')
    .option('--json', 'with --list: as one line of JSON each')
    .action(async (options: RateOptions) => {
      const { api } = connectApi(options.url);
      const unrated = unratedOf(api, options.provider);
      if (options.list === true) await list(unrated, options.json === true);
      else await walk(api, unrated);
    });
}

async function* unratedOf(api: ApiClient, provider: string | undefined): AsyncGenerator<Unrated> {
  const query = new URLSearchParams({ rated: 'false', state: 'complete', limit: '50' });
  if (provider !== undefined) query.set('provider', provider);
  for (;;) {
    const { items, next } = await api.get<UnratedPage>(`/api/completions?${query.toString()}`);
    yield* items.filter(({ choices }) => choices.length > 0);
    if (next === null) return;
    query.set('cursor', next);
  }
}

async function list(unrated: AsyncGenerator<Unrated>, json: boolean): Promise<void> {
  for await (const one of unrated) {
    const line = json ? JSON.stringify(one) : `${one.id}  ${one.provider}/${one.model}  ${oneLine(promptOf(one))}`;
    process.stdout.write(`${line}\n`);
  }
}

async function walk(api: ApiClient, unrated: AsyncGenerator<Unrated>): Promise<void> {
  const first = await unrated.next();
  const terminal = openTerminal(process.stdin, process.stdout);
  const ended = new AbortController();
  terminal.onInterrupt(() => {
    ended.abort();
    terminal.close();
  });
  let rated = 0;
  try {
    for (let at = first; !at.done && !ended.signal.aborted; at = await unrated.next()) {
      for (const choice of at.value.choices) {
        terminal.write(shown(at.value, choice.message));
        const verdict = await judge(terminal);
        if (verdict === 'quit') return;
        if (verdict === 'skip') continue;
        const body = { completion_id: at.value.id, choice: choice.index, source: 'cli', ...verdict };
        rated += await api.post('/api/feedback', body).then(
          () => 1,
          (error: unknown) => {
            terminal.write(`${asRatchetError(error).message}\n`);
            return 0;
          },
        );
      }
    }
    terminal.write('No more answers to rate.\n');
  } finally {
    terminal.close();
    process.stdout.write(`${rated} rated.\n`);
  }
}

type Verdict = 'skip' | 'quit' | { rating?: number; comment?: string; correction?: string };

async function judge(terminal: Terminal): Promise<Verdict> {
  for (;;) {
    const line = (await terminal.ask(question))?.trim();
    if (line === undefined || line === 'q') return 'quit';
    if (line === 's' || line === '') return 'skip';
    if (line === 'g') return { rating: 1 };
    if (line === 'b') {
      const comment = (await terminal.ask('Why (may be left empty)? '))?.trim();
      return { rating: -1, ...(comment && { comment }) };
    }
    if (line === 'f') {
      const correction = await askText(terminal);
      if (correction !== '') return { correction };
    }
    terminal.write('Answer with g, b, f, s or q.\n');
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

function shown(one: Unrated, answer: WireMessage): string {
  const earlier = one.messages.length - 1;
  const before = earlier > 0 ? ` (after ${earlier} earlier messages)` : '';
  const text = textOf(answer.content) || JSON.stringify(answer.tool_calls ?? null);
  return `\n${one.created_at}  ${one.provider}/${one.model}${before}\n\n  ${indent(promptOf(one))}\n\n→ ${indent(text)}\n\n`;
}

function promptOf({ messages }: Unrated): string {
  const asked = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1);
  return textOf(asked?.content);
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n  ');
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length > 80 ? `${flat.slice(0, 79)}…` : flat;
}
