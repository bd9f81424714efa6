import type { TrainingEstimate } from '../core/job.ts';

export interface Estimate extends TrainingEstimate {
  dataset: string;
  base: string;
}

/** An estimate in lines for a person. */
export function estimateText(found: Estimate): string {
  const { rows, steps, epochs, tokens, longest, seconds, tokens_per_second: speed, device } = found;
  const how = [
    `${found.micro_batch_size} at once`,
    ...(found.packed ? ['packed'] : []),
    ...(found.recompute ? ['activations computed twice'] : []),
  ];
  return [
    `dataset  ${found.dataset.slice(0, 12)}  ${rows} rows, the longest of ${longest} tokens`,
    `steps    ${steps} (${epochs} epochs), ${tokens} tokens, ${how.join(', ')}`,
    seconds === null || speed === null
      ? 'time     unknown'
      : `time     ${duration(seconds)} on ${device}, ${Math.round(speed)} tokens/s${each(found, seconds)}`,
    `memory   ${memory(found)}`,
    ...(found.reason === null ? [] : [found.reason]),
    ...(found.refused === null ? [] : [found.refused]),
  ].join('\n');
}

function each({ combinations }: Estimate, seconds: number): string {
  return combinations === 1 ? '' : `: ${combinations} trainings of ${duration(seconds / combinations)}`;
}

function memory({ peak_memory_bytes: peak, free_memory_bytes: free, fits }: Estimate): string {
  const of = free === null ? '' : ` of ${gib(free)} free`;
  return `${gib(peak)}${of}: it ${fits ? 'fits' : 'does not fit'}`;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

/** Seconds as a person says them: `12 s`, `3 min`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 120) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
