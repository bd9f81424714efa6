import { ZodError, z } from 'zod';
import { RatchetError } from './errors.ts';
import { ollamaQuantizations } from './quantizations.ts';

/** A name that is safe as a file name, an Ollama model name and a URL part. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/,
    'use 1 to 64 of a-z, 0-9, ".", "_" and "-", starting and ending with a letter or digit',
  )
  .refine((name) => !name.includes('..'), 'leave out ".."');

const date = z.iso.datetime({ offset: true });

/** One thing that an answer is checked for; each gives 0 or 1 to the metric of its name. */
export const checkSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('contains'),
    metric: nameSchema,
    value: z.string().min(1),
    ignore_case: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal('regex'),
    metric: nameSchema,
    pattern: z.string().min(1).max(2000),
    flags: z
      .string()
      .regex(/^[ims]*$/)
      .default(''),
  }),
]);
export type Check = z.infer<typeof checkSchema>;

/** One prompt of an evaluation suite, asked as it is. */
export const suiteItemSchema = z.strictObject({
  id: z.string().min(1).max(200),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })).min(1),
  checks: z.array(checkSchema).min(1),
});
export type SuiteItem = z.infer<typeof suiteItemSchema>;

const collect = z.strictObject({
  /** Answers with this rating or better are learned as they are; null takes corrections only. */
  min_rating: z.union([z.literal(1), z.null()]).default(1),
  /** Answers whose score is at least this are learned too. */
  min_score: z.number().min(0).max(1).default(0.5),
  corrections: z.boolean().default(true),
  /** Providers whose chats may be collected; null for every one that its own `train` setting allows. */
  providers: z.array(nameSchema).nullable().default(null),
  models: z.array(z.string()).nullable().default(null),
  tags: z.array(z.string()).nullable().default(null),
  since: date.nullable().default(null),
  until: date.nullable().default(null),
});

/** What is taken out of texts and replaced by placeholders. */
export const redactionKinds = ['email', 'phone', 'card', 'iban', 'ip', 'secret'] as const;
export type RedactionKind = (typeof redactionKinds)[number];

const share = z.number().gt(0).max(1).nullable().default(null);

const quality = z.strictObject({
  length: z
    .strictObject({
      min_words: z.int().min(0).default(1),
      max_words: z.int().min(1).default(4000),
      min_characters: z.int().min(0).default(1),
      max_characters: z.int().min(1).default(40_000),
    })
    .nullable()
    .prefault({}),
  /** The limits of Gopher (Rae et al. 2021), times the leniency. */
  repetition: z
    .strictObject({ min_words: z.int().min(1).default(50), leniency: z.number().gt(0).default(1) })
    .nullable()
    .prefault({}),
  /** Answers that are nothing but a refusal in the words of every assistant. */
  refusals: z.boolean().default(true),
  /** Marks of chat templates in the answer. */
  template_debris: z.boolean().default(true),
  /** Answers in another language than the question, where both are sure. */
  language: z
    .strictObject({
      min_question_letters: z.int().min(1).default(40),
      min_answer_letters: z.int().min(1).default(60),
      max_likeness: z.number().min(0).max(1).default(0.85),
    })
    .nullable()
    .prefault({}),
});

/** Answers of the base to prompts of all kinds, learned beside what people taught, so that little of it is forgotten. */
const replay = z.strictObject({
  /** `general`: a set of ours; `conversations`: openings of unrated chats that may be learned from; or a list of one's own. */
  prompts: z
    .union([z.enum(['general', 'conversations']), z.array(z.string().min(1).max(20_000)).min(1).max(5000)])
    .default('general'),
  /** How many prompts the base is asked at most. */
  rows: z.int().min(1).max(5000).default(100),
  /** Largest share of the rows that are trained on. */
  share: z.number().gt(0).lt(1).default(0.5),
  weight: z.number().gt(0).max(100).default(1),
  /** Longer answers are cut off, and left out. */
  max_tokens: z.int().min(16).max(8192).default(512),
  /** Which of the prompts are asked, and how the answers are drawn, at temperature 0. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(1),
});
export type Replay = z.infer<typeof replay>;

const build = z.strictObject({
  /** Shares of conversation nodes, not of rows. */
  val: z.number().min(0).max(0.5).default(0.1),
  test: z.number().min(0).max(0.5).default(0.1),
  salt: z.string().max(200).default('ratchet'),
  min_examples: z.int().min(1).default(20),
  max_examples: z.int().min(1).nullable().default(null),
  /** How much the tokens of an answer count, by what was said of it. */
  weights: z
    .strictObject({
      corrected: z.number().gt(0).max(100).default(1),
      approved: z.number().gt(0).max(100).default(1),
    })
    .prefault({}),
  /** Unicode in one form, line ends and white space outside code put right. */
  normalise: z.boolean().default(true),
  /** Answers that are at least as alike as this Jaccard index of their 5-word shingles are one; null looks for equal ones only. */
  near_duplicates: z.number().min(0.75).max(1).nullable().default(0.8),
  /** What is replaced by placeholders; an empty list turns it off. */
  redact: z.array(z.enum(redactionKinds)).default([...redactionKinds]),
  /** Where telephone numbers without a country code are from, such as `DE`. */
  region: z
    .string()
    .regex(/^[A-Z]{2}$/, 'use two capital letters')
    .nullable()
    .default(null),
  /** Leave out answers of models, never of people, that these checks find too poor; null looks at nothing. */
  quality: quality.nullable().prefault({}),
  /** Leave out what an evaluation asks. */
  decontaminate: z.boolean().default(true),
  /**
   * So many equal ratings of one rater within so many seconds were not thought about, and are set aside. Null keeps them:
   * programs rate as fast, and honestly.
   */
  burst: z
    .strictObject({ ratings: z.int().min(2).default(50), seconds: z.number().gt(0).default(60) })
    .nullable()
    .default(null),
  /** Largest share of the learned text that rests on one rater, is written by one model, is of one topic, or is written by models of this base. */
  max_rater_share: share,
  max_source_share: share,
  max_topic_share: share,
  max_same_base_share: share,
  max_per_conversation: z.int().min(1).nullable().default(null),
  replay: replay.nullable().default(null),
});

/** The most that a sweep tries. */
export const mostCombinations = 12;

/** Several trainings of which the one with the lowest held-out loss is kept. */
const sweep = z.strictObject({
  /** `auto`: half, one and two times the rate; null takes the rate alone. */
  learning_rates: z
    .union([z.literal('auto'), z.array(z.number().positive().max(1)).min(1)])
    .nullable()
    .default('auto'),
  /** Null takes the rank alone. */
  ranks: z.array(z.int().min(1).max(256)).min(1).nullable().default(null),
  /** One training may take so long by its estimate. */
  max_minutes: z.number().positive().default(30),
});
export type Sweep = z.infer<typeof sweep>;

const train = z.strictObject({
  /** How it is learned; `auto` goes by what a version holds, see `pickMethod`. */
  method: z.enum(['auto', 'sft', 'dpo', 'kto']).default('auto'),
  /** Of dpo and kto: how much going away from the base costs. */
  beta: z.union([z.literal('auto'), z.number().positive().max(10)]).default('auto'),
  /** Of dpo and kto: how much it counts to say good answers again. */
  sft_weight: z.union([z.literal('auto'), z.number().min(0).max(100)]).default('auto'),
  /** How much it costs that the model says what the base answered less likely than the base does; see `build.replay`. */
  replay_kl: z.number().min(0).max(100).default(1),
  /** Of kto: how much good and bad answers count. */
  desirable_weight: z.union([z.literal('auto'), z.number().positive().max(100)]).default('auto'),
  undesirable_weight: z.number().positive().max(100).default(1),
  /** What learns: adapters, adapters on a base in four bits, or all weights. */
  tuning: z.enum(['lora', 'qlora', 'full']).default('lora'),
  rank: z.int().min(1).max(256).default(16),
  alpha: z.number().positive().default(32),
  dropout: z.number().min(0).lt(1).default(0),
  targets: z
    .array(z.enum(['q', 'k', 'v', 'o', 'gate', 'up', 'down']))
    .min(1)
    .default(['q', 'k', 'v', 'o', 'gate', 'up', 'down']),
  sweep: sweep.nullable().default(null),
  learning_rate: z.union([z.literal('auto'), z.number().positive().max(1)]).default('auto'),
  weight_decay: z.number().min(0).default(0),
  warmup_ratio: z.number().min(0).max(1).default(0.05),
  schedule: z.enum(['cosine', 'linear', 'constant']).default('cosine'),
  grad_clip: z.number().positive().default(1),
  epochs: z.union([z.literal('auto'), z.int().min(1).max(100)]).default('auto'),
  max_steps: z.int().min(1).nullable().default(null),
  batch_size: z.union([z.literal('auto'), z.int().min(1).max(1024)]).default('auto'),
  /** Sequences that go through the model at once. */
  micro_batch_size: z.union([z.int().min(1).max(1024), z.literal('auto')]).default('auto'),
  max_seq_length: z.int().min(16).max(131_072).default(2048),
  /** Whether a row of a batch may hold several chats. */
  packing: z.enum(['auto', 'on', 'off']).default('auto'),
  checkpoint_steps: z.int().min(1).default(20),
  eval_steps: z.int().min(1).nullable().default(null),
  /** Ends the training after so many validations of which none was lower than the lowest by `min_delta`, in nats. */
  early_stop: z
    .strictObject({ patience: z.int().min(1).max(1000).default(3), min_delta: z.number().min(0).default(0) })
    .nullable()
    .default(null),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(1),
  device: z.enum(['auto', 'cpu', 'cuda']).default('auto'),
  precision: z.enum(['auto', '32-true', 'bf16-true']).default('auto'),
  /** Seconds without an event after which the trainer counts as hung. */
  stall_seconds: z.int().min(5).default(600),
  /** Leave checkpoints aside and begin at step 0. */
  restart: z.boolean().default(false),
});

const serving = z.strictObject({
  /** Whether what is served has the base's weights in it, or is an adapter on the base that Ollama has. */
  merge: z.enum(['auto', 'always', 'never']).default('auto'),
  /** How merged weights are rounded by Ollama. */
  quantize: z.enum(ollamaQuantizations).nullable().default(null),
});

const evaluate = z.strictObject({
  /** Prompts with checks; null asks the prompts of the test split and scores likeness to the learned answers. */
  suite: z.array(suiteItemSchema).min(1).max(5000).nullable().default(null),
  max_prompts: z.int().min(1).max(5000).default(300),
  max_tokens: z.int().min(1).max(8192).default(512),
  seed: z.int().min(0).default(1),
  /** Answers asked for at once. */
  concurrency: z.int().min(1).max(64).default(2),
});

const gate = z.strictObject({
  /** Metric on which the candidate must be better; null takes the only one, or `likeness`. */
  metric: nameSchema.nullable().default(null),
  /** Largest fall allowed in every other metric, in [0, 1]. */
  max_drop: z.number().min(0).max(1).default(0.02),
  /** Two-sided level of the paired test. */
  alpha: z.number().gt(0).lt(1).default(0.05),
  /** Fewer answered prompts than this are not enough evidence. */
  min_prompts: z.int().min(1).default(20),
});

/** What to collect, how to build and train, how to judge. Every part has defaults, so `{"name","base"}` is a recipe. */
export const recipeSchema = z
  .strictObject({
    name: nameSchema,
    base: nameSchema,
    collect: collect.prefault({}),
    build: build.prefault({}),
    train: train.prefault({}),
    import: serving.prefault({}),
    evaluate: evaluate.prefault({}),
    gate: gate.prefault({}),
    /** `manual`: a passed gate waits for a person. */
    promote: z.enum(['auto', 'manual']).default('auto'),
  })
  .check(({ value, issues }) => {
    const { metric } = value.gate;
    const measured = [...new Set(value.evaluate.suite?.flatMap(({ checks }) => checks.map((check) => check.metric)))];
    if (value.evaluate.suite === null || (metric !== null ? measured.includes(metric) : measured.length === 1)) return;
    const message = `the suite measures ${measured.join(', ')}: name the one in which the candidate must be better`;
    issues.push({ code: 'custom', path: ['gate', 'metric'], message, input: metric });
  })
  .check(({ value: { train, build }, issues }) => {
    const message = train.sweep === null ? null : sweepFault(train.sweep, train, build.val);
    if (message !== null) issues.push({ code: 'custom', path: ['train', 'sweep'], message, input: train.sweep });
  });

function sweepFault(sweep: Sweep, { tuning, method }: z.infer<typeof train>, val: number): string | null {
  const { learning_rates: rates, ranks } = sweep;
  const count = (rates === 'auto' ? 3 : new Set(rates ?? [0]).size) * new Set(ranks ?? [0]).size;
  if (count > mostCombinations) {
    return `these are ${count} trainings and ${mostCombinations} is the most: give fewer rates or ranks`;
  }
  if (tuning === 'full' && ranks !== null) return 'where all weights learn there are no ranks: leave "ranks" out';
  if (val === 0) return 'the held-out share decides it: set build.val above 0';
  return method === 'kto' ? `${ktoIsNotCompared}: set train.sweep to null, or another method` : null;
}

/** Its point of reference is the model's own mean gain, which differs from one training to the next. */
export const ktoIsNotCompared = 'the held-out loss of kto cannot be compared between trainings';

/** A resolved recipe: every default filled in. It is stored as a blob; its digest stands in the lineage. */
export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeInput = z.input<typeof recipeSchema>;

/** What `retryStep` and `POST /api/cycles/:id/retry` may change; merged into the recipe, section by section. */
export type RecipePatch = {
  [S in 'collect' | 'build' | 'train' | 'import' | 'evaluate' | 'gate']?: Partial<Recipe[S]>;
} & {
  promote?: Recipe['promote'];
};

/** The recipe with a patch merged in, parsed again. Throws InvalidInput, which names every bad value. */
export function applyPatch(recipe: Recipe, patch: unknown): Recipe {
  try {
    return merge(recipe, patch);
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const faults = error.issues.map((issue) => `${issue.path.join('.') || 'patch'}: ${issue.message}`);
    throw new RatchetError('InvalidInput', `Correct the patch and send it again: ${faults.join('; ')}.`);
  }
}

function merge(recipe: Recipe, patch: unknown): Recipe {
  const merged: Record<string, unknown> = { ...recipe };
  for (const [section, value] of Object.entries(patchShape.parse(patch))) {
    const old = merged[section];
    merged[section] = typeof value === 'object' && typeof old === 'object' ? { ...old, ...value } : value;
  }
  return recipeSchema.parse(merged);
}

const section = z.record(z.string(), z.unknown()).optional();
const patchShape = z.strictObject({
  collect: section,
  build: section,
  train: section,
  import: section,
  evaluate: section,
  gate: section,
  promote: z.enum(['auto', 'manual']).optional(),
});
