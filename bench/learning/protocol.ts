/** A question of the tiny support desk; a right answer contains `expect`. */
export interface Question {
  prompt: string;
  fact: string;
  expect: string;
  answer: string;
}

/** All that can be asked, and what answers can open and close with. */
export interface Words {
  questions: Question[];
  openings: string[];
  closings: string[];
}

/** How a run of stock LitGPT ended. `error` is the last line that it wrote, null when all went well. */
export interface Ended {
  code: number;
  error: string | null;
}

/** What is asked of `peers/learning.py`, and what it answers. */
export interface Requests {
  words: { ask: object; answer: Words };
  job: { ask: { job: string }; answer: Record<string, unknown> };
  answer: { ask: { base: string; cache: string; adapter: string | null; prompts: string[] }; answer: string[] };
  checkpoint: { ask: { base: string; cache: string }; answer: string };
  finetune: { ask: { arguments: string[]; log: string }; answer: Ended };
  stock_answer: { ask: { checkpoint: string; prompts: string[] }; answer: string[] };
}
