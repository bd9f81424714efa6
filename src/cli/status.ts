import type { Command } from 'commander';
import { closedStates } from '../core/cycle.ts';
import { connectApi } from './connection.ts';
import type { CycleView } from './cycle.ts';

interface Part {
  state: 'green' | 'yellow' | 'red';
  reason: string;
}

interface HealthView {
  state: Part['state'];
  version: string;
  parts: Record<string, Part>;
}

interface GpuView {
  host: string;
  items: { host: string; device: string; cycle_id: string | null; step: string; since: string; until: string | null }[];
}

interface Status {
  health: HealthView;
  gpu: GpuView;
  cycles: Pick<CycleView, 'id' | 'name' | 'base' | 'state' | 'step'>[];
}

/** `ratchet status`: how every part is, which cycles are open, and who has the GPU. */
export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('how every part is, which cycles are open, and who has the GPU')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { api } = connectApi();
      const [health, gpu, { items }] = await Promise.all([
        api.get<HealthView>('/api/health'),
        api.get<GpuView>('/api/gpu'),
        api.get<{ items: CycleView[] }>('/api/cycles'),
      ]);
      const status = { health, gpu, cycles: items.filter(({ state }) => !closedStates.includes(state)) };
      console.log(options.json ? JSON.stringify(status, null, 2) : statusText(status));
    });
}

/** What there is to know at a glance, a line for each. */
export function statusText({ health, gpu, cycles }: Status): string {
  return [
    `Ratchet ${health.version}: ${health.state}`,
    ...Object.entries(health.parts).map(([name, { state, reason }]) => `  ${name}: ${state}. ${reason}`),
    cycles.length === 0 ? 'No cycle is open.' : 'Open cycles:',
    ...cycles.map(({ id, name, base, state, step }) => {
      return `  ${id}  ${name} on ${base}: ${state}${step === null ? '' : `, ${step}`}`;
    }),
    ...(gpu.items.length === 0 ? [`Nobody has the GPU of ${gpu.host}.`] : gpu.items.map(leaseLine)),
  ].join('\n');
}

function leaseLine({ host, device, cycle_id, step, since, until }: GpuView['items'][number]): string {
  const what = device === 'gpu' ? `The GPU of ${host}` : `${host} (${device})`;
  const end = until === null ? '' : `, until about ${until}`;
  const who = cycle_id === null ? 'an estimate' : `the step ${step} of cycle ${cycle_id}`;
  return `${what} is held by ${who} since ${since}${end}.`;
}
