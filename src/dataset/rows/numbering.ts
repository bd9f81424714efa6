import type { DraftNumbers, DraftTable } from '../drafts.ts';
import type { Entry } from '../entry.ts';
import { type Findings, noNumber } from '../findings.ts';
import { type KeyIds, type PromptKey, keyOf } from '../key-ids.ts';
import type { RowHistory } from './cache.ts';
import type { KeptRow } from './types.ts';

/** What the last build had, by the places of rows in it. */
export interface Former extends Pick<Findings, 'nodes' | 'prompts'> {
  formerPlaceOf: RowHistory['formerPlaceOf'];
}

/** Numbers for the prompts and nodes of drafts. */
export interface Numbering {
  /** Those of the next draft, of the row at that place. What `settle` is still to say stands as 0. */
  numbersOf(row: { entry: Entry; result: KeptRow; place: number }): DraftNumbers;
  /** Puts right what was not known yet. */
  settle(): void;
}

/**
 * Gives equal numbers to what is equal. Two rows that were there before are of one node now if they were then, so that these need no
 * table of names; the others, which are few then, are looked for among all in the end. In a first build all are looked up as they come.
 */
export function createNumbering(drafts: DraftTable, prompts: KeyIds, former: Former | null): Numbering {
  const { nodes } = drafts;
  if (former === null) {
    return {
      numbersOf: ({ entry, result }) => ({
        node: nodes.idOf(entry.node ?? ''),
        prompt: prompts.idOf(promptOf(result)),
      }),
      settle: () => undefined,
    };
  }
  const nodeNow = new Uint32Array(former.nodes.length).fill(noNumber);
  const promptNow = new Uint32Array(former.prompts.length).fill(noNumber);
  const pending: { draft: number; node: string; prompt: PromptKey }[] = [];
  return {
    numbersOf({ entry, result, place }) {
      const at = former.formerPlaceOf(place);
      const [formerNode, formerPrompt] = at < 0 ? [noNumber, noNumber] : [former.nodes[at], former.prompts[at]];
      if (formerNode === noNumber || formerNode === undefined || formerPrompt === undefined) {
        pending.push({ draft: drafts.count, node: entry.node ?? '', prompt: copyOf(promptOf(result)) });
        return { node: 0, prompt: 0 };
      }
      let node = nodeNow[formerNode] as number;
      if (node === noNumber) {
        node = nodes.add(entry.node ?? '');
        nodeNow[formerNode] = node;
      }
      let prompt = promptNow[formerPrompt] as number;
      if (prompt === noNumber) {
        prompt = prompts.add(promptOf(result));
        promptNow[formerPrompt] = prompt;
      }
      return { node, prompt };
    },
    settle() {
      const nodesOf = nodes.idsOf(pending.map(({ node }) => node));
      const promptsOf = prompts.idsOf(pending.map(({ prompt }) => prompt));
      for (const [at, { draft }] of pending.entries())
        drafts.renumber(draft, { node: nodesOf[at] as number, prompt: promptsOf[at] as number });
    },
  };
}

function promptOf({ keys }: KeptRow): PromptKey {
  return 'block' in keys ? { words: keys.block.words, at: keys.block.promptAt(keys.row) } : keyOf(keys.prompt);
}

/** A block is let go when its rows were drafted. */
function copyOf({ words, at }: PromptKey): PromptKey {
  return { words: words.slice(at, at + 4), at: 0 };
}
