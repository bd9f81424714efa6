import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';

/** The body as an object; InvalidInput when it is something else. */
export function objectBody(sent: unknown): JsonObject {
  if (!isObject(sent)) throw invalidField('the body', 'a JSON object', null);
  return sent;
}

/** `model`, which every kind of call must name. */
export function readModel({ model }: JsonObject): string {
  if (typeof model === 'string' && model.trim() !== '') return model.trim();
  throw invalidField('model', '"active", or a model ref such as "ollama/qwen2.5:0.5b"', 'model');
}

/** `stream`: absent and null are false. */
export function readStream({ stream }: JsonObject): boolean {
  if (stream === undefined || stream === null || typeof stream === 'boolean') return stream === true;
  throw invalidField('stream', 'true or false', 'stream');
}

/** `n`; what is no count is left to the provider to refuse, and counts as one. */
export function readChoices({ n }: JsonObject): number {
  return typeof n === 'number' && Number.isInteger(n) && n > 0 ? n : 1;
}

/** `user`: who is behind the key. */
export function readUser({ user }: JsonObject): string | null {
  return typeof user === 'string' && user !== '' ? user : null;
}

/** InvalidInput that names the field in its message and in `param`. */
export function invalidField(what: string, form: string, param: string | null): RatchetError {
  const message = `${what.charAt(0).toUpperCase()}${what.slice(1)} must be ${form}.`;
  return new RatchetError('InvalidInput', message, { details: { param } });
}
