import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { textOf } from '../translation/text.ts';
import type { Reading } from './request.ts';

/** The open blocks of a stream, as deltas of the one message that OpenAI's format has. */
export interface Blocks {
  /** How many tools were called so far. */
  calls(): number;
  start(event: JsonObject): JsonObject | null;
  delta(event: JsonObject): JsonObject | null;
  stop(event: JsonObject): JsonObject | null;
}

interface Block {
  type: string;
  /** The number of the call; null where the block is none, or is the answer itself. */
  call: number | null;
  /** Whether a piece of the input has come. */
  begun: boolean;
  input: Json;
  thinking: string;
  signature: string;
}

/** Creates the blocks of one stream. */
export function createBlocks({ answerTool, oldCalls }: Reading): Blocks {
  const open = new Map<Json | undefined, Block>();
  let calls = 0;

  function start({ index, content_block: content }: JsonObject): JsonObject | null {
    if (!isObject(content) || typeof content.type !== 'string') return null;
    const { type, input = {}, thinking, signature } = content;
    const isCall = type === 'tool_use' && content.name !== answerTool;
    const call = isCall ? calls : null;
    if (isCall) calls += 1;
    open.set(index, { type, call, begun: false, input, thinking: textOf(thinking), signature: textOf(signature) });
    if (type === 'text') return textDelta(textOf(content.text));
    if (type === 'redacted_thinking') return { thinking_blocks: [content] };
    if (type === 'thinking' && textOf(thinking) !== '') return { reasoning_content: textOf(thinking) };
    return call === null ? null : callDelta(call, { name: content.name ?? '', arguments: '' }, textOf(content.id));
  }

  function delta({ index, delta }: JsonObject): JsonObject | null {
    const block = open.get(index);
    if (!block || !isObject(delta)) return null;
    switch (textOf(delta.type)) {
      case 'text_delta':
        return textDelta(textOf(delta.text));
      case 'thinking_delta':
        block.thinking += textOf(delta.thinking);
        return { reasoning_content: textOf(delta.thinking) };
      case 'signature_delta':
        block.signature += textOf(delta.signature);
        return null;
      case 'input_json_delta':
        return inputDelta(block, textOf(delta.partial_json));
      case 'citations_delta':
        return { citations: [delta.citation ?? null] };
      default:
        return null;
    }
  }

  function inputDelta(block: Block, text: string): JsonObject | null {
    if (text === '' || block.type !== 'tool_use') return null;
    block.begun = true;
    return block.call === null ? { content: text } : callDelta(block.call, { arguments: text });
  }

  function stop({ index }: JsonObject): JsonObject | null {
    const block = open.get(index);
    if (!block) return null;
    open.delete(index);
    // Whole, since it goes back to Anthropic as it was signed.
    const { type, thinking, signature } = block;
    if (type === 'thinking') return { thinking_blocks: [{ type, thinking, signature }] };
    // A tool without parameters is called without a piece of input.
    return type === 'tool_use' && !block.begun ? inputDelta(block, JSON.stringify(block.input)) : null;
  }

  function callDelta(index: number, called: JsonObject, id?: string): JsonObject | null {
    if (oldCalls) return index === 0 ? { function_call: called } : null;
    return { tool_calls: [{ index, ...(id !== undefined && { id, type: 'function' }), function: called }] };
  }

  return {
    calls: () => calls,
    start,
    delta,
    stop,
  };
}

function textDelta(text: string): JsonObject | null {
  return text === '' ? null : { content: text };
}
