import { RatchetError } from '../../core/errors.ts';
import type { ProviderInstance } from '../definition.ts';
import type { VendorContext } from '../errors.ts';
import type { CallOptions } from '../types.ts';
import type { WireCall } from '../wire.ts';

/** The version of the API whose fields are written and read here. */
const version = '2023-06-01';

/** Where Anthropic's API is, and with which key it is asked. */
export interface Access {
  /** Without `/v1`. */
  readonly root: string;
  readonly context: VendorContext;
  /** Why it cannot be asked; null when it can. */
  missing(): string | null;
  /** A call of a path under `/v1`. ProviderRejected when there is no key for it. */
  wire(path: string, options: CallOptions): WireCall;
}

/** Creates the access of one instance. Its base URL may end in `/v1` or not. */
export function createAccess({ name, definition, baseUrl, apiKey, keyHint, idleMs }: ProviderInstance): Access {
  const root = baseUrl.replace(/\/+$/, '').replace(/\/v1(\/messages)?$/, '');
  const context: VendorContext = {
    provider: name,
    baseUrl: root,
    startHint: 'check that it runs and that its base URL is right',
    keyHint,
    modelHint: () => 'use a name that GET /v1/models lists',
  };
  const lacks = (key: string | null): boolean => key === null && definition.needsKey === true;

  return {
    root,
    context,
    missing: () => (lacks(apiKey()) ? keyHint : null),
    wire(path, options) {
      const key = options.apiKey ?? apiKey();
      if (lacks(key)) {
        const message = `${name} needs an API key: ${keyHint}.`;
        throw new RatchetError('ProviderRejected', message, { details: { provider: name } });
      }
      return {
        ...options,
        url: `${root}/v1/${path}`,
        context,
        idleMs,
        keyHeader: 'x-api-key',
        headers: { ...options.headers, 'anthropic-version': version },
        ...(key !== null && { apiKey: key }),
      };
    },
  };
}
