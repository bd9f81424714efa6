import type { Command } from 'commander';
import { type WireMessage, textOf } from '../core/message.ts';
import { RatchetError } from '../core/errors.ts';
import { connectApi } from './connection.ts';

interface Common {
  url?: string;
  json?: boolean;
}

interface ListOptions extends Common {
  limit: string;
  cursor?: string;
  model?: string;
  provider?: string;
  kind?: string;
  state?: string;
  team?: string;
  key?: string;
  owner?: string;
  rated?: boolean;
  since?: string;
  until?: string;
}

interface Completion {
  id: string;
  conversation_id: string;
  provider: string;
  model: string;
  state: string;
  messages: WireMessage[];
  choices: { message: WireMessage }[];
  created_at: string;
  erased_at: string | null;
}

interface Page {
  items: Completion[];
  next: string | null;
}

interface Erased {
  erased: number;
  open: number;
  datasets: string[];
}

const shown = 100;

/** `ratchet chats …`: what is recorded. */
export function registerChats(program: Command): void {
  const chats = program.command('chats').description('what is recorded: list, search, show and erase chats');
  filters(chats.command('list').description('completions, newest first')).action((options: ListOptions) =>
    list(options),
  );
  filters(
    chats.command('search <words...>').description('completions with all these words, "a phrase" or begin*'),
  ).action((words: string[], options: ListOptions) => list(options, words.join(' ')));
  common(chats.command('show <id>').description('one completion, by its id')).action(show);
  common(chats.command('erase <id>').description('erase what was said in a completion, for good; figures stay'))
    .option('--conversation', 'the id is that of a conversation: erase all of it')
    .action(erase);
}

function common(command: Command): Command {
  return command.option('--url <url>', 'where the API is').option('--json', 'print JSON');
}

function filters(command: Command): Command {
  return common(command)
    .option('--limit <number>', 'how many, 200 at most', '20')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--model <model>', 'a name or a ref such as ollama/qwen2.5:0.5b')
    .option('--provider <name>')
    .option('--kind <kind>', 'chat, text, responses or embeddings')
    .option('--state <state>', 'open, complete, interrupted or failed')
    .option('--team <name>')
    .option('--key <id>', 'id of an API key')
    .option('--owner <name>', "somebody else's take a key with the role operate")
    .option('--rated', 'only those with feedback')
    .option('--since <time>', 'ISO 8601, with a time zone')
    .option('--until <time>', 'ISO 8601, with a time zone');
}

async function list({ url, json, rated, limit, ...filter }: ListOptions, words?: string): Promise<void> {
  const { api } = connectApi(url);
  const wanted = Number(limit);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 200) {
    throw new RatchetError('InvalidInput', `--limit is a number from 1 to 200, not "${limit}".`);
  }
  const query = new URLSearchParams({ ...filter, ...(rated && { rated: 'true' }), ...(words && { q: words }) });
  const found: Completion[] = [];
  let next: string | null = null;
  // A page may be short before the end, when few match.
  do {
    query.set('limit', String(wanted - found.length));
    const page: Page = await api.get<Page>(`/api/completions?${query.toString()}`);
    found.push(...page.items);
    next = page.next;
    if (next !== null) query.set('cursor', next);
  } while (next !== null && found.length < wanted);
  if (json) return console.log(JSON.stringify({ items: found, next }, null, 2));
  for (const completion of found) console.log(lineOf(completion));
  if (next !== null) console.log(`more: --cursor ${next}`);
}

function lineOf(completion: Completion): string {
  const { id, created_at, provider, model, state, messages, choices } = completion;
  const question = clip(textOf(messages.findLast(({ role }) => role === 'user')?.content));
  const answer = clip(textOf(choices[0]?.message.content));
  const said = completion.erased_at === null ? `${question} → ${answer}` : '(erased)';
  return [created_at.slice(0, 19), id, `${provider}/${model}`, ...(state === 'complete' ? [] : [state]), said].join(
    '  ',
  );
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > shown ? `${line.slice(0, shown).toWellFormed()}…` : line;
}

async function show(id: string, { url, json }: Common): Promise<void> {
  const completion = await connectApi(url).api.get<Completion>(`/api/completions/${encodeURIComponent(id)}`);
  if (json) return console.log(JSON.stringify(completion, null, 2));
  const { provider, model, state, conversation_id, created_at, erased_at } = completion;
  console.log(`${id}  ${provider}/${model}  ${state}  ${created_at}  conversation ${conversation_id}`);
  if (erased_at !== null) console.log(`What was said was erased at ${erased_at}.`);
  for (const message of [...completion.messages, ...completion.choices.map((choice) => choice.message)]) {
    console.log(`\n${message.role}: ${textOf(message.content)}`);
    if (message.tool_calls) console.log(JSON.stringify(message.tool_calls));
  }
}

async function erase(id: string, { url, json, conversation }: Common & { conversation?: boolean }): Promise<void> {
  const path = `/api/${conversation ? 'conversations' : 'completions'}/${encodeURIComponent(id)}`;
  const report = await connectApi(url).api.delete<Erased>(path);
  if (json) return console.log(JSON.stringify(report, null, 2));
  console.log(`${report.erased} erased${report.open > 0 ? `, ${report.open} left that are still being answered` : ''}`);
  if (report.datasets.length > 0) {
    console.log(`Dataset versions that hold some of it stay: ${report.datasets.join(', ')}.`);
  }
}
