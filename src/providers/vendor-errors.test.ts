import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../core/errors.ts';
import { type VendorContext, statusError } from './errors.ts';
import type { FaultReason } from './fault.ts';

const context: VendorContext = {
  provider: 'vendor',
  baseUrl: 'http://127.0.0.1:1',
  startHint: 'start it',
  keyHint: 'set VENDOR_KEY',
  modelHint: (model) => `get ${model}`,
  model: 'm',
};

interface Row {
  from: string;
  status: number;
  body: unknown;
  headers?: Record<string, string>;
  reason: FaultReason;
  code: ErrorCode;
  /** The client's status where it is another than the code's. */
  http?: number;
  says?: RegExp;
  wait?: string;
}

const rows: Row[] = [
  // OpenAI
  {
    from: 'OpenAI, a wrong key',
    status: 401,
    body: {
      error: {
        message: 'Incorrect API key provided: sk-abc****wxyz.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      },
    },
    reason: 'auth',
    code: 'ProviderRejected',
    says: /^vendor refused the API key \(status 401\): set VENDOR_KEY\.$/,
  },
  {
    from: 'OpenAI, no money',
    status: 429,
    body: {
      error: {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    },
    reason: 'quota',
    code: 'RateLimited',
    says: /gives this account no more \(You exceeded your current quota.*look at its plan/,
  },
  {
    from: 'OpenAI, too fast',
    status: 429,
    headers: {
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '6m0s',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1s',
    },
    body: {
      error: {
        message: 'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000.',
        type: 'tokens',
        param: null,
        code: 'rate_limit_exceeded',
      },
    },
    reason: 'rate',
    code: 'RateLimited',
    wait: '360',
  },
  {
    from: 'OpenAI, too long',
    status: 400,
    body: {
      error: {
        message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
    says: /takes no chat as long as this \(This model's maximum context length .*a longer context\.$/,
  },
  {
    from: 'OpenAI, no such model',
    status: 404,
    body: {
      error: {
        message: 'The model `gpt-9` does not exist or you do not have access to it.',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_found',
      },
    },
    reason: 'model',
    code: 'NotFound',
    says: /^vendor has no model "m": get m\.$/,
  },
  {
    from: 'OpenAI, a field that a model does not take',
    status: 400,
    body: {
      error: {
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        type: 'invalid_request_error',
        param: 'max_tokens',
        code: 'unsupported_parameter',
      },
    },
    reason: 'rejected',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'OpenAI, overloaded',
    status: 503,
    body: { error: { message: 'The engine is currently overloaded, please try again later', type: 'server_error' } },
    reason: 'unavailable',
    code: 'ProviderUnavailable',
  },
  // Anthropic
  {
    from: 'Anthropic, overloaded',
    status: 529,
    body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    reason: 'unavailable',
    code: 'ProviderUnavailable',
  },
  {
    from: 'Anthropic, too long',
    status: 400,
    body: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 209303 tokens > 200000 maximum' },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'Anthropic, no money',
    status: 400,
    body: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'Your credit balance is too low to access the Anthropic API.' },
    },
    reason: 'quota',
    code: 'RateLimited',
  },
  {
    from: 'Anthropic, no such model',
    status: 404,
    body: { type: 'error', error: { type: 'not_found_error', message: 'model: claude-9' } },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Anthropic, too fast',
    status: 429,
    headers: { 'retry-after': '21', 'anthropic-ratelimit-tokens-remaining': '0' },
    body: {
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: 'This request would exceed your rate limit of 20,000 input tokens per minute.',
      },
    },
    reason: 'rate',
    code: 'RateLimited',
    wait: '21',
  },
  // Azure
  {
    from: 'Azure, the filter',
    status: 400,
    body: {
      error: {
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: {
          code: 'ResponsibleAIPolicyViolation',
          content_filter_result: { hate: { filtered: true, severity: 'high' } },
        },
      },
    },
    reason: 'content_filter',
    code: 'ProviderRejected',
    http: 400,
    says: /refused the text by its rules for content/,
  },
  {
    from: 'Azure, no such deployment',
    status: 404,
    body: { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Azure, too fast',
    status: 429,
    headers: { 'retry-after-ms': '1234', 'retry-after': '2' },
    body: { error: { code: '429', message: 'Requests have exceeded call rate limit.' } },
    reason: 'rate',
    code: 'RateLimited',
    wait: '2',
  },
  // Gemini
  {
    from: 'Gemini, too fast',
    status: 429,
    body: [
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota, please check your plan and billing details.',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.QuotaFailure' },
            { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' },
          ],
        },
      },
    ],
    reason: 'rate',
    code: 'RateLimited',
    says: /You exceeded your current quota/,
    wait: '35',
  },
  {
    from: 'Gemini, a wrong key',
    status: 400,
    body: [
      { error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' } },
    ],
    reason: 'auth',
    code: 'ProviderRejected',
  },
  {
    from: 'Gemini, too long',
    status: 400,
    body: [
      {
        error: {
          code: 400,
          message: 'The input token count (2800010) exceeds the maximum number of tokens allowed (1048575).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'Gemini, no such model',
    status: 404,
    body: [
      {
        error: {
          code: 404,
          message: 'models/gemini-9 is not found for API version v1main, or is not supported for generateContent.',
          status: 'NOT_FOUND',
        },
      },
    ],
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Gemini, no credit',
    status: 402,
    body: [{ error: { code: 402, message: 'Your prepaid credits are used up.', status: 'RESOURCE_EXHAUSTED' } }],
    reason: 'quota',
    code: 'RateLimited',
  },
  // Groq
  {
    from: 'Groq, too fast',
    status: 429,
    headers: { 'retry-after': '2', 'x-ratelimit-reset-requests': '2m59.56s' },
    body: {
      error: {
        message:
          'Rate limit reached for model `llama3-70b-8192` on tokens per minute (TPM): Limit 7000. Please try again in 1.5s.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      },
    },
    reason: 'rate',
    code: 'RateLimited',
    wait: '2',
  },
  {
    from: 'Groq, larger than a minute',
    status: 413,
    body: {
      error: {
        message:
          'Request too large for model `llama-3.1-8b-instant` on tokens per minute (TPM): Limit 6000, Requested 6294, please reduce your message size and try again.',
        type: 'tokens',
        code: 'rate_limit_exceeded',
      },
    },
    reason: 'quota',
    code: 'RateLimited',
  },
  {
    from: 'Groq, a tool call that is none',
    status: 400,
    body: {
      error: {
        message: "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        type: 'invalid_request_error',
        code: 'tool_use_failed',
        failed_generation: '{"name":',
      },
    },
    reason: 'rejected',
    code: 'ProviderRejected',
    http: 400,
  },
  // Hugging Face
  {
    from: 'Hugging Face, no such model',
    status: 400,
    body: {
      error: {
        message: "The requested model 'a/b' is not supported by any provider you have enabled.",
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_supported',
      },
    },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Hugging Face, no credit',
    status: 402,
    body: {
      error:
        'You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits.',
    },
    reason: 'quota',
    code: 'RateLimited',
  },
  {
    from: 'Hugging Face, loading',
    status: 503,
    body: { error: 'Model a/b is currently loading', estimated_time: 20.3 },
    reason: 'loading',
    code: 'ProviderUnavailable',
    http: 503,
    wait: '21',
    says: /is still loading the model/,
  },
  {
    from: 'Hugging Face, too long',
    status: 422,
    body: {
      error:
        'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 500 `max_new_tokens`',
      error_type: 'validation',
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 422,
  },
  // Mistral
  {
    from: 'Mistral, a field too much',
    status: 422,
    body: {
      object: 'error',
      message: {
        detail: [
          {
            type: 'extra_forbidden',
            loc: ['body', 'stream_options', 'include_usage'],
            msg: 'Extra inputs are not permitted',
            input: true,
          },
        ],
      },
      type: 'invalid_request_error',
      param: null,
      code: null,
    },
    reason: 'rejected',
    code: 'ProviderRejected',
    http: 422,
    says: /stream_options\.include_usage: Extra inputs are not permitted/,
  },
  {
    from: 'Mistral, no such model',
    status: 400,
    body: { object: 'error', message: 'Invalid model: mistral-9', type: 'invalid_model', param: null, code: '1500' },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Mistral, too long',
    status: 400,
    body: {
      object: 'error',
      message: 'Prompt contains 40000 tokens, too large for model with 32768 maximum context length',
      type: 'invalid_request_message_order',
      param: null,
      code: '3051',
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'Mistral, detail alone',
    status: 422,
    body: { object: 'error', detail: [{ loc: ['body', 'messages', 0, 'role'], msg: 'wrong' }] },
    reason: 'rejected',
    code: 'ProviderRejected',
    http: 422,
    says: /messages\.0\.role: wrong/,
  },
  {
    from: 'Mistral, a wrong key',
    status: 401,
    body: { detail: 'Unauthorized' },
    reason: 'auth',
    code: 'ProviderRejected',
  },
  // OpenRouter
  {
    from: 'OpenRouter, who is behind it',
    status: 429,
    body: {
      error: {
        message: 'Provider returned error',
        code: 429,
        metadata: {
          raw: 'z-ai/glm is temporarily rate-limited upstream. Please retry shortly.',
          provider_name: 'BaseTen',
        },
      },
    },
    reason: 'rate',
    code: 'RateLimited',
    says: /temporarily rate-limited upstream/,
  },
  {
    from: 'OpenRouter, no credit',
    status: 402,
    body: { error: { message: 'This request requires more credits, or fewer max_tokens.', code: 402 } },
    reason: 'quota',
    code: 'RateLimited',
  },
  {
    from: 'OpenRouter, moderated',
    status: 403,
    body: {
      error: {
        message: 'openai/gpt-4 requires moderation. Your input was flagged for "violence".',
        code: 403,
        metadata: { reasons: ['violence'], flagged_input: 'x' },
      },
    },
    reason: 'content_filter',
    code: 'ProviderRejected',
    http: 403,
  },
  {
    from: 'OpenRouter, no such model',
    status: 400,
    body: { error: { message: 'foo/bar is not a valid model ID', code: 400 } },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'OpenRouter, too fast',
    status: 429,
    body: { error: { message: 'Rate limit exceeded: free-models-per-day.', code: 429 } },
    reason: 'rate',
    code: 'RateLimited',
  },
  // Together
  {
    from: 'Together, too long',
    status: 422,
    body: {
      error: {
        message:
          'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens',
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 422,
  },
  {
    from: 'Together, no such model',
    status: 404,
    body: {
      id: 'o1',
      error: {
        message:
          'Unable to access model a/b. Please visit https://api.together.ai/models to view the list of supported models.',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_available',
      },
    },
    reason: 'model',
    code: 'NotFound',
  },
  // DeepSeek
  {
    from: 'DeepSeek, no money',
    status: 402,
    body: {
      error: { message: 'Insufficient Balance', type: 'unknown_error', param: null, code: 'invalid_request_error' },
    },
    reason: 'quota',
    code: 'RateLimited',
  },
  {
    from: 'DeepSeek, no such model',
    status: 400,
    body: {
      error: { message: 'Model Not Exist', type: 'invalid_request_error', param: null, code: 'invalid_request_error' },
    },
    reason: 'model',
    code: 'NotFound',
  },
  // Ollama
  {
    from: 'Ollama, no such model',
    status: 404,
    body: {
      error: { message: 'model "m" not found, try pulling it first', type: 'not_found_error', param: null, code: null },
    },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'Ollama, no memory',
    status: 500,
    body: { error: 'model requires more system memory (9.3 GiB) than is available (7.1 GiB)' },
    reason: 'memory',
    code: 'OutOfMemory',
  },
  // vLLM
  {
    from: 'vLLM, too long',
    status: 400,
    body: {
      object: 'error',
      message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'vLLM, no such model',
    status: 404,
    body: { error: { message: 'The model `x` does not exist.', type: 'NotFoundError', param: 'model', code: 404 } },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'vLLM, no memory',
    status: 500,
    body: {
      object: 'error',
      message: 'CUDA out of memory. Tried to allocate 2.00 GiB',
      type: 'InternalServerError',
      code: 500,
    },
    reason: 'memory',
    code: 'OutOfMemory',
  },
  // llama.cpp
  {
    from: 'llama.cpp, loading',
    status: 503,
    body: { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } },
    reason: 'loading',
    code: 'ProviderUnavailable',
    http: 503,
  },
  {
    from: 'llama.cpp, too long',
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 4390,
        n_ctx: 4096,
      },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'llama.cpp, too long on its way',
    status: 500,
    body: { error: { code: 500, message: 'Context size has been exceeded.', type: 'server_error' } },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'llama.cpp, a wrong URL',
    status: 404,
    body: { error: { code: 404, message: 'File Not Found', type: 'not_found_error' } },
    reason: 'rejected',
    code: 'ProviderRejected',
    http: 404,
    says: /status 404: File Not Found/,
  },
  {
    from: 'llama.cpp for Python, too long',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 512 tokens. However, you requested 516 tokens (16 in the messages, 500 in the completion).",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  // LM Studio
  {
    from: 'LM Studio, no such model',
    status: 404,
    body: {
      error: {
        message: 'Model "x" not found.',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    },
    reason: 'model',
    code: 'NotFound',
  },
  // LiteLLM
  {
    from: 'LiteLLM, too long',
    status: 400,
    body: {
      error: {
        message:
          "litellm.BadRequestError: litellm.ContextWindowExceededError: OpenAIException - This model's maximum context length is 8192 tokens. Received Model Group=x",
        type: null,
        param: null,
        code: '400',
      },
    },
    reason: 'context_length',
    code: 'ProviderRejected',
    http: 400,
  },
  {
    from: 'LiteLLM, no such model',
    status: 400,
    body: {
      error: {
        message:
          '/chat/completions: Invalid model name passed in model=x. Call `/v1/models` to view available models for your key.',
        type: 'None',
        param: 'None',
        code: '400',
      },
    },
    reason: 'model',
    code: 'NotFound',
  },
  {
    from: 'LiteLLM without a database, a key that is not its own',
    status: 400,
    body: { error: { message: 'No connected db.', type: 'no_db_connection', param: null, code: '400' } },
    reason: 'auth',
    code: 'ProviderRejected',
  },
  {
    from: 'LiteLLM, too fast',
    status: 429,
    headers: { 'retry-after': 'Thu, 01 Jan 2099 00:00:30 GMT' },
    body: {
      error: {
        message: 'litellm.RateLimitError: No deployments available for selected model, Try again in 5 seconds.',
        type: 'None',
        param: 'None',
        code: '429',
      },
    },
    reason: 'rate',
    code: 'RateLimited',
    wait: 'Thu, 01 Jan 2099 00:00:30 GMT',
  },
  {
    from: 'LiteLLM, a spent budget',
    status: 400,
    body: {
      error: {
        message: 'Budget has been exceeded! Current cost: 1.0, Max budget: 0.5',
        type: 'budget_exceeded',
        param: null,
        code: '400',
      },
    },
    reason: 'quota',
    code: 'RateLimited',
  },
];

describe('an error of a vendor', () => {
  test.each(rows.map((row) => [row.from, row] as const))('%s', (_from, row) => {
    const { status, body, headers = {}, reason, code, http, says = /./, wait } = row;
    const error = statusError(status, headers, JSON.stringify(body), context);
    expect(error).toMatchObject({ code, details: { reason, providerStatus: status } });
    expect(error.details.httpStatus).toBe(http);
    expect(error.message).toMatch(says);
    expect(error.details.retryAfter).toBe(wait);
    expect(error.details.lasting).toBe(reason === 'quota' ? true : undefined);
    expect(error.message).not.toMatch('sk-abc');
  });
});
