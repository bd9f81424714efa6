import { describe, expect, test } from 'vitest';
import { type VendorContext, connectionError, redact, statusError, vendorMessage } from './errors.ts';

const context: VendorContext = {
  provider: 'vendor',
  baseUrl: 'http://127.0.0.1:1',
  startHint: 'start it',
  keyHint: 'set VENDOR_KEY',
  modelHint: (model) => `get ${model}`,
  model: 'm',
  secret: 'my-own-secret',
};
const errno = (code: string): Error => Object.assign(new Error(code), { code });
const live = new AbortController().signal;

describe('statusError', () => {
  test.each([
    [400, '{"error":{"message":"bad"}}', 'ProviderRejected', /answered with status 400: bad/],
    [401, '{"error":{"message":"my-own-secret is wrong"}}', 'ProviderRejected', /set VENDOR_KEY/],
    [403, '', 'ProviderRejected', /set VENDOR_KEY/],
    [404, '{"error":"model \\"m\\" not found"}', 'NotFound', /no model "m": get m/],
    [404, '<html></html>', 'ProviderRejected', /status 404/],
    [429, '{}', 'RateLimited', /limits the rate/],
    [500, '{"error":"CUDA out of memory"}', 'OutOfMemory', /CUDA/],
    [500, '', 'ProviderUnavailable', /status 500$/],
    [503, 'busy', 'ProviderUnavailable', /busy/],
  ])('%i %s', (status, text, code, message) => {
    const error = statusError(status, { 'retry-after': '4' }, text, context);
    expect(error).toMatchObject({ code, details: { provider: 'vendor', providerStatus: status, retryAfter: '4' } });
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch('my-own-secret');
  });
});

describe('connectionError', () => {
  test.each(['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT'])('%s says how to start it', (code) => {
    expect(connectionError(errno(code), context, live)).toMatchObject({
      code: 'ProviderUnavailable',
      message: 'vendor at http://127.0.0.1:1 does not answer: start it.',
    });
  });

  test('a cut, a time limit and a cancel are told apart', () => {
    expect(connectionError(errno('ECONNRESET'), context, live).message).toMatch('broke');
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
    expect(connectionError(errno('ABORT_ERR'), context, late)).toMatchObject({ code: 'ProviderUnavailable' });
    expect(connectionError(errno('ABORT_ERR'), context, AbortSignal.abort())).toMatchObject({ code: 'Cancelled' });
  });
});

test('redact takes out the key in use and everything that looks like one', () => {
  const text = 'my-own-secret, sk-proj-abcDEF123456, Bearer abc.def, hf_abcdefghij';
  expect(redact(text, 'my-own-secret')).toBe('[key], [key], Bearer [key], [key]');
});

test.each([
  ['{"error":{"message":"a"}}', 'a'],
  ['{"error":"b"}', 'b'],
  ['{"message":"c"}', 'c'],
  ['{"detail":"d"}', 'd'],
  ['plain\n text', 'plain text'],
])('vendorMessage of %s', (text, expected) => {
  expect(vendorMessage(text)).toBe(expected);
});
