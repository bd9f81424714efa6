import type { JsonObject } from '../../../core/canonical.ts';
import { sseData } from '../../frames.ts';

/** Gathers the events that one step of a stream gives, numbered through all of it. */
export interface EventWriter {
  add(type: string, fields: JsonObject): void;
  /** The text of what was added since the last call. */
  take(): string;
}

/** Creates the writer of one stream's events. */
export function createEventWriter(): EventWriter {
  let number = 0;
  let text = '';
  return {
    add(type, fields) {
      text += sseData(JSON.stringify({ type, sequence_number: number, ...fields }), type);
      number += 1;
    },
    take() {
      const taken = text;
      text = '';
      return taken;
    },
  };
}
