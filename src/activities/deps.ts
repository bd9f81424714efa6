import type { Ask, AskWhole } from '../evaluation/answer.ts';
import type { ImportRequest, Imported } from '../models/import.ts';
import type { Speed } from '../models/speed.ts';
import type { WarmPython } from '../training/warm-python.ts';
import type { SharedGpu } from './gpu/on-device.ts';
import type { StepDeps } from './step.ts';

/** What the activities need of the other rooms; made once per process. */
export interface ActivityDeps extends StepDeps {
  datasetsDir: string;
  evalsDir: string;
  buildCacheDir: string;
  /** Where trainings write runs for TensorBoard; null for nowhere. */
  tensorboardDir: string | null;
  modelPrefix: string;
  /** The Python that holds LitGPT; PartMissing when there is none. */
  python: () => string;
  warmPython: WarmPython;
  /** Whether chats of a provider may be collected. */
  trainAllowed: (provider: string) => boolean;
  gpu: SharedGpu;
  ask: Ask;
  askWhole: AskWhole;
  /** Folder of a base in Hugging Face layout; BaseMissing. */
  baseFolder: (name: string) => Promise<string>;
  /** Makes sure that a base is served; its model ref. */
  serveBase: (name: string, signal: AbortSignal) => Promise<string>;
  /** The same, with the digest that its provider reports. */
  servedBase: (name: string, signal: AbortSignal) => Promise<{ ref: string; digest: string }>;
  importModel: (request: ImportRequest) => Promise<Imported>;
  /** How fast a served model writes beside its base; both are model refs. */
  speed: (request: { model: string; base: string; signal: AbortSignal }) => Promise<Speed>;
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
