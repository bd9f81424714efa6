import { type Command, Option } from 'commander';
import { RatchetError } from '../../core/errors.ts';
import { ollamaQuantizations } from '../../core/quantizations.ts';
import type { ApiClient } from '../api-client.ts';
import { connectApi } from '../connection.ts';
import { followJob } from './follow-job.ts';
import { showModel } from './show.ts';
import { readModelfile, uploadFiles } from './upload.ts';
import { type JobView, type LoadedView, type ModelView, sizeText } from './views.ts';
import { tableText } from '../table.ts';

interface Common {
  url?: string;
  json?: boolean;
}

interface CreateOptions extends Common {
  file?: string;
  from?: string;
  system?: string;
  template?: string;
  parameter?: string[];
  quantize?: string;
  force?: boolean;
}

/** `ratchet models pull|ls|show|copy|rm|create|push|ps|unload|jobs|cancel`: the models of Ollama. */
export function registerOllama(program: Command): void {
  const models = program.commands.find((command) => command.name() === 'models') ?? program.command('models');
  // What stands after a command's name belongs to that command: "models" has a --json of its own.
  program.enablePositionalOptions();
  models.enablePositionalOptions();
  common(models.command('pull <model>').description('get a model for Ollama; a pull that was cut goes on')).action(
    pull,
  );
  common(models.command('ls').description('models that Ollama has on disk')).action(list);
  common(models.command('show <model>').description('what Ollama knows of a model'))
    .option('--modelfile', 'print its Modelfile')
    .action(async (model: string, options: Common & { modelfile?: boolean }) => {
      await showModel(connect(options), model, options);
    });
  forced(models.command('copy <source> <destination>').description('give a model a second name')).action(copy);
  forced(models.command('rm <models...>').description('delete models from disk')).action(remove);
  forced(models.command('create <model>').description('make a model from a Modelfile, or from a model that is there'))
    .option(
      '-f, --file <path>',
      'the Modelfile; files that it names are uploaded (default: ./Modelfile without --from)',
    )
    .option('--from <model>', 'the model that it is made of, in place of a Modelfile')
    .option('--system <text>', 'its system prompt')
    .option('--template <text>', 'its template')
    .option('--parameter <name=value...>', 'such as temperature=0.2; "stop" may be given several times')
    .addOption(new Option('--quantize <kind>', 'make its weights smaller').choices(ollamaQuantizations))
    .action(create);
  common(models.command('push <model>').description('send a model to the registry that its name says')).action(push);
  common(models.command('ps').description('models in memory, and what they take')).action(ps);
  common(models.command('unload <models...>').description('drop models from memory')).action(unload);
  common(models.command('jobs').description('pulls, pushes and creations, newest first')).action(jobs);
  common(models.command('cancel <job>').description('end a job, by its id or its model')).action(cancel);
}

function common(command: Command): Command {
  return command
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON, of progress one object a line');
}

function forced(command: Command): Command {
  return common(command).option('--force', 'even where that replaces or takes away what is needed');
}

function connect({ url }: Common): ApiClient {
  return connectApi(url).api;
}

async function pull(model: string, options: Common): Promise<void> {
  const api = connect(options);
  await followJob(api, await api.post<JobView>('/api/ollama/pull', { model }), options);
}

async function push(model: string, options: Common): Promise<void> {
  const api = connect(options);
  await followJob(api, await api.post<JobView>('/api/ollama/push', { model }), options);
}

async function list(options: Common): Promise<void> {
  const { items } = await connect(options).get<{ items: ModelView[] }>('/api/ollama/models');
  if (options.json) return printJson(items);
  if (items.length === 0) return console.log('Ollama has no model yet: "ratchet models pull qwen2.5:0.5b" gets one.');
  const rows = items.map((one) => [
    one.name,
    sizeText(one.size),
    one.parameter_size || '–',
    one.quantization || '–',
    one.modified_at?.slice(0, 10) ?? '–',
    marksOf(one),
  ]);
  console.log(tableText([['NAME', 'SIZE', 'PARAMETERS', 'WEIGHTS', 'CHANGED', ''], ...rows]));
}

function marksOf({ selected, loaded, remote_host }: ModelView): string {
  const marks = [selected && 'selected', loaded && 'in memory', remote_host !== null && `answers from ${remote_host}`];
  return marks.filter((mark) => mark !== false).join(', ');
}

async function copy(source: string, destination: string, options: Common & { force?: boolean }): Promise<void> {
  const answer = await connect(options).post(`/api/ollama/copy${query(options)}`, { source, destination });
  if (options.json) return printJson(answer);
  console.log(`${destination} is ${source} as well.`);
}

async function remove(names: string[], options: Common & { force?: boolean }): Promise<void> {
  const api = connect(options);
  for (const name of names) {
    await api.delete(`/api/ollama/models/${encodeURIComponent(name)}${query(options)}`);
    if (!options.json) console.log(`${name} is deleted.`);
  }
  if (options.json) printJson({ deleted: names });
}

async function create(model: string, options: CreateOptions): Promise<void> {
  const api = connect(options);
  const { from, system, template, quantize, parameter } = options;
  const body: Record<string, unknown> = { model, ...(quantize !== undefined && { quantize }) };
  if (from === undefined) {
    if (system !== undefined || template !== undefined || parameter !== undefined) {
      throw new RatchetError(
        'InvalidInput',
        '--system, --template and --parameter go with --from: a Modelfile has its own.',
      );
    }
    const { text, paths } = await readModelfile(options.file ?? 'Modelfile');
    Object.assign(body, { modelfile: text, files: await uploadFiles(api, paths) });
  } else {
    if (options.file !== undefined) throw new RatchetError('InvalidInput', 'Give --file or --from, not both.');
    const parts = { system, template, ...(parameter && { parameters: parametersOf(parameter) }) };
    Object.assign(body, { from, ...parts });
  }
  await followJob(api, await api.post<JobView>(`/api/ollama/create${query(options)}`, body), options);
}

/** `name=value` as the API takes them: a name that is given several times has a list. */
function parametersOf(given: readonly string[]): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {};
  for (const text of given) {
    const [, name = '', value = ''] = /^(\w+)=([^]*)$/.exec(text) ?? [];
    if (name === '') throw new RatchetError('InvalidInput', `"${text}" is no parameter: write it as name=value.`);
    found[name] = Object.hasOwn(found, name) ? [found[name] ?? [], value].flat() : value;
  }
  return found;
}

async function ps(options: Common): Promise<void> {
  const { items } = await connect(options).get<{ items: LoadedView[] }>('/api/ollama/ps');
  if (options.json) return printJson(items);
  if (items.length === 0) return console.log('No model is in memory: the next chat loads one.');
  const rows = items.map(({ name, size, vram_share, context, until }) => [
    name,
    sizeText(size),
    `${Math.round(vram_share * 100)}%`,
    String(context ?? '–'),
    until ?? '–',
  ]);
  console.log(tableText([['NAME', 'SIZE', 'ON THE GPU', 'CONTEXT', 'UNTIL'], ...rows]));
}

async function unload(names: string[], options: Common): Promise<void> {
  const api = connect(options);
  for (const model of names) {
    await api.post('/api/ollama/unload', { model });
    if (!options.json) console.log(`${model} is dropped from memory.`);
  }
  if (options.json) printJson({ unloaded: names });
}

async function jobs(options: Common): Promise<void> {
  const { items } = await connect(options).get<{ items: JobView[] }>('/api/ollama/jobs');
  if (options.json) return printJson(items);
  if (items.length === 0) return console.log('Nothing was pulled, pushed or made since the API started.');
  const rows = items.map(({ id, kind, model, state, progress, error }) => [
    id,
    kind,
    model,
    state,
    progress === null ? '' : `${progress.percent}%`,
    error?.message ?? '',
  ]);
  console.log(tableText([['JOB', 'KIND', 'MODEL', 'STATE', '', ''], ...rows]));
}

async function cancel(job: string, options: Common): Promise<void> {
  const api = connect(options);
  const { items } = await api.get<{ items: JobView[] }>('/api/ollama/jobs');
  const found = items.find(({ id }) => id === job) ?? items.find((one) => one.model === job && one.state === 'running');
  if (!found) throw new RatchetError('NotFound', `There is no job "${job}": "ratchet models jobs" shows them.`);
  const ended = await api.post<JobView>(`/api/ollama/jobs/${found.id}/cancel`);
  if (options.json) return printJson(ended);
  console.log(`The ${ended.kind} of ${ended.model} is ${ended.state}.`);
}

function query({ force }: { force?: boolean }): string {
  return force ? '?force=true' : '';
}

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
