import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { invalidField, objectBody, readChoices, readModel, readStream, readUser } from '../fields.ts';
import { passedFrames } from '../frames.ts';
import type { Call, Operation } from '../ports.ts';
import { setMember, setNestedMember } from '../splice.ts';

/** `POST /v1/completions`: a prompt goes on as text. Nothing of it is a conversation, so the prompt stays in the envelope. */
export const textOperation: Operation = {
  kind: 'text',
  path: '/v1/completions',
  endpoint: 'completions',
  read: readText,
};

function readText(sent: unknown, text: string): Call {
  const body = objectBody(sent);
  return {
    model: readModel(body),
    stream: readStream(body),
    choices: readChoices(body) * countPrompts(body),
    messages: [],
    envelope: body,
    unrecorded: body.store === false,
    user: readUser(body),
    asksUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    upstream(model, { addUsage }) {
      const named = setMember(text, 'model', JSON.stringify(model));
      return addUsage ? setNestedMember(named, ['stream_options', 'include_usage'], 'true') : named;
    },
    collectable: (chunk) => withChoices(chunk, deltaOf),
    reply: (_answer, answerText, id) => setMember(answerText, 'id', JSON.stringify(id)),
    recordable: (answer) => withChoices(answer, messageOf),
    frames: (id, { hideUsage }) => passedFrames(id, hideUsage),
  };
}

/** How many prompts there are: a list of numbers is one prompt in tokens. Absent, the provider takes its own. */
function countPrompts({ prompt }: JsonObject): number {
  if (prompt === undefined || prompt === null || typeof prompt === 'string') return 1;
  const isTokens = (value: Json): boolean => Array.isArray(value) && value.every((token) => typeof token === 'number');
  if (!Array.isArray(prompt) || prompt.length === 0) throw badPrompt();
  if (isTokens(prompt)) return 1;
  if (prompt.every((each) => typeof each === 'string' || isTokens(each))) return prompt.length;
  throw badPrompt();
}

function badPrompt(): Error {
  return invalidField('prompt', 'a text, a list of texts, or one or several lists of token numbers', 'prompt');
}

function withChoices(answer: JsonObject, convert: (choice: JsonObject) => JsonObject): JsonObject {
  if (!Array.isArray(answer.choices)) return answer;
  return { ...answer, choices: answer.choices.map((choice) => (isObject(choice) ? convert(choice) : choice)) };
}

/** A choice without a text stays as it is, and is refused by whoever reads it as one of a chat. */
function messageOf(choice: JsonObject): JsonObject {
  const { text, ...rest } = choice;
  return text === undefined ? choice : { ...rest, message: { role: 'assistant', content: text } };
}

function deltaOf(choice: JsonObject): JsonObject {
  const { text, ...rest } = choice;
  return text === undefined ? choice : { ...rest, delta: { role: 'assistant', content: text } };
}
