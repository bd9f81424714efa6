import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { searchAttributeNames } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';

const retention = '90 days';
/** INDEXED_VALUE_TYPE_KEYWORD of temporal.api.enums.v1. */
const keyword = 2;

/**
 * Makes the namespace with 90 days of retention and our search attributes, and waits until it can be used. Idempotent.
 */
export async function ensureNamespace(client: Client, timeoutMs = 20_000): Promise<void> {
  const namespace = client.options.namespace;
  const until = Date.now() + timeoutMs;
  await client.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(retention) })
    .catch(ignoring(6));
  for (;;) {
    try {
      await addSearchAttributes(client, namespace);
      return;
    } catch (error) {
      if (Date.now() > until) {
        throw new RatchetError(
          'TemporalUnavailable',
          `The Temporal namespace ${namespace} did not become ready: look at its server's log.`,
          {
            cause: error,
          },
        );
      }
      await sleep(200);
    }
  }
}

async function addSearchAttributes(client: Client, namespace: string): Promise<void> {
  const { operatorService } = client.connection as unknown as { operatorService: OperatorService };
  const wanted = Object.values(searchAttributeNames);
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = wanted.filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, keyword]));
  await operatorService.addSearchAttributes({ namespace, searchAttributes }).catch(ignoring(6));
}

interface OperatorService {
  listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: Record<string, unknown> }>;
  addSearchAttributes(request: { namespace: string; searchAttributes: Record<string, number> }): Promise<unknown>;
}

/** Lets one gRPC code pass: 6 is ALREADY_EXISTS. */
function ignoring(code: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error;
  };
}
