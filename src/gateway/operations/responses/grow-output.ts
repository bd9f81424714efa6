import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import { textOf } from '../../../core/message.ts';
import { mergeDelta } from '../../merge.ts';
import type { EventWriter } from './events.ts';
import { growCall } from './grow-call.ts';
import { growMessage } from './grow-message.ts';
import { growReasoning } from './grow-reasoning.ts';
import { type ItemStyle, callsOf, logprobsOf } from './output.ts';
import { carriedOf, reasoningOf } from './reasoning.ts';
import type { ResponseState } from './reply.ts';

/** An output item that grows. */
interface GrowingItem {
  /** The item as it is now. */
  item(status: string): JsonObject;
  /** Ends it; only the first call counts. */
  close(status: string): void;
}

/** Where items begin. */
interface Opening {
  style: ItemStyle;
  events: EventWriter;
  /** Makes the next item of the output. */
  open<T extends GrowingItem>(make: (at: number) => T): T;
}

/** The output of one stream. */
export interface GrowingOutput {
  /** Takes what a chunk says of the answer. */
  take(choice: JsonObject): void;
  /** Ends all items; the last one with this status. */
  close(last: 'completed' | 'incomplete'): void;
  items(status: ResponseState['status']): JsonObject[];
}

/** Creates the output of one stream. */
export function growOutput(style: ItemStyle, events: EventWriter): GrowingOutput {
  const items: GrowingItem[] = [];
  const opening: Opening = {
    style,
    events,
    open(make) {
      const made = make(items.length);
      items.push(made);
      return made;
    },
  };
  const thoughts = followThoughts(opening);
  const words = followWords(opening);
  const calls = followCalls(opening);
  return {
    take(choice) {
      const delta = isObject(choice.delta) ? choice.delta : isObject(choice.message) ? choice.message : {};
      thoughts.take(delta);
      words.take(delta, logprobsOf(choice), thoughts.pause);
      calls.take(delta, () => {
        thoughts.pause();
        words.pause();
      });
    },
    close(last) {
      if (items.length === 0) words.say('');
      for (const [at, item] of items.entries()) item.close(at === items.length - 1 ? last : 'completed');
    },
    items: (status) => {
      const last = status === 'completed' ? 'completed' : 'incomplete';
      return items.map((item, at) => item.item(at === items.length - 1 ? last : 'completed'));
    },
  };
}

/** What the model thinks. What is packed of it is only whole at the end of the stream. */
function followThoughts({ style, events, open }: Opening) {
  const merged: JsonObject = {};
  let thinking: ReturnType<typeof growReasoning> | null = null;
  return {
    take(delta: JsonObject): void {
      const text = reasoningOf(delta)?.text ?? '';
      const fields = style.packed ? carriedOf(delta) : null;
      if (fields) mergeDelta(merged, fields);
      if (text === '' && !fields) return;
      thinking ??= open((at) => growReasoning(events, style, at, fields ? merged : delta));
      if (text !== '') thinking.text(text);
    },
    /** Something else begins. */
    pause(): void {
      if (style.packed) return thinking?.closePart();
      thinking?.close();
      thinking = null;
    },
  };
}

/** What the model says. */
function followWords({ style, events, open }: Opening) {
  let saying: ReturnType<typeof growMessage> | null = null;
  let logprobs: Json[] = [];
  const message = () => (saying ??= open((at) => growMessage(events, style.id, at)));

  function say(text: string): void {
    message().text(text, logprobs);
    logprobs = [];
  }

  return {
    say,
    take(delta: JsonObject, probabilities: readonly Json[], begins: () => void): void {
      logprobs.push(...probabilities);
      const text = textOf(delta.content);
      const refusal = typeof delta.refusal === 'string' ? delta.refusal : '';
      const annotations = Array.isArray(delta.annotations) ? delta.annotations : [];
      // A token may have no text of its own, such as half a letter.
      const onlyProbable = text === '' && probabilities.length > 0 && saying !== null;
      if (text === '' && refusal === '' && annotations.length === 0 && !onlyProbable) return;
      begins();
      if (text !== '' || onlyProbable) say(text);
      if (refusal !== '') message().refuse(refusal);
      if (annotations.length > 0) message().annotate(annotations);
    },
    pause(): void {
      saying?.close('completed');
      saying = null;
    },
  };
}

/** What the model calls. */
function followCalls({ style, events, open }: Opening) {
  const merged: JsonObject = {};
  const calls: ReturnType<typeof growCall>[] = [];
  return {
    take({ tool_calls: pieces, function_call: old }: JsonObject, begins: () => void): void {
      if (Array.isArray(pieces)) mergeDelta(merged, { tool_calls: pieces });
      else if (isObject(old)) mergeDelta(merged, { function_call: old });
      else return;
      for (const [at, now] of callsOf(merged, style.id).entries()) {
        if (calls[at] === undefined && now.name === '' && now.args === '') continue;
        if (calls[at] === undefined) begins();
        calls[at] ??= open((place) => growCall(events, style.id, place, now));
        calls[at].grow(now);
      }
    },
  };
}
