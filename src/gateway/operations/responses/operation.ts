import type { JsonObject } from '../../../core/canonical.ts';
import { objectBody, readModel, readStream, readUser } from '../../fields.ts';
import type { Call, Operation } from '../../ports.ts';
import { messagesOf } from './input.ts';
import { hasReferences, putInReferences } from './references.ts';
import { responseOf } from './reply.ts';
import { chatFields, refuseElsewhere } from './request.ts';
import { responseFrames } from './stream.ts';

/**
 * `POST /v1/responses` without state, asked of the provider as a chat, since few providers speak it. The record has the
 * request as sent in its envelope, and the chat that it stands for as messages and choices, so that it threads with chats.
 */
export const responsesOperation: Operation = {
  kind: 'responses',
  path: '/v1/responses',
  endpoint: 'chat/completions',
  read: readResponses,
  async recall(sent, _text, recall) {
    if (!hasReferences(sent)) return readResponses(sent);
    const input = await putInReferences(sent.input, recall().find);
    return { ...readResponses({ ...sent, input }), envelope: sent };
  },
};

function readResponses(sent: unknown): Call {
  const body = objectBody(sent);
  const model = readModel(body);
  const stream = readStream(body);
  refuseElsewhere(body);
  const messages = messagesOf(body);
  const fields = chatFields(body);
  const { max_output_tokens: limit } = body;
  return {
    model,
    stream,
    choices: 1,
    messages,
    envelope: body,
    unrecorded: body.store === false,
    user: readUser(body) ?? safetyIdentifier(body),
    asksUsage: false,
    upstream: (name, { addUsage, limitField = 'max_tokens' }) =>
      JSON.stringify({
        ...fields,
        model: name,
        messages,
        ...(typeof limit === 'number' && { [limitField]: limit }),
        ...(addUsage && { stream_options: { include_usage: true } }),
      }),
    collectable: (chunk) => chunk,
    reply: (answer, _text, id) => JSON.stringify(responseOf(body, answer, id)),
    recordable: (answer) => answer,
    frames: (id) => responseFrames(body, id),
  };
}

function safetyIdentifier({ safety_identifier: user }: JsonObject): string | null {
  return typeof user === 'string' && user !== '' ? user : null;
}
