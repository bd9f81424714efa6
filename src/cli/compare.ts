import type { Command } from 'commander';
import { isObject } from '../core/canonical.ts';
import { asRatchetError, RatchetError } from '../core/errors.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import { createSseParser } from '../providers/sse.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';
import { openTerminal } from './terminal.ts';

interface CompareOptions {
  url?: string;
  model?: string[];
  system?: string;
  blind?: boolean;
  choose: boolean;
  json?: boolean;
}

interface AnswerView {
  index: number;
  model: string | null;
  completion_id: string | null;
  message: WireMessage | null;
  error: { message?: string } | null;
  first_token_ms: number | null;
  duration_ms: number;
}

interface ComparisonView {
  id: string;
  answers: AnswerView[];
}

/** Adds `ratchet compare`. */
export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('ask several models the same, side by side, and say which answer is better')
    .argument('<prompt...>', 'what they are asked')
    .requiredOption('-m, --model <name...>', 'a model, twice or more: -m active -m openai/gpt-4o-mini')
    .option('--system <text>', 'a system message before the prompt')
    .option('--blind', 'do not show which model said what before you have chosen')
    .option('--no-choose', 'do not ask which is better')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print the comparison as JSON, and ask nothing')
    .action(async (prompt: string[], options: CompareOptions) => {
      const { api } = connectApi(options.url);
      const messages = [
        ...(options.system === undefined ? [] : [{ role: 'system', content: options.system }]),
        { role: 'user', content: prompt.join(' ') },
      ];
      const body = { models: options.model ?? [], messages, blind: options.blind === true };
      if (options.json) {
        console.log(JSON.stringify(await api.post('/api/comparisons', body), null, 2));
        return;
      }
      const comparison = await follow(api, body);
      if (options.choose && process.stdin.isTTY) await choose(api, comparison);
    });
}

/** Shows each answer as soon as it is whole. */
async function follow(api: ApiClient, body: object): Promise<ComparisonView> {
  const response = await api.open('/api/comparisons', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
  });
  const parser = createSseParser();
  for await (const bytes of response.body ?? []) {
    for (const { event, data } of parser.push(bytes)) {
      if (data === null) continue;
      const value: unknown = JSON.parse(data);
      if (event === 'answer.done') process.stdout.write(shown(value as AnswerView));
      if (event === 'comparison.done') return value as ComparisonView;
      if (event === 'error') throw failure(value);
    }
  }
  throw new RatchetError('ProviderUnavailable', 'The API ended in the middle of the comparison: compare again.');
}

function failure(value: unknown): RatchetError {
  const message = isObject(value) && isObject(value.error) ? value.error.message : null;
  return new RatchetError('ProviderUnavailable', typeof message === 'string' ? message : 'The comparison failed.');
}

function shown({ index, model, message, error, first_token_ms: first, duration_ms: duration }: AnswerView): string {
  const name = model === null ? `answer ${index + 1}` : `${index + 1}  ${model}`;
  const times = first === null ? '' : `  (first token ${seconds(first)}, whole ${seconds(duration)})`;
  const text = error ? `failed: ${error.message ?? 'no reason was given'}` : textOf(message?.content);
  return `── ${name}${times}\n\n  ${text.replaceAll('\n', '\n  ')}\n\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

async function choose(api: ApiClient, { id, answers }: ComparisonView): Promise<void> {
  const numbers = answers.filter(({ message }) => message !== null).map(({ index }) => index + 1);
  if (numbers.length < 2) return;
  const terminal = openTerminal(process.stdin, process.stdout);
  terminal.onInterrupt(() => terminal.close());
  try {
    for (;;) {
      const line = (await terminal.ask(`Which is better? ${numbers.join(', ')}, [t]ie, [s]kip > `))?.trim();
      if (line === undefined || line === '' || line === 's') return;
      if (line !== 't' && !numbers.includes(Number(line))) continue;
      const answer = line === 't' ? null : Number(line) - 1;
      const { models } = await api.post<{ models: string[] }>(`/api/comparisons/${id}/choice`, { answer });
      terminal.write(
        answer === null ? 'A tie is on record.\n' : `${models[answer] ?? ''} is on record as the better one.\n`,
      );
      return;
    }
  } catch (error) {
    terminal.write(`${asRatchetError(error).message}\n`);
  } finally {
    terminal.close();
  }
}
