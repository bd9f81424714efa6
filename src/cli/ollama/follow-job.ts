import { type ErrorCode, RatchetError } from '../../core/errors.ts';
import type { ApiClient } from '../api-client.ts';
import { createPrinter } from '../watch.ts';
import { type JobView, type ProgressView, progressText } from './views.ts';

interface EventData extends Partial<ProgressView> {
  status?: string;
  reason?: string;
  again_in_seconds?: number;
}

/**
 * Shows what a job does until it has ended, in place on a terminal; with `json` one object a line. Ctrl-C leaves it to itself.
 * Throws with the reason when it has failed.
 */
export async function followJob(api: ApiClient, job: JobView, { json }: { json?: boolean | undefined }): Promise<void> {
  const left = new AbortController();
  const leave = () => left.abort();
  process.once('SIGINT', leave);
  const print = createPrinter(process.stdout);
  const withBar = process.stdout.isTTY;
  try {
    for await (const { event, data } of api.events(`/api/ollama/jobs/${job.id}/events`, left.signal)) {
      if (json) {
        console.log(JSON.stringify({ event, ...(JSON.parse(data) as object) }));
        continue;
      }
      const line = describe(event, JSON.parse(data) as EventData, withBar);
      if (line !== null) print(line, event === 'progress');
    }
  } catch (error) {
    if (!left.signal.aborted) throw error;
    console.error(`\nIt goes on without you. To end it: ratchet models cancel ${job.id}`);
    return;
  } finally {
    process.off('SIGINT', leave);
  }
  failIfFailed(await api.get<JobView>(`/api/ollama/jobs/${job.id}`));
}

function describe(event: string, data: EventData, withBar: boolean): string | null {
  const { status = '', bytes, total, percent, reason, again_in_seconds: again } = data;
  if (event === 'cut') return `cut off: ${reason} Going on in ${again} s.`;
  if (event === 'status') return status;
  if (event !== 'progress' || bytes === undefined || total === undefined || percent === undefined) return null;
  const { bytes_per_second = null, seconds_left = null } = data;
  return progressText(status, { bytes, total, percent, bytes_per_second, seconds_left }, withBar);
}

function failIfFailed({ kind, model, state, error }: JobView): void {
  if (state === 'done') return;
  const message = error?.message ?? `The ${kind} of ${model} was cancelled.`;
  throw new RatchetError((error?.code as ErrorCode | undefined) ?? 'Cancelled', message);
}
