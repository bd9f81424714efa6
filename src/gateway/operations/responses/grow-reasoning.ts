import type { JsonObject } from '../../../core/canonical.ts';
import type { EventWriter } from './events.ts';
import { type ItemStyle, reasoningItem } from './output.ts';
import { reasoningId } from './reasoning.ts';

/** Begins the item of what the model thinks. `carried` is what the message thinks so far, in the provider's fields. */
export function growReasoning(events: EventWriter, style: ItemStyle, at: number, carried: JsonObject) {
  let text = '';
  let open = true;
  let partOpen = false;
  const kind = style.summarise ? 'reasoning_summary' : 'reasoning';
  const id = reasoningId(style.id, carried);
  const place = { item_id: id, output_index: at, [style.summarise ? 'summary_index' : 'content_index']: 0 };
  const partEvent = style.summarise ? 'response.reasoning_summary_part' : 'response.content_part';
  const part = (): JsonObject => ({ type: style.summarise ? 'summary_text' : 'reasoning_text', text });
  const item = (): JsonObject => ({
    ...(reasoningItem(carried, text, style) ?? { type: 'reasoning', summary: [] }),
    id,
  });
  events.add('response.output_item.added', { output_index: at, item: { id, type: 'reasoning', summary: [] } });

  function closePart(): void {
    if (!partOpen) return;
    partOpen = false;
    events.add(`response.${kind}_text.done`, { ...place, text });
    events.add(`${partEvent}.done`, { ...place, part: part() });
  }

  return {
    item,
    closePart,
    text(delta: string): void {
      if (!partOpen) events.add(`${partEvent}.added`, { ...place, part: part() });
      partOpen = true;
      text += delta;
      events.add(`response.${kind}_text.delta`, { ...place, delta });
    },
    close(): void {
      if (!open) return;
      open = false;
      closePart();
      events.add('response.output_item.done', { output_index: at, item: item() });
    },
  };
}
