import type { Ability } from '../core/capabilities.ts';
import { type Json, isObject } from '../core/canonical.ts';
import type { CompletionKind } from '../store/types.ts';
import type { Call } from './ports.ts';

/** One thing that a model has to be able to do for a request. */
export interface Need {
  ability: Ability;
  /** The field that asks for it; null where the route itself does. */
  param: string | null;
}

/** Reads what a request needs. Cheap, but not for nothing: asked for only where somebody is known to lack something. */
export function needsOf(call: Pick<Call, 'envelope' | 'messages' | 'stream'>, kind: CompletionKind): Need[] {
  if (kind === 'embeddings') return [{ ability: 'embeddings', param: null }];
  const needs: Need[] = [];
  // Models that only go on with a text are no chat models, and those that chat often do both: nobody tells.
  if (kind !== 'text') needs.push({ ability: 'chat', param: null });
  const { tools, functions, response_format: format, text } = call.envelope;
  if (isFilled(tools) || isFilled(functions)) needs.push({ ability: 'tools', param: 'tools' });
  if (call.messages.some(({ content }) => showsPicture(content))) needs.push({ ability: 'vision', param: 'messages' });
  if (asksJson(format)) needs.push({ ability: 'json', param: 'response_format' });
  else if (isObject(text) && asksJson(text.format)) needs.push({ ability: 'json', param: 'text.format' });
  if (call.stream) needs.push({ ability: 'stream', param: 'stream' });
  return needs;
}

/** No tokenizer in use packs prose closer than this on average: English has 4 to 5 characters to a token. */
const mostCharactersPerToken = 6;

/**
 * How many tokens a prompt has at least. Pictures, and what roles and templates take, are left out, and runs of one character
 * count once, since some tokenizers have tokens for them. Too low on purpose: what is not known for sure never refuses.
 */
export function leastTokens(call: Pick<Call, 'messages' | 'envelope'>): number {
  return tokensOf(call, (text) => text.replace(/(\s)\s+|(.)\2{3,}/gs, '$1$2').length);
}

/** As `leastTokens`, and never less than that, at the cost of a look at each message. */
export function roughTokens(call: Pick<Call, 'messages' | 'envelope'>): number {
  return tokensOf(call, (text) => text.length);
}

function tokensOf(
  { messages, envelope }: Pick<Call, 'messages' | 'envelope'>,
  length: (text: string) => number,
): number {
  let sum = charactersOf(envelope.prompt, length);
  for (const { content } of messages) sum += charactersOf(content, length);
  return Math.ceil(sum / mostCharactersPerToken);
}

function charactersOf(value: Json | undefined, length: (text: string) => number): number {
  if (typeof value === 'string') return length(value);
  if (Array.isArray(value)) return value.reduce<number>((sum, part) => sum + charactersOf(part, length), 0);
  return isObject(value) && typeof value.text === 'string' ? length(value.text) : 0;
}

function isFilled(list: Json | undefined): boolean {
  return Array.isArray(list) && list.length > 0;
}

const pictures: readonly unknown[] = ['image_url', 'input_image', 'image'];

function showsPicture(content: Json | undefined): boolean {
  return Array.isArray(content) && content.some((part) => isObject(part) && pictures.includes(part.type));
}

function asksJson(format: Json | undefined): boolean {
  return isObject(format) && (format.type === 'json_object' || format.type === 'json_schema');
}
