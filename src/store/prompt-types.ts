import type { PromptBody } from '../core/prompt.ts';
import type { Millis } from './types.ts';

export interface NewPrompt extends PromptBody {
  name: string;
  description: string | null;
  /** Who wrote it. */
  author: string;
}

/** One version of a template; versions are never changed. */
export interface PromptRecord extends NewPrompt {
  /** 1, 2, 3 … */
  version: number;
  createdAt: Millis;
}

export interface PromptStore {
  /** Adds a version; the newest one is given back where it says the same. Conflict when another was added at the same time. */
  add(prompt: NewPrompt): Promise<PromptRecord>;
  /** The newest version unless one is named; null when there is none. */
  get(name: string, version?: number): Promise<PromptRecord | null>;
  /** Every version, newest first. */
  versions(name: string): Promise<PromptRecord[]>;
  /** The newest version of each, by name. */
  list(): Promise<PromptRecord[]>;
  /** Removes every version; chats that used one keep what was said. False when there was none. */
  remove(name: string): Promise<boolean>;
}
