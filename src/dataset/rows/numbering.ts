import type { Assembled } from '../assemble.ts';
import type { DraftTable } from '../drafts.ts';
import type { Entry } from '../entry.ts';
import { type Findings, noNumber } from '../findings.ts';
import type { Ids } from '../ids.ts';
import type { KeyIds, PromptKey } from '../key-ids.ts';
import type { RowHistory } from './cache.ts';
import type { KnownRun } from './known-run.ts';

/** What the last build had, by the places of rows in it. */
export interface Former extends Pick<Findings, 'nodes' | 'prompts'> {
  formerPlaceOf: RowHistory['formerPlaceOf'];
}

/** Tells drafts the numbers of their prompts and nodes. */
export interface Numbering {
  /** Of a draft of the row at that place. */
  number(draft: number, row: { entry: Entry; prompt: PromptKey; place: number }): void;
  /** Of drafts one after the other from one on, of such a run of rows, of which the first is at that place. */
  numberRun(draft: number, rows: { entries: readonly Assembled[]; run: KnownRun; place: number }): void;
  /** Tells those that could not be told yet. */
  settle(): void;
}

/** The same without runs. */
type OneByOne = Omit<Numbering, 'numberRun'>;

/**
 * Gives equal numbers to what is equal. Two rows that were there before are of one node now if they were then, so that these need no
 * table of names; the others, which are few then, are looked for among all in the end. In a first build all are looked up as they come.
 */
export function createNumbering(drafts: DraftTable, prompts: KeyIds, former: Former | null): Numbering {
  const { number, settle } = former ? translating(drafts, prompts, former) : lookingUp(drafts, prompts);
  return {
    number,
    numberRun(draft, { entries, run: { block, row, at, length }, place }) {
      const prompt = { words: block.words, at: 0 };
      for (let next = 0; next < length; next += 1) {
        prompt.at = block.promptAt(row + next);
        number(draft + next, { entry: entries[at + next] as Entry, prompt, place: place + next });
      }
    },
    settle,
  };
}

function lookingUp(drafts: DraftTable, prompts: KeyIds): OneByOne {
  const { nodes } = drafts;
  return {
    number: (draft, { entry, prompt }) => drafts.setNumbers(draft, nodes.idOf(entry.node ?? ''), prompts.idOf(prompt)),
    settle: () => undefined,
  };
}

function translating(drafts: DraftTable, prompts: KeyIds, former: Former): OneByOne {
  const { nodes } = drafts;
  const nodeNow = createTranslation(former.nodes.length, nodes);
  const promptNow = createTranslation(former.prompts.length, prompts);
  const pending: { draft: number; node: string; prompt: PromptKey }[] = [];
  return {
    number(draft, { entry: { node }, prompt, place }) {
      const at = former.formerPlaceOf(place);
      const formerNode = at < 0 ? noNumber : (former.nodes[at] as number);
      if (formerNode === noNumber) pending.push({ draft, node: node ?? '', prompt: copyOf(prompt) });
      else drafts.setNumbers(draft, nodeNow(formerNode, node ?? ''), promptNow(former.prompts[at] as number, prompt));
    },
    settle() {
      const nodesOf = nodes.idsOf(pending.map(({ node }) => node));
      const promptsOf = prompts.idsOf(pending.map(({ prompt }) => prompt));
      for (const [at, { draft }] of pending.entries())
        drafts.setNumbers(draft, nodesOf[at] as number, promptsOf[at] as number);
    },
  };
}

/** Numbers of what had so many other ones at most before: of each the first time it is added. */
function createTranslation<Key>(count: number, ids: Pick<Ids<Key>, 'add'>): (former: number, key: Key) => number {
  const now = new Uint32Array(count).fill(noNumber);
  return (former, key) => {
    const known = now[former] as number;
    if (known !== noNumber) return known;
    const number = ids.add(key);
    now[former] = number;
    return number;
  };
}

/** It may stand in a block, which is let go before long. */
function copyOf({ words, at }: PromptKey): PromptKey {
  return { words: words.slice(at, at + 4), at: 0 };
}
