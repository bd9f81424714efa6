import { type JsonObject, isObject } from '../../core/canonical.ts';
import { timeIn } from './fields.ts';
import { type ReadChat, readChat } from './request-response.ts';
import { jsonRows } from './rows.ts';
import type { Importer } from './types.ts';

/** NVIDIA's data flywheel: `{"timestamp" in seconds, "workload_id", "client_id", "request", "response"}`. */
export const nvidia: Importer = {
  format: 'nvidia',
  title: 'NVIDIA data flywheel',
  description: 'records of the data flywheel, {"timestamp", "workload_id", "client_id", "request", "response"} each',
  recognises: ({ first }) =>
    isObject(first?.request) && Array.isArray(first.request.messages) && isObject(first.response),
  read: (source) => jsonRows(source, (line, at) => ({ kind: 'exchange', at, chat: readNvidia(line), feedback: [] })),
};

/** One line. InvalidInput with the fault. */
export function readNvidia({ timestamp, workload_id, client_id, request, response }: JsonObject): ReadChat {
  const origin = {
    format: 'nvidia',
    ...(typeof workload_id === 'string' && { workload_id }),
    ...(typeof client_id === 'string' && { client_id }),
  };
  return {
    ...readChat({ request, response }, ['request', 'response'], origin),
    scope: typeof client_id === 'string' ? client_id : null,
    createdAt: timeIn(timestamp),
  };
}
