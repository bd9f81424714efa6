import { type Command, Option } from 'commander';
import { recordModes, roles } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';

interface LimitsView {
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  budget: { limit_usd: number; per: string; over: string; spent_usd: number } | null;
}

interface KeyView extends LimitsView {
  id: string;
  name: string;
  owner: string;
  team: string | null;
  role: string;
  record: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

interface TeamView extends LimitsView {
  name: string;
}

interface LimitOptions {
  rpm?: string;
  tpm?: string;
  budget?: string;
  per?: string;
  over?: string;
}

interface KeyOptions extends LimitOptions {
  owner?: string;
  team?: string;
  role?: string;
  record?: string;
  expires?: string;
}

interface Common {
  json?: boolean;
  url?: string;
}

const examples = `
Examples:
  ratchet api-key create ada --role admin           the first key must be an admin's
  ratchet api-key create ci --owner ada --rpm 60 --budget 5 --per month
  ratchet api-key set ci --budget none
  ratchet api-key rotate ci`;

/** `ratchet api-key …` and `ratchet team …`: who may come in, and how much they may use. */
export function registerKeys(program: Command): void {
  const keys = program
    .command('api-key')
    .description('keys of people and programs: create, list, show, set, rotate and revoke them')
    .addHelpText('after', examples);
  forKey(keys.command('create <name>').description('create a key; its secret is shown this once'))
    .option('--owner <name>', 'the person or program that it belongs to (default: its name)')
    .action(create);
  common(keys.command('list').description('every key')).option('--all', 'revoked ones too').action(list);
  common(keys.command('show <key>').description('one key, by its name or id')).action(show);
  forKey(keys.command('set <key>').description('change what is named; "none" takes a limit away')).action(set);
  common(keys.command('rotate <key>').description('a new secret; the old one is refused from now on')).action(rotate);
  common(keys.command('revoke <key>').description('refuse a key from now on')).action(revoke);
  const teams = program.command('team').description('limits that the keys of a team share');
  forLimits(teams.command('set <name>').description('make a team, or set all its limits anew')).action(setTeam);
  common(teams.command('list').description('every team')).action(listTeams);
}

function common(command: Command): Command {
  return command.option('--url <url>', 'where the API is').option('--json', 'print JSON');
}

function forLimits(command: Command): Command {
  return common(command)
    .option('--rpm <number>', 'requests a minute')
    .option('--tpm <number>', 'tokens a minute')
    .option('--budget <dollars>', 'what may be spent')
    .addOption(new Option('--per <period>', 'for the budget').choices(['day', 'month', 'total']))
    .option('--over <what>', 'when the budget is spent: "stop", or a model ref that is asked instead');
}

function forKey(command: Command): Command {
  return forLimits(command)
    .option('--team <name>', 'the team whose limits it shares')
    .addOption(new Option('--role <role>', 'what it may do; each may do what those before it may').choices(roles))
    .addOption(new Option('--record <mode>', 'how much of its chats is kept').choices(recordModes))
    .option('--expires <when>', 'such as 12h, 30d or 2027-01-31');
}

async function create(name: string, options: KeyOptions & Common): Promise<void> {
  const { api, apiKey } = connectApi(options.url);
  const body = { name, ...(options.owner !== undefined && { owner: options.owner }), ...toBody(options, null) };
  const { key, ...view } = await api.post<KeyView & { key: string }>('/api/keys', body);
  if (options.json) return printJson({ ...view, key });
  showSecret(view, key);
  if (apiKey === null) {
    console.log('\nEvery request needs a key from now on: set RATCHET_API_KEY to an admin key for this command.');
  }
}

async function rotate(key: string, options: Common): Promise<void> {
  const { api } = connectApi(options.url);
  const path = `${await pathOf(api, key)}/rotate`;
  const { key: secret, ...view } = await api.post<KeyView & { key: string }>(path);
  if (options.json) return printJson({ ...view, key: secret });
  showSecret(view, secret);
}

async function list(options: Common & { all?: boolean }): Promise<void> {
  const { items } = await connectApi(options.url).api.get<{ items: KeyView[] }>('/api/keys');
  const shown = items.filter(({ revoked_at }) => options.all === true || revoked_at === null);
  if (options.json) return printJson(shown);
  if (shown.length === 0) return console.log('No API key: whoever reaches this machine by itself may do everything.');
  const rows = shown.map((key) => [
    key.name,
    key.id,
    key.owner,
    key.team ?? '–',
    key.role,
    ...limitCells(key),
    key.last_used_at?.slice(0, 10) ?? 'never',
    stateOf(key),
  ]);
  print([['NAME', 'ID', 'OWNER', 'TEAM', 'ROLE', ...limitHeads, 'LAST USED', 'STATE'], ...rows]);
}

async function show(key: string, options: Common): Promise<void> {
  const { api } = connectApi(options.url);
  const view = await api.get<KeyView>(await pathOf(api, key));
  if (options.json) return printJson(view);
  const [rpm = '', tpm = '', budget = ''] = limitCells(view);
  print([
    ['name', view.name],
    ['id', view.id],
    ['owner', view.owner],
    ['team', view.team ?? '–'],
    ['role', view.role],
    ['requests a minute', rpm],
    ['tokens a minute', tpm],
    ['budget', budget],
    ['recorded', view.record],
    ['created', view.created_at],
    ['last used', view.last_used_at ?? 'never'],
    ['state', stateOf(view)],
  ]);
}

async function set(key: string, options: KeyOptions & Common): Promise<void> {
  const { api } = connectApi(options.url);
  const path = await pathOf(api, key);
  const { budget: before } = await api.get<KeyView>(path);
  const view = await api.patch<KeyView>(path, toBody(options, before));
  if (options.json) return printJson(view);
  console.log(`The key "${view.name}" is changed.`);
}

async function revoke(key: string, options: Common): Promise<void> {
  const { api } = connectApi(options.url);
  const view = await api.delete<KeyView>(await pathOf(api, key));
  if (options.json) return printJson(view);
  console.log(`The key "${view.name}" is revoked.`);
}

async function setTeam(name: string, options: LimitOptions & Common): Promise<void> {
  const { api } = connectApi(options.url);
  const view = await api.put<TeamView>(`/api/teams/${encodeURIComponent(name)}`, toLimits(options, null));
  if (options.json) return printJson(view);
  console.log(`The team "${view.name}" has these limits now:`);
  print([limitHeads, limitCells(view)]);
}

async function listTeams(options: Common): Promise<void> {
  const { items } = await connectApi(options.url).api.get<{ items: TeamView[] }>('/api/teams');
  if (options.json) return printJson(items);
  if (items.length === 0) return console.log('No team yet: "ratchet team set NAME" makes one.');
  print([['NAME', ...limitHeads], ...items.map((team) => [team.name, ...limitCells(team)])]);
}

/** Path of a key by its id, or by the name of one that is not revoked. */
async function pathOf(api: ApiClient, key: string): Promise<string> {
  const { items } = await api.get<{ items: KeyView[] }>('/api/keys');
  const found = items.find(({ id }) => id === key) ?? items.find((one) => one.name === key && one.revoked_at === null);
  if (!found) throw new RatchetError('NotFound', `There is no key "${key}": "ratchet api-key list" shows them.`);
  return `/api/keys/${found.id}`;
}

function toBody(options: KeyOptions, before: LimitsView['budget']): object {
  const { team, role, record, expires } = options;
  return {
    ...toLimits(options, before),
    ...(team !== undefined && { team: team === 'none' ? null : team }),
    ...(role !== undefined && { role }),
    ...(record !== undefined && { record }),
    ...(expires !== undefined && { expires_at: toTime(expires) }),
  };
}

/** `before`: the budget whose other parts are kept when only some are named. */
function toLimits({ rpm, tpm, budget, per, over }: LimitOptions, before: LimitsView['budget']): object {
  const named = { ...(per !== undefined && { per }), ...(over !== undefined && { over }) };
  if (budget === undefined && before === null && Object.keys(named).length > 0) {
    throw new RatchetError('InvalidInput', '--per and --over say more about a budget: give --budget as well.');
  }
  const { limit_usd, per: period = 'month', over: then = 'stop' } = before ?? {};
  const limit = budget === undefined ? limit_usd : toNumber('--budget', budget);
  const whole = { limit_usd: limit, per: period, over: then, ...named };
  return {
    ...(rpm !== undefined && { requests_per_minute: toNumber('--rpm', rpm) }),
    ...(tpm !== undefined && { tokens_per_minute: toNumber('--tpm', tpm) }),
    ...((budget !== undefined || Object.keys(named).length > 0) && { budget: limit === null ? null : whole }),
  };
}

/** A number, or null for `none`. */
function toNumber(option: string, text: string): number | null {
  if (text === 'none') return null;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new RatchetError('InvalidInput', `${option} is not a number: "${text}"; give one, or "none".`);
}

const spans: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 };

/** `12h`, `30d`, a date or a time as ISO 8601; null for `none`. */
function toTime(text: string): string | null {
  if (text === 'none') return null;
  const [, count, unit = ''] = /^(\d+)([hd])$/.exec(text) ?? [];
  const at = count === undefined ? Date.parse(text) : Date.now() + Number(count) * (spans[unit] ?? 0);
  const time = new Date(at);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new RatchetError('InvalidInput', `--expires is not a time: "${text}"; give 12h, 30d, 2027-01-31 or "none".`);
}

const limitHeads = ['REQUESTS/MIN', 'TOKENS/MIN', 'BUDGET'];

function limitCells({ requests_per_minute: rpm, tokens_per_minute: tpm, budget }: LimitsView): string[] {
  const { limit_usd = 0, spent_usd = 0, per = '', over = '' } = budget ?? {};
  const then = over === 'stop' ? '' : `, then ${over}`;
  const spent = `$${spent_usd.toFixed(2)} of $${limit_usd.toFixed(2)} ${per === 'total' ? 'in all' : `a ${per}`}${then}`;
  return [String(rpm ?? '–'), String(tpm ?? '–'), budget === null ? '–' : spent];
}

function stateOf({ revoked_at, expires_at }: KeyView): string {
  if (revoked_at !== null) return `revoked ${revoked_at.slice(0, 10)}`;
  if (expires_at === null) return 'in force';
  return `${Date.parse(expires_at) <= Date.now() ? 'expired' : 'until'} ${expires_at.slice(0, 10)}`;
}

function showSecret({ name, owner, role }: KeyView, key: string): void {
  console.log(`The key "${name}" of ${owner} (${role}). It is shown this once, keep it safe:\n\n${key}`);
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  for (const row of rows)
    console.log(
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
