import type { JsonObject } from '../../../core/canonical.ts';
import type { EventWriter } from './events.ts';
import { type FunctionCall, callItem } from './output.ts';

/** Begins the item of a call. Its pieces are what is new of the arguments each time. */
export function growCall(events: EventWriter, id: string, at: number, first: FunctionCall) {
  let call = first;
  let sent = 0;
  let open = true;
  const item = (status: string): JsonObject => callItem(id, at, call, status);
  const place = { item_id: item('').id as string, output_index: at };
  events.add('response.output_item.added', { output_index: at, item: { ...item('in_progress'), arguments: '' } });

  function grow(now: FunctionCall): void {
    call = now;
    if (now.args.length > sent) {
      events.add('response.function_call_arguments.delta', { ...place, delta: now.args.slice(sent) });
    }
    sent = now.args.length;
  }

  return {
    item,
    grow,
    close(status: string): void {
      if (!open) return;
      open = false;
      events.add('response.function_call_arguments.done', { ...place, name: call.name, arguments: call.args });
      events.add('response.output_item.done', { output_index: at, item: item(status) });
    },
  };
}
