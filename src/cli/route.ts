import type { Command } from 'commander';
import { connectApi } from './connection.ts';

interface RouteList {
  items: {
    name: string;
    strategy: string;
    deployments: { model: string; weight: number; tags: string[] }[];
    fallback: string[];
    egress: string;
  }[];
  force: string | null;
  fallback: string[];
  aliases: Record<string, string>;
}

interface Explained {
  asked: string;
  route: string | null;
  forced: string | null;
  record: string;
  targets: {
    ref: string;
    locality: string;
    turn: 'now' | 'last' | 'skipped';
    reason: string | null;
    in_flight: number;
    first_piece_ms: number | null;
  }[];
  left_out: { ref: string; reason: string }[];
}

/** `ratchet route`: where calls go. */
export function registerRoute(program: Command): void {
  const route = program.command('route').description('where calls go: routes, aliases and what holds for all');
  route
    .command('list')
    .description('routes and aliases; edit "routes", "aliases" and "routing" in ratchet.json')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const routes = await connectApi().api.get<RouteList>('/api/routes');
      console.log(options.json ? JSON.stringify(routes, null, 2) : describeRoutes(routes));
    });
  route
    .command('explain <model>')
    .description('what would be asked for a model now, in which order, and what is left out and why')
    .option('--tags <tags>', 'tags of the request, with commas between them')
    .option('--stream', 'as for a stream')
    .option('--json', 'print JSON')
    .action(async (model: string, options: { tags?: string; stream?: boolean; json?: boolean }) => {
      const query = new URLSearchParams({
        ...(options.tags !== undefined && { tags: options.tags }),
        ...(options.stream && { stream: 'true' }),
      });
      const path = `/api/routes/${encodeURIComponent(model)}/explain?${query.toString()}`;
      const explained = await connectApi().api.get<Explained>(path);
      console.log(options.json ? JSON.stringify(explained, null, 2) : describe(explained));
    });
}

function describeRoutes({ items, force, fallback, aliases }: RouteList): string {
  const named = items.map(({ name, strategy, deployments, fallback, egress }) => {
    const models = deployments.map(({ model, weight, tags }) => {
      const marks = [...(strategy === 'shuffle' ? [`weight ${weight}`] : []), ...tags];
      return marks.length === 0 ? model : `${model} (${marks.join(', ')})`;
    });
    const how = models.length > 1 ? `${strategy}: ${models.join(', ')}` : models.join('');
    return `${name}  ${how}${fallback.length > 0 ? `; then ${fallback.join(', ')}` : ''}; egress ${egress}`;
  });
  const lines = [
    ...named,
    ...Object.entries(aliases).map(([name, ref]) => `${name}  is ${ref}`),
    ...(fallback.length > 0 ? [`For what no route names, then: ${fallback.join(', ')}.`] : []),
    ...(force === null ? [] : [`routing.force sends everything to ${force}.`]),
  ];
  return lines.length > 0 ? lines.join('\n') : 'No routes yet: add "routes" to ratchet.json, as docs/routing.md shows.';
}

function describe({ asked, route, forced, record, targets, left_out }: Explained): string {
  const what = route === null ? asked : `the route ${route}`;
  return [
    forced === null ? `For ${what}:` : `For ${what}, which routing.force sends to ${forced}:`,
    ...targets.map((target, at) => `${at + 1}. ${lineOf(target)}`),
    ...left_out.map(({ ref, reason }) => `-  ${ref} is not asked: ${reason}.`),
    `Record: ${record}.`,
  ].join('\n');
}

function lineOf({ ref, locality, turn, reason, in_flight, first_piece_ms }: Explained['targets'][number]): string {
  const figures = [
    locality,
    ...(in_flight > 0 ? [`${in_flight} in flight`] : []),
    ...(first_piece_ms === null ? [] : [`first piece after ${Math.round(first_piece_ms)} ms`]),
  ];
  const when = { now: '', last: ' last: ', skipped: ' passed over now: ' }[turn];
  return `${ref} (${figures.join(', ')})${when}${reason ?? ''}`;
}
