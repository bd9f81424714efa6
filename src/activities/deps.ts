import type { Ask } from '../evaluation/answer.ts';
import type { WarmPython } from '../training/warm-python.ts';
import type { StepDeps } from './step.ts';

/** What the activities need of the other rooms; made once per process. */
export interface ActivityDeps extends StepDeps {
  datasetsDir: string;
  evalsDir: string;
  buildCacheDir: string;
  modelPrefix: string;
  /** The Python that holds LitGPT; PartMissing when there is none. */
  python: () => string;
  warmPython: WarmPython;
  /** Whether chats of a provider may be collected. */
  trainAllowed: (provider: string) => boolean;
  ask: Ask;
  /** Folder of a base in Hugging Face layout; BaseMissing. */
  baseFolder: (name: string) => Promise<string>;
  /** Makes sure that a base is served; its model ref. */
  serveBase: (name: string, signal: AbortSignal) => Promise<string>;
  importModel: (request: {
    folder: string;
    name: string;
    signal: AbortSignal;
    onStatus: (status: string) => void;
  }) => Promise<{ served: string; digest: string }>;
  /** What is selected now, as a model ref, and whether asking it keeps the prompts on this machine. */
  selected: () => Promise<{ ref: string; local: boolean } | null>;
  /** Conflict when what is selected is no longer `opponent`. */
  promote: (request: {
    modelVersion: string;
    opponent: string | null;
    actor: string;
    cycleId: string;
    evidence: string;
  }) => Promise<{ promotion: string; changed: boolean }>;
}
