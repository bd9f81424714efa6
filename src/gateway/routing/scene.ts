import type { RecordMode } from '../../core/access.ts';
import type { JsonObject } from '../../core/canonical.ts';
import type { RouteSettings, Settings } from '../../core/settings.ts';
import type { Resolver, Route } from '../resolve.ts';
import type { Leave } from './egress.ts';
import type { Lanes } from './lanes.ts';

/** What the policy has to know of a request. */
export interface PolicyRequest {
  /** The model as asked for. */
  asked: string;
  /** The model to ask in its place, because a budget is spent. */
  instead: string | null;
  /** `store: false` was sent. */
  unrecorded: boolean;
  /** What the key lets be recorded. */
  record: RecordMode;
  stream?: boolean;
  /** The header `x-ratchet-tags`. */
  tags?: string | undefined;
  /** Where `metadata.tags` is. */
  envelope?: JsonObject;
  /** In place of the policy's own, from 0 to 1. */
  random?: () => number;
}

export interface PolicyDeps {
  settings: () => Settings;
  resolver: Pick<Resolver, 'find' | 'recall' | 'resolve'>;
  /** Other names of models that are not in the settings, such as the catalogue's. */
  aliases?: () => readonly string[];
  /** How busy and how fast models are; nothing is known unless given. */
  lanes?: Pick<Lanes, 'of' | 'find'>;
  /** US dollars for a million tokens in and a million out; null when not known. */
  price?: (target: Route) => number | null;
  /** From 0 to 1; `Math.random` unless given. */
  random?: () => number;
}

export type NamedRoute = RouteSettings & { name: string };

/** One decision, with all that it goes by. */
export interface Scene {
  deps: PolicyDeps;
  settings: Settings;
  request: PolicyRequest;
  /** Null when a model was asked for. */
  route: NamedRoute | null;
}

/** A model that is not asked. */
export interface LeftOut {
  ref: string;
  /** A clause: it goes on after "… was not asked: ". */
  reason: string;
}

/** Who is asked, in order, and who is not. */
export interface Planned {
  /** Where chats with what was asked for are: `local` too where that cannot be found, and where a local model goes first. */
  origin: 'local' | 'remote';
  targets: Route[];
  leftOut: LeftOut[];
}

/** Who lets chats with local models leave. */
export function leaveOf({ route, settings }: Scene): Leave {
  return route ? { egress: route.egress, route: route.name } : { egress: settings.routing.egress, route: null };
}

/** Begins a sentence about what the settings name. */
export function whoNames({ route }: Scene): string {
  return route ? `The route "${route.name}"` : 'routing.fallback';
}

export function isSameModel(one: Route, other: Route): boolean {
  return one.provider === other.provider && one.model === other.model;
}

/** An error as a clause, without its full stop. */
export function clauseOf({ message }: Error): string {
  return message.replace(/\.$/, '');
}
