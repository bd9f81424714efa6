import { join } from 'node:path';
import { startAsked } from '../gateway/child.ts';
import type { Requests } from './protocol.ts';

/** One warm Python that trains and answers, one request after the other. */
export interface Python {
  ask<K extends keyof Requests>(what: K, request: Requests[K]['ask']): Promise<Requests[K]['answer']>;
  stop(): Promise<unknown>;
}

/** Starts one, whose log `name` is in `folder`; resolves when its imports are done. */
export async function startPython(python: string, folder: string, name: string): Promise<Python> {
  const args = [join(import.meta.dirname, '..', 'peers', 'learning.py')];
  const asked = await startAsked({ name, core: null, command: python, args, env: { PYTHONUNBUFFERED: '1' }, folder });
  const ask: Python['ask'] = async (what, request) => {
    const { result } = await asked.ask<{ result: Requests[typeof what]['answer'] }>({ do: what, ...request });
    return result;
  };
  return { ask, stop: asked.process.stop };
}
