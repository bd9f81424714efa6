import type { Json, JsonObject } from '../../../core/canonical.ts';
import type { EventWriter } from './events.ts';
import { flatAnnotation, messageItem, textPart } from './output.ts';

/** Begins the item of what the model says. */
export function growMessage(events: EventWriter, id: string, at: number) {
  const parts: JsonObject[] = [];
  let open = true;
  const itemId = messageItem(id, at, [], '').id as string;
  const place = (index: number) => ({ item_id: itemId, output_index: at, content_index: index });
  events.add('response.output_item.added', { output_index: at, item: messageItem(id, at, [], 'in_progress') });

  /** The part of a kind, which is begun when it is not there. */
  function partOf(type: 'output_text' | 'refusal'): [JsonObject, number] {
    const found = parts.findIndex((part) => part.type === type);
    if (found !== -1) return [parts[found] as JsonObject, found];
    const part = type === 'refusal' ? { type, refusal: '' } : textPart('', [], []);
    parts.push(part);
    events.add('response.content_part.added', { ...place(parts.length - 1), part: structuredClone(part) });
    return [part, parts.length - 1];
  }

  function closePart(part: JsonObject, index: number): void {
    const { text, refusal, logprobs } = part;
    if (part.type === 'refusal') events.add('response.refusal.done', { ...place(index), refusal: refusal ?? '' });
    else events.add('response.output_text.done', { ...place(index), text: text ?? '', logprobs: logprobs ?? [] });
    events.add('response.content_part.done', { ...place(index), part });
  }

  return {
    item: (status: string): JsonObject => messageItem(id, at, parts, status),
    text(delta: string, logprobs: readonly Json[]): void {
      const [part, index] = partOf('output_text');
      part.text = `${part.text as string}${delta}`;
      (part.logprobs as Json[]).push(...logprobs);
      events.add('response.output_text.delta', { ...place(index), delta, logprobs: [...logprobs] });
    },
    refuse(delta: string): void {
      const [part, index] = partOf('refusal');
      part.refusal = `${part.refusal as string}${delta}`;
      events.add('response.refusal.delta', { ...place(index), delta });
    },
    annotate(annotations: readonly Json[]): void {
      const [part, index] = partOf('output_text');
      for (const annotation of annotations.map(flatAnnotation)) {
        const list = part.annotations as Json[];
        list.push(annotation);
        const more = { annotation_index: list.length - 1, annotation };
        events.add('response.output_text.annotation.added', { ...place(index), ...more });
      }
    },
    close(status: string): void {
      if (!open) return;
      open = false;
      for (const [index, part] of parts.entries()) closePart(part, index);
      events.add('response.output_item.done', { output_index: at, item: messageItem(id, at, parts, status) });
    },
  };
}
