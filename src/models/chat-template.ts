import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { RatchetError, isErrno } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';

/** The chat template of a model in Hugging Face layout, and the tokens that it writes. */
export interface ChatTemplate {
  /** The prompt for a chat, without the token at the beginning of a text. Throws what the template itself raises. */
  render(messages: readonly WireMessage[], addGenerationPrompt: boolean): string;
  /** Whether prompts begin with the `bos_token`; Ollama then puts it there itself. */
  beginsWithBos: boolean;
  /** Texts of the tokens that end an answer. */
  endTokens: string[];
  /** Content of every token that is added to the vocabulary, e.g. `<|im_end|>`. */
  addedTokens: ReadonlySet<string>;
}

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]).nullish();
const templates = z.array(z.object({ name: z.string(), template: z.string() }));
const configSchema = z.looseObject({
  chat_template: z.union([z.string(), templates]).nullish(),
  bos_token: token,
  eos_token: token,
});
const idsSchema = z.object({ eos_token_id: z.union([z.number(), z.array(z.number())]).nullish() });
const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.number(), content: z.string() })).nullish(),
});

/**
 * Reads the chat template of a model folder: `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`.
 * InvalidInput when there is none: without it a model would be asked in words that it was never taught.
 */
export async function readChatTemplate(folder: string): Promise<ChatTemplate> {
  const config = configSchema.parse(await readJsonFile(join(folder, 'tokenizer_config.json')));
  const source = (await readOptional(join(folder, 'chat_template.jinja'))) ?? templateOf(config.chat_template);
  if (source === null) {
    throw new RatchetError(
      'InvalidInput',
      `The model in ${folder} has no chat template: add "chat_template" to its tokenizer_config.json.`,
    );
  }
  const added = tokenizerSchema.parse(await readJsonFile(join(folder, 'tokenizer.json'))).added_tokens ?? [];
  const ends = await endTokenIds(folder);
  const endTokens = added.filter(({ id }) => ends.has(id)).map(({ content }) => content);
  if (config.eos_token) endTokens.push(config.eos_token);
  return createChatTemplate(source, {
    bos: config.bos_token ?? '',
    eos: config.eos_token ?? '',
    endTokens: [...new Set(endTokens)],
    addedTokens: new Set(added.map(({ content }) => content)),
  });
}

/** A chat template from its Jinja source. */
export function createChatTemplate(
  source: string,
  tokens: { bos: string; eos: string; endTokens: string[]; addedTokens: ReadonlySet<string> },
): ChatTemplate {
  const template = parseTemplate(source);
  const renderAll = (messages: readonly WireMessage[], addGenerationPrompt: boolean): string =>
    template.render({
      messages: messages.map((message) => ({ ...message })),
      add_generation_prompt: addGenerationPrompt,
      bos_token: tokens.bos,
      eos_token: tokens.eos,
    });
  const sample = renderAll([{ role: 'user', content: 'a' }], true);
  const beginsWithBos = tokens.bos !== '' && source.includes('bos_token') && sample.startsWith(tokens.bos);
  return {
    beginsWithBos,
    endTokens: tokens.endTokens,
    addedTokens: tokens.addedTokens,
    render(messages, addGenerationPrompt) {
      const text = renderAll(messages, addGenerationPrompt);
      return beginsWithBos && text.startsWith(tokens.bos) ? text.slice(tokens.bos.length) : text;
    },
  };
}

function parseTemplate(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new RatchetError('InvalidInput', 'The chat template of the model is not valid Jinja: correct it.', { cause });
  }
}

function templateOf(value: string | z.infer<typeof templates> | null | undefined): string | null {
  if (!value) return null;
  if (typeof value === 'string') return value;
  return (value.find(({ name }) => name === 'default') ?? value[0])?.template ?? null;
}

/** Ids that end a text, from `generation_config.json` (which may list several), else from `config.json`. */
async function endTokenIds(folder: string): Promise<Set<number>> {
  for (const name of ['generation_config.json', 'config.json']) {
    const text = await readOptional(join(folder, name));
    const ids = text === null ? null : idsSchema.parse(JSON.parse(text)).eos_token_id;
    if (ids !== null && ids !== undefined) return new Set([ids].flat());
  }
  return new Set();
}

async function readJsonFile(path: string): Promise<unknown> {
  const text = await readOptional(path);
  if (text === null) {
    throw new RatchetError('InvalidInput', `${path} is missing: a model folder in Hugging Face layout has it.`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RatchetError('InvalidInput', `${path} is not valid JSON: copy the file again.`, { cause });
  }
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
