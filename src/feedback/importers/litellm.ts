import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { countIn, textIn, timeIn } from './fields.ts';
import { readChat } from './request-response.ts';
import { firstRow, jsonRows } from './rows.ts';
import type { ImportItem, Importer } from './types.ts';

/** Rows of LiteLLM's table of spend. Most hold no text: the proxy keeps it only when `store_prompts_in_spend_logs` is set. */
export const litellm: Importer = {
  format: 'litellm',
  title: 'LiteLLM spend logs',
  description: 'rows of LiteLLM_SpendLogs or answers of /spend/logs; rows without text are counted and left out',
  recognises: (head) => isSpendRow(firstRow(head)),
  read: (source) => jsonRows(source, spendItem),
};

function isSpendRow(row: JsonObject | null): boolean {
  return row !== null && 'request_id' in row && ('call_type' in row || 'spend' in row);
}

function spendItem(row: JsonObject, at: string): ImportItem {
  const { call_type: kind, request_id, model, status } = row;
  if (typeof kind === 'string' && !/completion/.test(kind)) {
    return { kind: 'left-out', at, reason: 'no chat', detail: `It is a call of "${kind.slice(0, 100)}".` };
  }
  if (status === 'failure') return { kind: 'left-out', at, reason: 'no answer', detail: 'The call failed.' };
  const asked = askedIn(row);
  if (!asked) {
    const detail = 'LiteLLM did not keep the prompt: set store_prompts_in_spend_logs to keep those to come.';
    return { kind: 'left-out', at, reason: 'no messages', detail };
  }
  const response = valueIn(row.response);
  if (!isObject(response) || !('choices' in response)) return { kind: 'left-out', at, reason: 'no answer' };
  if (isRedacted(asked.messages) || isRedacted(response.choices)) return { kind: 'left-out', at, reason: 'redacted' };
  const provider = providerIn(row.custom_llm_provider);
  const named = [response.model, model, asked.model]
    .map((one) => nameIn(one, provider))
    .find((one) => one !== undefined);
  const chat = readChat(
    {
      request: { ...asked, ...(named !== undefined && { model: named }) },
      response: { ...response, model: named ?? null },
    },
    ['messages', 'response'],
    { format: 'litellm', ...(textIn(request_id) !== undefined && { request_id: request_id ?? null }) },
  );
  return {
    kind: 'exchange',
    at,
    chat: {
      ...chat,
      ...(provider !== undefined && { provider }),
      scope: textIn(row.end_user) ?? textIn(row.user) ?? null,
      promptTokens: chat.promptTokens ?? countIn(row.prompt_tokens),
      completionTokens: chat.completionTokens ?? countIn(row.completion_tokens),
      createdAt: timeIn(row.startTime) ?? chat.createdAt,
    },
    feedback: [],
  };
}

/** The request: of the proxy's own copy where there is one, which has the other fields too. */
function askedIn({ messages, proxy_server_request }: JsonObject): JsonObject | null {
  const copy = valueIn(proxy_server_request);
  const body = isObject(copy) && isObject(copy.body) ? copy.body : copy;
  if (isObject(body) && isFull(body.messages)) return withoutProxyFields(body);
  const kept = valueIn(messages);
  return isFull(kept) ? { messages: kept } : null;
}

/** What the proxy adds to a request may name keys, and is not what the client sent. */
function withoutProxyFields({
  metadata: _m,
  litellm_metadata: _l,
  proxy_server_request: _p,
  api_key: _k,
  ...body
}: JsonObject): JsonObject {
  return body;
}

function isFull(messages: Json | undefined): messages is Json[] {
  return Array.isArray(messages) && messages.length > 0;
}

/** Columns of JSON come as text from some tools. */
function valueIn(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

function isRedacted(value: Json | undefined): boolean {
  return JSON.stringify(value ?? null).includes('redacted-by-litellm');
}

function providerIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' && /^[\w.-]{1,100}$/.test(value) ? value : undefined;
}

/** The model's name without the provider before it. */
function nameIn(value: Json | undefined, provider: string | undefined): string | undefined {
  const name = textIn(value);
  return provider !== undefined && name?.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name;
}
