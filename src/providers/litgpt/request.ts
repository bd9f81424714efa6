import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';

/** What LitServe's OpenAI route knows. What else a client sends changes nothing of what is said, and is left out. */
const passed = ['model', 'stream', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens', 'stop'];

/** A chat as `litgpt serve` takes it. InvalidInput, with what to do, for what it would leave out without a word. */
export function toLitServe(body: string): string {
  const sent: unknown = JSON.parse(body);
  if (!isObject(sent) || !Array.isArray(sent.messages)) throw refusal('The body has no messages: send some.');
  refuse(sent);
  const known = Object.entries(sent).filter(([name, value]) => passed.includes(name) && value !== null);
  return JSON.stringify({ ...Object.fromEntries(known), messages: sent.messages.map(toMessage) });
}

function refuse({ tools, functions, response_format, n, logprobs }: JsonObject): void {
  const format = isObject(response_format) ? response_format.type : 'text';
  if (hasSome(tools) || hasSome(functions)) throw refusal('litgpt calls no tools: ask another model for that.');
  if (format !== 'text')
    throw refusal('litgpt keeps to no format: ask another model, or say in the prompt what you want.');
  if (typeof n === 'number' && n > 1) throw refusal('litgpt gives one answer at a time: send the request n times.');
  if (logprobs === true) throw refusal('litgpt tells no logprobs: leave them out, or ask another model.');
}

function hasSome(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** Roles and texts as chat templates of local models know them. */
function toMessage(message: Json): Json {
  if (!isObject(message)) throw refusal('A message is no object: send role and content.');
  const role = message.role === 'developer' ? 'system' : message.role;
  return { ...message, ...(role !== undefined && { role }), content: textOf(message.content) };
}

function textOf(content: Json | undefined): Json {
  if (!Array.isArray(content)) return content ?? null;
  const texts = content.map((part) => (isObject(part) && part.type === 'text' ? part.text : null));
  if (texts.every((text) => typeof text === 'string')) return texts.join('');
  throw refusal('litgpt reads text only: ask a model that sees images or hears.');
}

function refusal(message: string): RatchetError {
  return new RatchetError('InvalidInput', message);
}
