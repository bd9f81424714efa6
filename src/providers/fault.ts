import type { ErrorCode } from '../core/errors.ts';
import type { VendorError } from './vendor-error.ts';

/**
 * What an answer with an error status means, whoever sent it. `rate`: too many calls just now. `quota`: no money or allowance
 * left, or a chat larger than the account may send, so that waiting does not help. `loading`: the model will be there soon.
 */
export type FaultReason =
  | 'auth'
  | 'quota'
  | 'rate'
  | 'context_length'
  | 'content_filter'
  | 'memory'
  | 'model'
  | 'loading'
  | 'unavailable'
  | 'rejected';

/** The code of ours for each. */
export const faultCodes: Readonly<Record<FaultReason, ErrorCode>> = {
  auth: 'ProviderRejected',
  quota: 'RateLimited',
  rate: 'RateLimited',
  context_length: 'ProviderRejected',
  content_filter: 'ProviderRejected',
  memory: 'OutOfMemory',
  model: 'NotFound',
  loading: 'ProviderUnavailable',
  unavailable: 'ProviderUnavailable',
  rejected: 'ProviderRejected',
};

interface Rule {
  reason: FaultReason;
  /** Statuses that it may come with; any unless given. */
  statuses?: readonly number[];
  /** What the vendor calls it. */
  names?: RegExp;
  /** What the vendor says. */
  says?: RegExp;
}

const refusals = [400, 403, 404, 409, 413, 422];

/** First match wins. A rule with names and words asks for one of them, a rule without either for the status alone. */
const rules: readonly Rule[] = [
  { reason: 'memory', says: /out of memory|requires more (?:system|gpu|video)? ?memory/i },
  {
    reason: 'quota',
    statuses: [400, 403, 429],
    names:
      /^(?:insufficient_(?:quota|credits|balance)|billing_error|billing_hard_limit_reached|payment_required|budget_exceeded)$/,
    says: /credit balance is too low|insufficient (?:balance|credits)|specified API usage limits/i,
  },
  { reason: 'quota', statuses: [402] },
  // Groq: the one chat is larger than a whole minute's allowance.
  { reason: 'quota', statuses: [413], names: /^rate_limit_exceeded$/ },
  { reason: 'rate', statuses: [429] },
  {
    reason: 'content_filter',
    statuses: refusals,
    names: /^(?:content_filter|content_policy_violation|responsibleaipolicyviolation|prohibited_content)$/,
    says: /content (?:management )?policy|content[ _]filter|requires moderation|flagged for/i,
  },
  {
    reason: 'context_length',
    statuses: [...refusals, 500],
    names: /^(?:context_length_exceeded|exceed_context_size_error|string_above_max_length)$/,
    says: /maximum context length|exceeds? (?:the )?(?:available |model'?s? )?(?:maximum )?context|context size has been exceeded|exceed context (?:limit|window)|prompt is too long|too large for model with \d+ maximum context|exceeds the maximum number of tokens|input tokens exceed|`?inputs`? tokens \+ `?max_new_tokens`?|longer than the maximum model length/i,
  },
  {
    reason: 'model',
    statuses: [400, 404, 422],
    names: /^(?:model_not_(?:found|supported|available|exist)|deploymentnotfound|invalid_model)$/,
    says: /invalid model\b|not a valid model|model (?:does )?not exist|model\b.{1,200}\b(?:does not exist|not found|doesn't exist)|is not supported by any provider|unable to access model|not found for api version|unknown model/i,
  },
  { reason: 'model', statuses: [404], says: /model|deployment/i },
  {
    reason: 'auth',
    statuses: [400],
    // LiteLLM's proxy without a database knows its master key, and looks for every other one in the database.
    names: /^(?:api_key_invalid|no_db_connection)$/,
    says: /api key (?:not valid|expired)|invalid api key/i,
  },
  { reason: 'auth', statuses: [401, 403] },
  { reason: 'loading', statuses: [500, 503], says: /loading model|(?:currently|still) (?:being )?load(?:ing|ed)/i },
  { reason: 'unavailable', statuses: [408] },
];

/** What an error status and its body mean. */
export function faultOf(status: number, { message, names }: VendorError): FaultReason {
  const found = rules.find(({ statuses, names: named, says }) => {
    if (statuses && !statuses.includes(status)) return false;
    if (!named && !says) return true;
    return names.some((name) => named?.test(name)) || (says?.test(message) ?? false);
  });
  return found?.reason ?? (status >= 500 ? 'unavailable' : 'rejected');
}
