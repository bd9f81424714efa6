import { setTimeout as sleep } from 'node:timers/promises';
import { closedStates, type CycleState } from '../../core/cycle.ts';
import { RatchetError } from '../../core/errors.ts';
import type { Evaluation } from '../../core/evaluation.ts';
import type { Workspace } from '../../workspace/workspace.ts';
import { type ApiClient, createApiClient } from '../api-client.ts';
import { type Printer, watchCycle } from '../watch.ts';
import { ask, rateChats } from './rate-chats.ts';
import { demoRecipe } from './recipe.ts';
import { type DemoReport, type Sample, figuresOf } from './report.ts';
import { type World, demoBase, loadWorld } from './world.ts';

const chats = 220;
const samples = 3;

interface CycleDetail {
  id: string;
  state: CycleState;
  attention: { message: string; advice: string } | null;
  result: { reason: string } | null;
  steps: { step: string; seconds: number | null; state: string }[];
}

export interface DemoResult {
  report: DemoReport;
  samples: Sample[];
}

/** The main job, in a workspace that is up: chat, rate, one cycle, and the same unseen prompts before and after. */
export async function runDemo(workspace: Workspace, print: Printer, startedAt: number): Promise<DemoResult> {
  const world = await loadWorld();
  const api = createApiClient({ url: workspace.api, apiKey: null });
  const seconds: Record<string, number> = { start: since(startedAt) };
  await timed(seconds, 'base', () => selectBase(api));
  print(`Chatting with the base, ${chats} questions; the raters want: ${world.style.description}`, false);
  const rated = await timed(seconds, 'chat', () =>
    rateChats(api, world, chats, (done) => print(`  ${done}/${chats} chats rated`, true)),
  );
  print(`  ${rated.chats} chats: ${rated.corrected} corrected, ${rated.approved} approved`, false);
  const cycle = await api.post<CycleDetail>('/api/cycles', demoRecipe(world));
  print(`Cycle ${cycle.id}`, false);
  await watchCycle(api, cycle.id, print);
  const closed = await untilClosed(api, cycle.id);
  for (const step of closed.steps) if (step.state === 'done') seconds[step.step] = step.seconds ?? 0;
  const evaluation = await api.get<Evaluation>(`/api/cycles/${cycle.id}/evaluation`);
  const active = await api.get<{ items: { selection: DemoReport['selection'] }[] }>('/api/promotions?limit=1');
  const report: DemoReport = {
    cycle: cycle.id,
    wall_seconds: since(startedAt),
    seconds,
    before: figuresOf(evaluation, 'base'),
    after: figuresOf(evaluation, 'candidate'),
    selection: active.items[0]?.selection ?? { provider: '', model: '' },
  };
  return { report, samples: await sampleAnswers(api, world, evaluation) };
}

/** Puts the base into Ollama and selects it: where every user of a new model begins. */
export async function selectBase(api: ApiClient): Promise<void> {
  const { model } = await api.post<{ model: string }>(`/api/bases/${demoBase}/serve`);
  await api.post('/api/promotions', { model });
}

async function untilClosed(api: ApiClient, id: string): Promise<CycleDetail> {
  for (;;) {
    const cycle = await api.get<CycleDetail>(`/api/cycles/${id}`);
    if (cycle.attention) throw new RatchetError('Conflict', `The cycle needs attention: ${cycle.attention.message}`);
    if (cycle.state === 'completed') return cycle;
    if (closedStates.includes(cycle.state))
      throw new RatchetError('Conflict', `The cycle is ${cycle.state}: ${cycle.result?.reason}`);
    await sleep(200);
  }
}

/** The first unseen prompts: the base's answers from the evaluation, the active model's asked now through the gateway. */
async function sampleAnswers(api: ApiClient, world: World, evaluation: Evaluation): Promise<Sample[]> {
  const shown: Sample[] = [];
  for (const [index, { prompt }] of world.eval_prompts.slice(0, samples).entries()) {
    const { text } = await ask(api, prompt);
    shown.push({ prompt, before: evaluation.answers.base?.[index]?.text ?? '', after: text });
  }
  return shown;
}

async function timed<T>(seconds: Record<string, number>, name: string, body: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await body();
  seconds[name] = (performance.now() - started) / 1000;
  return result;
}

/** Seconds since a time in ms since 1970. */
function since(startedAt: number): number {
  return (Date.now() - startedAt) / 1000;
}
