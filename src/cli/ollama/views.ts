/** What `/api/ollama` answers, as far as it is shown. */
export interface ModelView {
  name: string;
  size: number;
  modified_at: string | null;
  parameter_size: string;
  quantization: string;
  remote_host: string | null;
  loaded: boolean;
  selected: boolean;
}

export interface LoadedView {
  name: string;
  size: number;
  size_vram: number;
  vram_share: number;
  context: number | null;
  until: string | null;
}

export interface ProgressView {
  bytes: number;
  total: number;
  percent: number;
  bytes_per_second: number | null;
  seconds_left: number | null;
}

export interface JobView {
  id: string;
  kind: string;
  model: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  status: string;
  progress: ProgressView | null;
  error: { code: string; message: string } | null;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes as people say them: `1.9 GB`. */
export function sizeText(bytes: number): string {
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** at;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** Seconds as people say them: `1 h 4 min`. */
export function timeText(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const barWidth = 24;

/** How far something is, with a bar where there is a terminal. */
export function progressText(status: string, progress: ProgressView, withBar: boolean): string {
  const { bytes, total, percent, bytes_per_second: speed, seconds_left: left } = progress;
  const full = Math.round((percent / 100) * barWidth);
  const bar = withBar ? ` ▕${'█'.repeat(full)}${' '.repeat(barWidth - full)}▏` : '';
  const rest = [
    `${percent}%`,
    `${sizeText(bytes)} of ${sizeText(total)}`,
    ...(speed === null ? [] : [`${sizeText(speed)}/s`]),
    ...(left === null || percent === 100 ? [] : [`${timeText(left)} left`]),
  ];
  return `${status}${bar} ${rest.join('  ')}`;
}
