import type { Command } from 'commander';
import { streamChat } from '../api/chat-client.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import { type Connection, connectApi } from './connection.ts';
import { type Terminal, openTerminal } from './terminal.ts';

interface ChatOptions {
  model: string;
  url?: string;
  once?: string;
  json?: boolean;
}

/** The answer to one question, and what is needed to rate it. */
interface Answered {
  completion_id: string;
  conversation_id: string;
  provider: string;
  model: string;
  content: string;
  /** Whether it was stopped before its end. */
  stopped: boolean;
}

/** Shows what comes of an answer. */
type Show = (piece: { kind: 'text' | 'reasoning'; text: string }) => void;

/** One conversation with one model. */
interface Talk {
  model: string;
  messages: WireMessage[];
  conversationId: string | undefined;
  last: Answered | null;
}

const help = `  /good            the answer is good
  /bad [comment]   the answer is bad, and why
  /fix <text>      the answer as it should have been
  /model [ref]     list the models, or talk to another
  /new             begin a new conversation
  /quit            leave (Ctrl-C only stops an answer)
`;

/** Adds `ratchet chat`. */
export function registerChat(program: Command): void {
  program
    .command('chat')
    .description('chat with a model and rate its answers')
    .option('-m, --model <ref>', 'a model ref such as ollama/qwen2.5:0.5b', 'active')
    .option('--url <url>', 'where the API is')
    .option('--once <text>', 'ask this one thing, print the answer and leave')
    .option('--json', 'print each answer as one line of JSON')
    .action(async (options: ChatOptions) => {
      const connection = connectApi(options.url);
      const talk: Talk = { model: options.model, messages: [], conversationId: undefined, last: null };
      if (options.once === undefined) await converse(connection, talk, options.json === true);
      else await askOnce(connection, talk, options.once, options.json === true);
    });
}

async function askOnce(connection: Connection, talk: Talk, text: string, json: boolean): Promise<void> {
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const show: Show = ({ kind, text: piece }) => void (kind === 'text' && process.stdout.write(piece));
    const answered = await ask(connection, talk, text, stop.signal, json ? () => {} : show);
    process.stdout.write(json ? `${JSON.stringify(answered)}\n` : '\n');
    if (answered.stopped) throw new RatchetError('Cancelled', 'The answer was stopped before its end.');
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

async function converse(connection: Connection, talk: Talk, json: boolean): Promise<void> {
  await connection.api.get('/v1/models');
  const terminal = openTerminal(process.stdin, process.stdout);
  if (!json) terminal.write(`Talking to ${talk.model}. /help lists the commands.\n`);
  try {
    for (;;) {
      terminal.onInterrupt(() => terminal.write('\n(/quit leaves)\n'));
      const line = (await terminal.ask('> '))?.trim();
      if (line === undefined || line === '/quit' || line === '/exit') return;
      if (line === '') continue;
      await takeLine(connection, talk, line, terminal, json).catch((error: unknown) => {
        terminal.write(`${asRatchetError(error).message}\n`);
      });
    }
  } finally {
    terminal.close();
  }
}

async function takeLine(
  connection: Connection,
  talk: Talk,
  line: string,
  terminal: Terminal,
  json: boolean,
): Promise<void> {
  if (line.startsWith('/')) {
    terminal.write(await obey(connection, talk, line));
    return;
  }
  const stop = new AbortController();
  terminal.onInterrupt(() => stop.abort());
  const answered = await ask(connection, talk, line, stop.signal, json ? () => {} : shownOn(terminal));
  if (json) terminal.write(`${JSON.stringify(answered)}\n`);
  else terminal.write(answered.stopped ? ' … (stopped)\n' : `\n`);
}

async function obey(connection: Connection, talk: Talk, line: string): Promise<string> {
  const [command = '', ...words] = line.split(/\s+/);
  const rest = line.slice(command.length).trim();
  if (command === '/help') return help;
  if (command === '/good') return rate(connection, talk, { rating: 1, ...(rest && { comment: rest }) });
  if (command === '/bad') return rate(connection, talk, { rating: -1, ...(rest && { comment: rest }) });
  if (command === '/fix') return correct(connection, talk, rest);
  if (command === '/model' && words[0] === undefined) return listModels(connection, talk);
  if (command === '/model') {
    talk.model = rest;
    return `Talking to ${rest} from now on.\n`;
  }
  if (command === '/new') {
    Object.assign(talk, { messages: [], conversationId: undefined, last: null });
    return 'A new conversation.\n';
  }
  return `There is no ${command}: /help lists the commands.\n`;
}

async function ask(
  connection: Connection,
  talk: Talk,
  text: string,
  signal: AbortSignal,
  show: Show,
): Promise<Answered> {
  const { model, conversationId } = talk;
  const messages = [...talk.messages, { role: 'user', content: text }];
  const answered: Answered = {
    completion_id: '',
    conversation_id: '',
    provider: '',
    model,
    content: '',
    stopped: false,
  };
  try {
    for await (const piece of streamChat(connection, { model, messages, conversationId, signal })) {
      if (piece.kind === 'start') {
        const { completionId, provider } = piece;
        Object.assign(answered, { completion_id: completionId, conversation_id: piece.conversationId });
        Object.assign(answered, { provider, model: piece.model });
      } else {
        if (piece.kind === 'text') answered.content += piece.text;
        show(piece);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    answered.stopped = true;
  }
  if (answered.completion_id !== '') {
    talk.conversationId = answered.conversation_id;
    talk.last = answered;
    talk.messages =
      answered.content === '' ? messages : [...messages, { role: 'assistant', content: answered.content }];
  }
  return answered;
}

async function rate(connection: Connection, talk: Talk, feedback: Record<string, unknown>): Promise<string> {
  if (!talk.last) return 'There is no answer to rate yet.\n';
  await connection.api.post('/api/feedback', { completion_id: talk.last.completion_id, source: 'cli', ...feedback });
  return 'Noted.\n';
}

async function correct(connection: Connection, talk: Talk, text: string): Promise<string> {
  if (text === '') return 'Write the answer as it should have been after /fix.\n';
  const said = await rate(connection, talk, { correction: text });
  const last = talk.messages.at(-1);
  if (last?.role === 'assistant') last.content = text;
  return said;
}

async function listModels({ api }: Connection, talk: Talk): Promise<string> {
  const { data } = await api.get<{ data: { id: string }[] }>('/v1/models');
  return data.map(({ id }) => `${id === talk.model ? '*' : ' '} ${id}\n`).join('') || 'No provider has a model.\n';
}

function shownOn(terminal: Terminal): Show {
  let thinking = false;
  return ({ kind, text }) => {
    if (kind === 'reasoning' && !thinking) terminal.write('(thinking) ');
    if (kind === 'text' && thinking) terminal.write('\n');
    thinking = kind === 'reasoning';
    terminal.write(text);
  };
}
