import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { RatchetError } from '../core/errors.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import { connectApi } from './connection.ts';
import { tableText } from './table.ts';

interface PromptView {
  name: string;
  version: number;
  description: string | null;
  messages: WireMessage[];
  variables: Record<string, { description?: string; default?: string | number | boolean }>;
  author: string;
  created_at: string;
}

/** Adds `ratchet prompt`. */
export function registerPrompts(program: Command): void {
  const prompt = program.command('prompt').description('prompt templates: named, versioned, with variables');
  prompt
    .command('list', { isDefault: true })
    .description('every template')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { items } = await connectApi().api.get<{ items: PromptView[] }>('/api/prompts');
      if (json) console.log(JSON.stringify(items, null, 2));
      else
        console.log(items.length === 0 ? 'There are no prompts yet: add one with "ratchet prompt set".' : table(items));
    });
  prompt
    .command('show <name>')
    .description('one template, or its versions')
    .option('--at <version>', 'a version; the newest unless given')
    .option('--versions', 'list its versions')
    .option('--json', 'print JSON')
    .action(async (name: string, options: { at?: string; versions?: boolean; json?: boolean }) => {
      const { api } = connectApi();
      const path = `/api/prompts/${encodeURIComponent(name)}`;
      if (options.versions) {
        const { items } = await api.get<{ items: PromptView[] }>(`${path}/versions`);
        console.log(options.json ? JSON.stringify(items, null, 2) : table(items));
        return;
      }
      const query = options.at === undefined ? '' : `?version=${encodeURIComponent(options.at)}`;
      const found = await api.get<PromptView>(path + query);
      console.log(options.json ? JSON.stringify(found, null, 2) : shown(found));
    });
  prompt
    .command('set <name> [file]')
    .description(
      'add a version: a text file is a system message, a JSON file is what the API takes; standard input without one',
    )
    .option('--description <text>', 'what it is for')
    .option('--json', 'print JSON')
    .action(async (name: string, file: string | undefined, options: { description?: string; json?: boolean }) => {
      const body = bodyOf(await textIn(file), options.description);
      const added = await connectApi().api.put<PromptView>(`/api/prompts/${encodeURIComponent(name)}`, body);
      console.log(options.json ? JSON.stringify(added, null, 2) : `${added.name} is at version ${added.version}.`);
    });
  prompt
    .command('render <name> [variables...]')
    .description('the messages that a model would get, with name=value for each variable')
    .option('--at <version>', 'a version; the newest unless given')
    .action(async (name: string, pairs: string[], { at }: { at?: string }) => {
      const body = {
        variables: Object.fromEntries(pairs.map(pairOf)),
        ...(at !== undefined && { version: Number(at) }),
      };
      const path = `/api/prompts/${encodeURIComponent(name)}/render`;
      const { messages } = await connectApi().api.post<{ messages: WireMessage[] }>(path, body);
      console.log(JSON.stringify(messages, null, 2));
    });
  prompt
    .command('remove <name>')
    .description('remove every version; chats keep what was said')
    .action(async (name: string) => {
      await connectApi().api.delete(`/api/prompts/${encodeURIComponent(name)}`);
      console.log(`${name} was removed.`);
    });
}

async function textIn(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    return readFile(file, 'utf8').catch((cause: unknown) => {
      throw new RatchetError('NotFound', `${file} cannot be read: name a file that is there.`, { cause });
    });
  }
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** A JSON object with messages or a template is taken as it is; anything else is text. */
function bodyOf(text: string, description: string | undefined): object {
  const more = description === undefined ? {} : { description };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && ('messages' in value || 'template' in value)) {
      return { ...value, ...more };
    }
  } catch {
    // Text, then.
  }
  return { template: text.replace(/\n$/, ''), ...more };
}

function pairOf(pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw new RatchetError('InvalidInput', `"${pair}" is no variable: write it as name=value.`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function table(items: readonly PromptView[]): string {
  const rows = items.map(({ name, version, description, variables, created_at: at }) => [
    name,
    `v${version}`,
    at.slice(0, 10),
    Object.keys(variables).join(', ') || '-',
    description ?? '',
  ]);
  return tableText(rows);
}

function shown({ name, version, description, messages, variables, author, created_at: at }: PromptView): string {
  const head = `${name} v${version}, ${at}, by ${author}${description === null ? '' : `\n${description}`}`;
  const places = Object.entries(variables).map(([variable, { description: what, default: value }]) => {
    const known = value === undefined ? 'needed' : `default ${JSON.stringify(value)}`;
    return `  {{${variable}}}  ${known}${what === undefined ? '' : `, ${what}`}`;
  });
  const said = messages.map(({ role, content }) => `── ${role}\n${textOf(content)}`);
  return [head, ...places, '', ...said].join('\n');
}
