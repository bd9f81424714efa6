import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** Where and when something was measured; nothing that names the machine or its user. */
export interface Machine {
  cpu: string;
  cores: number;
  memory_gb: number;
  platform: string;
  node: string;
  date: string;
  /** Load over the last minute before it began: a busy machine shows. */
  load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    date: new Date().toISOString(),
    load: currentLoad(),
  };
}

/** Processes that ran or wanted to, over the last minute. */
export function currentLoad(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}
