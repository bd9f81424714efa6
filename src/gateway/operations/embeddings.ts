import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { invalidField, objectBody, readModel, readStream, readUser } from '../fields.ts';
import { passedFrames } from '../frames.ts';
import type { Call, Operation } from '../ports.ts';
import { setMember } from '../splice.ts';

/** `POST /v1/embeddings`: the answer passes as it came; its vectors are not kept, only how many and how long they were. */
export const embeddingsOperation: Operation = {
  kind: 'embeddings',
  path: '/v1/embeddings',
  endpoint: 'embeddings',
  read: readEmbeddings,
};

function readEmbeddings(sent: unknown, text: string): Call {
  const body = objectBody(sent);
  const model = readModel(body);
  const { input } = body;
  if (input === undefined || input === null) {
    throw invalidField('input', 'a text, a list of texts, or one or several lists of token numbers', 'input');
  }
  if (readStream(body)) throw invalidField('stream', 'false: embeddings come whole', 'stream');
  return {
    model,
    stream: false,
    choices: 0,
    messages: [],
    envelope: body,
    unrecorded: body.store === false,
    user: readUser(body),
    asksUsage: false,
    upstream: (name) => setMember(text, 'model', JSON.stringify(name)),
    collectable: (chunk) => chunk,
    // The wire format has no id for embeddings; some providers give one all the same.
    reply: (answer, answerText, id) =>
      answer.id === undefined ? answerText : setMember(answerText, 'id', JSON.stringify(id)),
    recordable: ({ data, ...fields }) =>
      Array.isArray(data) ? { ...fields, data: summaryOf(data), choices: [] } : fields,
    frames: (id) => passedFrames(id, false),
  };
}

/** How many vectors, and which lengths they have. */
function summaryOf(data: readonly Json[]): JsonObject {
  const lengths = data.map((entry) => (isObject(entry) ? lengthOf(entry.embedding) : null));
  const dimensions = [...new Set(lengths)].filter((length) => length !== null).sort((a, b) => a - b);
  return { vectors: data.length, dimensions };
}

/** Vectors come as numbers, or as base64 of 32-bit floats. */
function lengthOf(embedding: Json | undefined): number | null {
  if (Array.isArray(embedding)) return embedding.length;
  return typeof embedding === 'string' ? Math.floor(Buffer.byteLength(embedding, 'base64') / 4) : null;
}
