import type { Config } from '../config.ts';

/**
 * What Ratchet needs from outside. `python` runs the training, `python-dev` tests and lints it on top of that;
 * `python-clients` talk to the gateway in tests and hold the proxy of LiteLLM, `llamacpp` is a server that tests talk to, `portkey`,
 * `tensorzero`, `datasets-peers` and `trl` are what benches compare with, and `faker` makes texts for a soak.
 */
export type PartName =
  | 'node'
  | 'temporal'
  | 'ollama'
  | 'python'
  | 'python-dev'
  | 'python-clients'
  | 'chromium'
  | 'llamacpp'
  | 'portkey'
  | 'tensorzero'
  | 'datasets-peers'
  | 'faker'
  | 'trl';

/** Where a part came from: a setting, PATH, our own package, the official release, or its package client's source. */
export type PartSource = 'configured' | 'path' | 'bundled' | 'release' | 'built';

export interface FoundPart {
  /** Absolute path of the executable. */
  path: string;
  version: string;
  source: PartSource;
  /** What a person should know although the part is used. */
  note?: string;
}

export type Finding =
  | { state: 'ok'; part: FoundPart }
  /** `final`: a setting names something that cannot be used, so nothing else is tried. */
  | { state: 'missing'; reason: string; final?: boolean }
  | { state: 'unsafe'; part: FoundPart; reason: string };

/** How a part would be made, for the plan that is shown first. */
export interface Route {
  how: string;
  minutes: number;
  megabytes: number;
}

export interface SetupContext {
  config: Config;
  signal?: AbortSignal | undefined;
  onProgress: (line: string) => void;
}

/** One outside part. Every file of this folder that makes one has this shape. */
export interface Part {
  name: PartName;
  title: string;
  /** Making it compiles, which keeps every core busy and takes memory: one of these is made at a time. */
  compiles?: boolean;
  /** Looks only; changes nothing. */
  find(context: SetupContext): Promise<Finding>;
  route(context: SetupContext): Promise<Route>;
  /** Downloads or builds it into the cache; PartMissing says what a person has to install first. */
  make(context: SetupContext): Promise<FoundPart>;
}
