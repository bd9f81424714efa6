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

/**
 * Gives equal numbers to what is equal. Two rows that were there before are of one node now if they were then, so that these need no
 * table of names; the others, which are few then, are looked for among all in the end. In a first build all are looked up as they come.
 */
export function createNumbering(drafts: DraftTable, prompts: KeyIds, former: Former | null): Numbering {
  return former ? translating(drafts, prompts, former) : lookingUp(drafts, prompts);
}

function lookingUp(drafts: DraftTable, prompts: KeyIds): Numbering {
  const { nodes } = drafts;
  const number = (draft: number, { node }: Entry, prompt: PromptKey): void =>
    drafts.setNumbers(draft, nodes.idOf(node ?? ''), prompts.idOf(prompt));
  return {
    number: (draft, { entry, prompt }) => number(draft, entry, prompt),
    numberRun: (draft, { entries, run }) =>
      eachOf(run, (next, prompt) => number(draft + next, entries[run.at + next] as Entry, prompt)),
    settle: () => undefined,
  };
}

function translating(drafts: DraftTable, prompts: KeyIds, former: Former): Numbering {
  const { nodes } = drafts;
  const nodeNow = createTranslation(former.nodes.length, nodes);
  const promptNow = createTranslation(former.prompts.length, prompts);
  const pending: { draft: number; node: string; prompt: PromptKey }[] = [];

  /** `at` is where the draft's row was, −1 where it was not there. */
  function number(draft: number, { node }: Entry, prompt: PromptKey, at: number): void {
    const formerNode = at < 0 ? noNumber : (former.nodes[at] as number);
    if (formerNode === noNumber) pending.push({ draft, node: node ?? '', prompt: copyOf(prompt) });
    else drafts.setNumbers(draft, nodeNow(formerNode, node ?? ''), promptNow(former.prompts[at] as number, prompt));
  }

  return {
    number: (draft, { entry, prompt, place }) => number(draft, entry, prompt, former.formerPlaceOf(place)),
    numberRun(draft, { entries, run, place }) {
      // They stood one after the other.
      const first = former.formerPlaceOf(place);
      eachOf(run, (next, prompt) => number(draft + next, entries[run.at + next] as Entry, prompt, first + next));
    },
    settle() {
      const nodesOf = nodes.idsOf(pending.map(({ node }) => node));
      const promptsOf = prompts.idsOf(pending.map(({ prompt }) => prompt));
      for (const [at, { draft }] of pending.entries())
        drafts.setNumbers(draft, nodesOf[at] as number, promptsOf[at] as number);
    },
  };
}

/** Goes through the rows of a run with their prompts, each good until the next. */
function eachOf({ block, row, length }: KnownRun, visit: (next: number, prompt: PromptKey) => void): void {
  const prompt = { words: block.words, at: 0 };
  for (let next = 0; next < length; next += 1) {
    prompt.at = block.promptAt(row + next);
    visit(next, prompt);
  }
}

/** Numbers of what had so many other ones at most before: of each the first time it is added. */
function createTranslation<Key>(count: number, ids: Pick<Ids<Key>, 'add'>): (former: number, key: Key) => number {
  /** One more than the number; 0 of what did not come yet. */
  const now = new Uint32Array(count);
  return (former, key) => {
    const known = now[former] as number;
    if (known !== 0) return known - 1;
    const number = ids.add(key);
    now[former] = number + 1;
    return number;
  };
}

/** It may stand in a block, which is let go before long. */
function copyOf({ words, at }: PromptKey): PromptKey {
  return { words: words.slice(at, at + 4), at: 0 };
}
