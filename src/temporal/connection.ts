import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { RatchetError } from '../core/errors.ts';

export interface TemporalAddress {
  address: string;
  namespace: string;
}

/** A client that connects when it is first used, so that the API starts and answers while Temporal is away. */
export function createClient({ address, namespace }: TemporalAddress): Client {
  return new Client({ connection: Connection.lazy({ address, connectTimeout: '5s' }), namespace });
}

/** The connection that workers poll through. Throws TemporalUnavailable. */
export async function connectWorker({ address }: TemporalAddress): Promise<NativeConnection> {
  return NativeConnection.connect({ address }).catch((error: unknown) => {
    throw unavailable(address, error);
  });
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
    throw isUnreachable(error) ? unavailable(address, error) : error;
  }
}

/** Throws TemporalUnavailable unless the server answers and has the namespace. */
export async function checkTemporal(client: Client, address: string, ms = 4000): Promise<void> {
  const namespace = client.options.namespace;
  await withinDeadline(client, address, () => client.workflowService.describeNamespace({ namespace }), ms);
}

function unavailable(address: string, cause: unknown): RatchetError {
  return new RatchetError(
    'TemporalUnavailable',
    `Temporal does not answer at ${address}: start it with "ratchet up", or set TEMPORAL_ADDRESS to where it runs.`,
    { cause },
  );
}

/** gRPC codes 4 (deadline exceeded) and 14 (unavailable), wherever they stand in the chain of causes. */
function isUnreachable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code: unknown = 'code' in at ? at.code : undefined;
    if (code === 4 || code === 14 || /failed to connect|unavailable|ECONNREFUSED/i.test(at.message)) return true;
  }
  return false;
}
