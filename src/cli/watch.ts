import type { CycleEvent } from '../core/cycle.ts';
import type { StepEvent } from '../core/job.ts';
import type { ApiClient } from './api-client.ts';
import { duration } from './estimate-view.ts';

/** Prints a cycle's progress line by line, or in place on a terminal, until it closes or needs a person. */
export async function watchCycle(api: ApiClient, id: string, print: Printer): Promise<void> {
  const stop = new AbortController();
  for await (const { data } of api.events(`/api/cycles/${id}/events`, stop.signal)) {
    const event = JSON.parse(data) as CycleEvent;
    const text = describeEvent(event);
    if (text) print(text, event.kind === 'progress');
    if (event.kind === 'state' && waitsForPerson(event)) return;
  }
}

/** `passing` lines may be written over. */
export type Printer = (line: string, passing: boolean) => void;

/** A printer that overwrites passing lines on a terminal, and otherwise shows one of them every two seconds. */
export function createPrinter(out: NodeJS.WriteStream): Printer {
  let passingAt = 0;
  let open = false;
  return (line, passing) => {
    if (out.isTTY) {
      out.write(`${open ? '\r\u001B[2K' : ''}${line}${passing ? '' : '\n'}`);
      open = passing;
      return;
    }
    if (passing && Date.now() - passingAt < 2000) return;
    if (passing) passingAt = Date.now();
    out.write(`${line}\n`);
  };
}

/** One line for a person; null for what is not worth one. */
export function describeEvent(event: CycleEvent): string | null {
  const { data } = event;
  const step = event.step ?? '';
  if (event.kind === 'warning') return `  ${step}: note: ${String(data.message)}`;
  if (event.kind === 'state') return describeState(data);
  if (event.kind === 'step') {
    if (data.state === 'running') return `  ${step} …`;
    return `  ${step} ${String(data.state)}${data.state === 'failed' ? `: ${String(data.message)}` : ''}`;
  }
  if (event.kind !== 'progress') return null;
  if (data.event === 'step') {
    const figures = data as unknown as StepEvent;
    const speed = `${Math.round(figures.tokens_per_second)} tokens/s  ${duration(figures.eta_seconds)} left`;
    const which = typeof data.combination === 'number' ? ` (${data.combination} of ${String(data.of)})` : '';
    return `  ${step}${which} ${figures.step}/${figures.steps}  loss ${figures.loss.toFixed(4)}  ${speed}`;
  }
  if (data.event === 'waiting' && typeof data.message === 'string') return `  ${step} … ${data.message}`;
  if (data.event === 'sweep' || data.event === 'swept') return `  ${step}: ${String(data.message)}`;
  if (data.event === 'early_stop') {
    return `  ${step} ended early after step ${String(data.step)}: the held-out loss no longer falls`;
  }
  if (data.event === 'micro_batch' && typeof data.why === 'string') {
    return `  ${step}: note: ${data.why} ${String(data.size)} go through the model at once from here on.`;
  }
  if (typeof data.done === 'number') return `  ${step} ${data.done}/${String(data.total)}  ${String(data.model)}`;
  return null;
}

function describeState(data: CycleEvent['data']): string {
  const attention = data.attention as { message: string; advice: string } | undefined;
  if (attention) return `needs attention: ${attention.message} ${attention.advice}`;
  const result = data.result as { reason: string } | undefined;
  return result ? `${String(data.state)}: ${result.reason}` : String(data.state);
}

function waitsForPerson(event: CycleEvent): boolean {
  return event.data.state === 'needs_attention' || event.data.state === 'awaiting_approval';
}
