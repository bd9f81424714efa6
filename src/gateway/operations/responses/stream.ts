import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import type { RatchetError } from '../../../core/errors.ts';
import { openAiError } from '../../openai-error.ts';
import type { FrameWriter } from '../../ports.ts';
import { createEventWriter } from './events.ts';
import { growOutput } from './grow-output.ts';
import { styleOf } from './output.ts';
import { type ResponseState, endingOf, responseObject, secondsOf, usageOf } from './reply.ts';

/**
 * Turns the chunks of a chat into the events of a Response. Items stand in the order in which they began. Reasoning and
 * text end when something else begins; calls may grow side by side, so they end with the answer.
 */
export function responseFrames(body: JsonObject, id: string): FrameWriter {
  const events = createEventWriter();
  const output = growOutput(styleOf(body, id), events);
  const known = createFacts(body);
  let begun = false;

  const response = (state: Pick<ResponseState, 'status' | 'reason' | 'error'>): JsonObject =>
    responseObject(body, { ...known.facts(), ...state, id, output: output.items(state.status) });

  function begin(): void {
    if (begun) return;
    begun = true;
    events.add('response.created', { response: response({ status: 'in_progress' }) });
    events.add('response.in_progress', { response: response({ status: 'in_progress' }) });
  }

  return {
    chunk(chunk) {
      const choice = firstChoice(chunk);
      known.note(chunk, choice);
      begin();
      if (choice) output.take(choice);
      return events.take();
    },
    end() {
      begin();
      const ending = endingOf(known.finish());
      output.close(ending.status === 'incomplete' ? 'incomplete' : 'completed');
      events.add(`response.${ending.status}`, { response: response(ending) });
      return events.take();
    },
    error(error) {
      // The libraries of OpenAI throw at `error`; others wait for `response.failed`.
      events.add('error', errorFields(error));
      if (begun) events.add('response.failed', { response: response({ status: 'failed', error }) });
      return events.take();
    },
  };
}

/** What the chunks say beside the answer itself. */
function createFacts(body: JsonObject) {
  let model: Json = body.model ?? '';
  let createdAt: number | null = null;
  let usage: JsonObject | null = null;
  let serviceTier: Json | undefined;
  let finish: Json = null;
  return {
    note(chunk: JsonObject, choice: JsonObject | null): void {
      if (typeof chunk.model === 'string' && chunk.model !== '') model = chunk.model;
      if (typeof chunk.created === 'number') createdAt ??= chunk.created;
      if (typeof chunk.service_tier === 'string') serviceTier = chunk.service_tier;
      usage = usageOf(chunk.usage) ?? usage;
      if (typeof choice?.finish_reason === 'string' && choice.finish_reason !== '') finish = choice.finish_reason;
    },
    finish: () => finish,
    facts: () => ({ model, createdAt: (createdAt ??= secondsOf(null)), usage, serviceTier }),
  };
}

function firstChoice({ choices }: JsonObject): JsonObject | null {
  if (!Array.isArray(choices)) return null;
  const found = choices.find((choice, at) => isObject(choice) && (choice.index ?? at) === 0);
  return isObject(found) ? found : null;
}

/** Both shapes that are about: OpenAI's reference has the fields outside, its servers and libraries inside. */
function errorFields(error: RatchetError): JsonObject {
  const { error: fields } = openAiError(error).body;
  return { code: fields.code, message: fields.message, param: fields.param, error: fields };
}
