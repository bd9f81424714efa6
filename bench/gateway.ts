import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { canPin, cores, startDriver } from './gateway/child.ts';
import {
  type Bench as House,
  type Contender,
  direct,
  litellm,
  portkey,
  ratchet,
  tensorzero,
} from './gateway/contenders.ts';
import { type Mode, type Round, claimsOf, detailsOf, modes, tableOf } from './gateway/figures.ts';
import type { Sample } from './gateway/protocol.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

/** Streams of each contender in one block. */
const block = 50;
const warmUp = 200;
const load = { clients: 32, seconds: 2 } as const;

/** What the gateway adds to a call, recording, beside others that do not. */
export const gateway: Bench = {
  name: 'gateway',
  kind: 'bench',
  about: 'what a call through the gateway costs beside LiteLLM, Portkey and TensorZero, recording on',
  parts: ['python-clients', 'portkey', 'tensorzero'],
  count: 20,
  run,
};

async function run({ count, paths, tell }: BenchContext): Promise<Outcome> {
  if (!canPin()) tell('taskset or a second core is missing: everything shares all cores, and the figures say little.');
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  // Beside the tools, not under /tmp, which may be memory: the record has to be on a disk.
  const folder = mkdtempSync(join(cacheDir, 'bench-gateway-'));
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { contenders, setThinking } = await startAll(folder, paths, stops, tell);
    tell(`${warmUp} streams of each, and a second of load, that do not count.`);
    await setThinking(0);
    for (const contender of contenders) {
      await contender.streams(warmUp);
      await contender.load(load.clients, 1);
    }
    const rounds: Round[] = [];
    for (let number = 0; number < count; number += 1) {
      rounds.push(await oneRound(contenders, number, setThinking));
      tell(`  round ${number + 1} of ${count}`);
    }
    const memory = memoryOf(contenders);
    return {
      claims: claimsOf(rounds, memory),
      details: { pinned: canPin(), block, ...detailsOf(rounds), memory_mb: memory },
      notes: tableOf(rounds, memory),
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

type SetThinking = (mode: Mode) => Promise<void>;

async function startAll(
  folder: string,
  paths: House['paths'],
  stops: (() => Promise<unknown>)[],
  tell: (line: string) => void,
): Promise<{ contenders: Contender[]; setThinking: SetThinking }> {
  const { driver, mockPort } = await startDriver(folder, cores.driver, true);
  stops.push(driver.process.stop);
  const house: House = { folder, mockPort, driver, paths };
  const contenders = [direct(house)];
  const makers = { ratchet, portkey, litellm, tensorzero };
  for (const [name, make] of Object.entries(makers)) {
    tell(`Starting ${name}`);
    const made = await make(house);
    for (const contender of Array.isArray(made) ? made : [made]) {
      contenders.push(contender);
      stops.push(contender.stop);
    }
  }
  const setThinking: SetThinking = async (mode) => {
    await fetch(`http://127.0.0.1:${mockPort}/think/${mode}`, { method: 'PUT' });
  };
  return { contenders, setThinking };
}

/** A block of each in turn; who is first changes from round to round. */
async function oneRound(contenders: readonly Contender[], number: number, setThinking: SetThinking): Promise<Round> {
  const first = number % contenders.length;
  const turn = [...contenders.slice(first), ...contenders.slice(0, first)];
  const streams: Record<Mode, Record<string, readonly Sample[]>> = { 0: {}, 20: {} };
  const wholes: Record<Mode, Record<string, readonly Sample[]>> = { 0: {}, 20: {} };
  const fsyncs: Record<Mode, readonly number[]> = { 0: [], 20: [] };
  for (const mode of modes) {
    await setThinking(mode);
    for (const contender of turn) {
      const result = await contender.streams(block);
      streams[mode][contender.name] = result.samples;
      if (result.fsyncs.length > 0) fsyncs[mode] = result.fsyncs;
    }
    for (const contender of turn) wholes[mode][contender.name] = (await contender.wholes(block)).samples;
  }
  await setThinking(0);
  const loads: Record<string, number> = {};
  for (const { name, load: measure } of turn) {
    if (name !== 'direct-python') loads[name] = await measure(load.clients, load.seconds);
  }
  return { streams, wholes, fsyncs, load: loads };
}

function memoryOf(contenders: readonly Contender[]): Record<string, number> {
  const entries = contenders.flatMap(({ name, memory }) => {
    const megabytes = memory();
    return megabytes === null ? [] : [[name, megabytes] as const];
  });
  return Object.fromEntries(entries);
}
