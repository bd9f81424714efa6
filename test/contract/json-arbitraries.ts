import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/core/canonical.ts';
import type { WireMessage } from '../../src/core/message.ts';

/** Any JSON value, with the strings and numbers that are easily lost. */
export function json(): fc.Arbitrary<Json> {
  const text = fc.string({ unit: 'binary' });
  const { value } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      text,
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(key(), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }));
  return value;
}

export function jsonObject(): fc.Arbitrary<JsonObject> {
  return fc.dictionary(key(), json(), { maxKeys: 4, noNullPrototype: true });
}

/** A message as a client or a provider may write it: known fields in any form, unknown ones beside them. */
export function wireMessage(): fc.Arbitrary<WireMessage> {
  const part = fc.oneof(fc.record({ type: fc.constant('text'), text: fc.string() }), exact());
  const known = fc.record(
    {
      content: fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null), fc.array(part, { maxLength: 3 }), json()),
      name: fc.oneof(fc.string(), json()),
      tool_calls: fc.oneof(fc.array(exact(), { maxLength: 2 }), json().map(withoutNegativeZero)),
      tool_call_id: fc.oneof(fc.string(), json()),
      reasoning_content: fc.string(),
    },
    { requiredKeys: [] },
  );
  const role = fc.oneof(fc.constantFrom('system', 'user', 'assistant', 'tool'), fc.string());
  return fc
    .tuple(jsonObject(), known, role)
    .map(([unknown, fields, name]) => ({ ...unknown, ...fields, ...partsAsHashed(fields), role: name }) as WireMessage);
}

function key(): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', maxLength: 5 });
}

/** −0 in a part of a message is the same part as 0: canonical JSON has one zero. */
function exact(): fc.Arbitrary<JsonObject> {
  return jsonObject().map((value) => withoutNegativeZero(value) as JsonObject);
}

function partsAsHashed(fields: JsonObject): JsonObject {
  return Array.isArray(fields.content) ? { content: withoutNegativeZero(fields.content) } : {};
}

function withoutNegativeZero(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
