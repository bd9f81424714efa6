import { Client, Connection } from '@temporalio/client';
import { temporalUnavailable } from './unavailable.ts';

export interface TemporalAddress {
  address: string;
  namespace: string;
}

/**
 * How long gRPC waits before it connects again. Its own 1 s to 120 s are longer than the deadline of a call, so that a
 * server that is back would be told away.
 */
const reconnects = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 };

/** A client that connects when it is first used, so that the API starts and answers while Temporal is away. */
export function createClient({ address, namespace }: TemporalAddress): Client {
  const connection = Connection.lazy({ address, connectTimeout: '5s', channelArgs: reconnects });
  return new Client({ connection, namespace });
}

/** Runs calls to Temporal within a deadline; what cannot be reached is TemporalUnavailable. */
export async function withinDeadline<T>(
  client: Client,
  address: string,
  call: () => Promise<T>,
  ms = 10_000,
): Promise<T> {
  try {
    return await client.connection.withDeadline(Date.now() + ms, call);
  } catch (error) {
    throw isUnreachable(error) ? temporalUnavailable(address, error) : error;
  }
}

/** Throws TemporalUnavailable unless the server answers and has the namespace. */
export async function checkTemporal(client: Client, address: string, ms = 4000): Promise<void> {
  const namespace = client.options.namespace;
  await withinDeadline(client, address, () => client.workflowService.describeNamespace({ namespace }), ms);
}

/** gRPC codes 4 (deadline exceeded) and 14 (unavailable), wherever they stand in the chain of causes. */
function isUnreachable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code: unknown = 'code' in at ? at.code : undefined;
    if (code === 4 || code === 14 || /failed to connect|unavailable|ECONNREFUSED/i.test(at.message)) return true;
  }
  return false;
}
