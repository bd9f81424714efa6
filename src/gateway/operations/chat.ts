import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import { invalidField, objectBody, readChoices, readModel, readStream, readUser } from '../fields.ts';
import { passedFrames } from '../frames.ts';
import type { Call, Operation } from '../ports.ts';
import { setMember, setNestedMember } from '../splice.ts';

/** `POST /v1/chat/completions`: everything passes as it came, but for the model's name and the answer's id. */
export const chatOperation: Operation = {
  kind: 'chat',
  path: '/v1/chat/completions',
  endpoint: 'chat/completions',
  read: readChat,
};

function readChat(sent: unknown, text: string): Call {
  const body = objectBody(sent);
  const { messages: _messages, ...envelope } = body;
  return {
    model: readModel(body),
    stream: readStream(body),
    choices: readChoices(body),
    messages: readMessages(body),
    envelope,
    unrecorded: body.store === false,
    user: readUser(body),
    asksUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    upstream(model, { addUsage }) {
      const named = setMember(text, 'model', JSON.stringify(model));
      return addUsage ? setNestedMember(named, ['stream_options', 'include_usage'], 'true') : named;
    },
    collectable: (chunk) => chunk,
    reply: (_answer, answerText, id) => setMember(answerText, 'id', JSON.stringify(id)),
    recordable: (answer) => answer,
    frames: (id, { hideUsage }) => passedFrames(id, hideUsage),
  };
}

function readMessages({ messages }: JsonObject): WireMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw invalidField('messages', 'a list of messages', 'messages');
  const bad = messages.findIndex((message) => !isObject(message) || typeof message.role !== 'string');
  if (bad !== -1) throw invalidField(`messages[${bad}]`, 'an object with a role', `messages.${bad}`);
  return messages as WireMessage[];
}
