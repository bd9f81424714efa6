import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isObject } from '../core/canonical.ts';
import { RatchetError, isErrno } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { Recipe } from '../core/recipe.ts';
import type { EvalItem } from './rows/decontaminate.ts';

/** Everything that is asked to judge models: the recipe's suite, and the lines of `*.jsonl` in the folder of evaluations. */
export async function evalItems(folder: string, { evaluate }: Pick<Recipe, 'evaluate'>): Promise<EvalItem[]> {
  const suite = (evaluate.suite ?? []).map(({ id, messages }) => ({
    id: `suite:${id}`,
    messages: messages as WireMessage[],
  }));
  const files = await Promise.all((await evalFiles(folder)).map((name) => readItems(folder, name)));
  return [...suite, ...files.flat()];
}

async function evalFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

async function readItems(folder: string, name: string): Promise<EvalItem[]> {
  const items: EvalItem[] = [];
  const lines = createInterface({ input: createReadStream(join(folder, name)), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() !== '') items.push(toItem(line, name, number));
  }
  return items;
}

/** `{"messages"}` as in a suite or a training file, or `{"prompt"}`, `{"question"}`, `{"instruction"}` with any other texts. */
function toItem(line: string, name: string, number: number): EvalItem {
  const id = `${name}:${number}`;
  const value = parse(line, name, number);
  const messages = Array.isArray(value.messages) ? value.messages.filter(isMessage) : [];
  const asked = [value.prompt, value.question, value.instruction].filter((text) => typeof text === 'string');
  const texts = Object.values(value).filter((text) => typeof text === 'string' && !asked.includes(text)) as string[];
  const answers = messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
  return {
    id,
    messages: [...messages, ...asked.map((content) => ({ role: 'user', content }))],
    texts: [...texts, ...answers.filter((text) => typeof text === 'string')],
  };
}

function parse(line: string, name: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  const message = `Line ${number} of the evaluation set ${name} is not a JSON object: mend it or move the file away.`;
  throw new RatchetError('InvalidInput', message);
}

function isMessage(value: unknown): value is WireMessage {
  return isObject(value) && typeof value.role === 'string';
}
