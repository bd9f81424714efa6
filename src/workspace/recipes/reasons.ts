/**
 * What each field of a recipe does, and why its default is what it is; by its path. It goes into the schema for editors and
 * into docs/recipes.md, and a test holds it against the recipe.
 */
export const reasons: Readonly<Record<string, string>> = {
  name: 'Names the recipe, and the model that comes out. Unless set, the name of the file.',
  base: 'The model that every cycle trains from, of those in the folder of bases. There is no default: nothing else says what is to be taught.',
  'collect.min_rating':
    'Answers rated so are learned as they are; null takes corrections only. 1, since a thumb up is what people give most.',
  'collect.min_score': 'Answers whose score is at least this are learned too. 0.5 is the better half of any scale.',
  'collect.corrections':
    'Whether corrected answers are learned. They say what should have been said, which is the best there is.',
  'collect.providers': 'Whose chats are collected. null: of every provider that its own "train" setting allows.',
  'collect.models': 'Whose answers, as the provider names the model or as provider/model. null: any model’s.',
  'collect.tags': 'Only answers whose feedback has one of these tags. null: all.',
  'collect.since': 'Only chats from this time on. null: from the first.',
  'collect.until': 'Only chats before this time. null: to the last.',
  'build.val':
    'The share of conversations that training is checked against. A tenth is enough to see it go wrong, and leaves the most to learn from.',
  'build.test': 'The share of conversations that is kept for the evaluation, and never learned.',
  'build.salt':
    'Changes which conversations fall into which share. The same salt is the same split, so that versions can be compared.',
  'build.min_examples': 'Fewer than this are not enough data. Below 20 a model learns them by heart.',
  'build.max_examples':
    'Of more, those that people said most of: corrections, then what several said, then the newest. null: all.',
  'build.weights.corrected':
    'How much the tokens of a correction count. Above 1 they pull harder than approved answers do.',
  'build.weights.approved': 'How much the tokens of an approved answer count.',
  'build.normalise': 'One Unicode form, line feeds, no white space that nobody sees; code in fences stays as it is.',
  'build.near_duplicates':
    'Answers that are this alike, by the Jaccard index of their runs of five words, are one, and never in two splits. null: equal ones only.',
  'build.redact':
    'What becomes a placeholder, [EMAIL_1], the same in all of a conversation. An empty list leaves texts as they are.',
  'build.region':
    'Where telephone numbers without a country code are from, as DE. null: those of the numbers beside them.',
  'build.quality':
    'What models answered has to pass these checks, or is left out; what people wrote always passes. null: no checks.',
  'build.quality.length':
    'An answer of nothing teaches nothing, and one without end teaches to go on. null: any length.',
  'build.quality.length.min_words': 'Fewer words than this are too short.',
  'build.quality.length.max_words': 'More words than this are too long.',
  'build.quality.length.min_characters': 'Fewer characters than this are too short.',
  'build.quality.length.max_characters': 'More characters than this are too long.',
  'build.quality.repetition': 'Answers that say the same again and again teach to. null: whatever they repeat.',
  'build.quality.repetition.min_words': 'Few words repeat by chance, so that shorter answers are not looked at.',
  'build.quality.repetition.leniency': 'Multiplies the limits, which are those of Gopher (Rae et al. 2021).',
  'build.quality.refusals': 'Leaves out answers that are nothing but the refusal that every assistant has.',
  'build.quality.template_debris':
    'Leaves out answers with marks of chat templates, which a model would learn to write.',
  'build.quality.language':
    'Leaves out answers in another language than the question, where both are told for sure. null: any.',
  'build.quality.language.min_question_letters': 'A question with fewer letters tells no language.',
  'build.quality.language.min_answer_letters': 'An answer with fewer letters tells no language.',
  'build.quality.language.max_likeness': 'How sure it has to be: lower leaves out less.',
  'build.decontaminate':
    'Leaves out what the suite, or a file in evals/, asks: a model that learned it would be measured on its memory.',
  'build.burst':
    'So many equal ratings of one rater in so many seconds are set aside. null, since programs rate as fast, and honestly.',
  'build.max_rater_share':
    'The largest share of the learned text that may rest on one rater, so that no taste rules. null: any.',
  'build.max_source_share': 'The largest share that one model may have written. null: any.',
  'build.max_topic_share':
    'The largest share of one topic, by the tags topic:… and the metadata of requests. null: any.',
  'build.max_same_base_share':
    'The largest share that models of this base wrote: a model that learns from itself narrows. null: any.',
  'build.max_per_conversation':
    'So many answers of one conversation at the most, so that a long one does not rule. null: all.',
  'build.replay':
    'Answers of the base to prompts of all kinds, learned beside the others so that less is forgotten; {} is 100 of them, half of the rows at most. null, since each costs an answer, and a suite that also asks other things shows whether it is needed.',
  'train.method':
    'sft says good answers again; dpo learns of two answers which is better; kto learns from answers that are good or bad by themselves. auto: sft, unless most of what is known is preferences, or rejections, of which sft learns nothing; the cycle says which and why.',
  'train.beta':
    'Of dpo and kto: how much it costs to go away from the base. auto: 0.1 for dpo, as published, and 1 for kto, where 0.1 cost the tiny base more of its facts.',
  'train.sft_weight':
    'Of dpo and kto: how much it counts, beside telling answers apart, to say the better or good ones and the other learned ones again. auto: 1 for dpo, as in RPO (Pang et al. 2024), since without it the likelihood of both sides falls, and 3 for kto, which without it pushed the tiny base from bad answers into babble. 0: pairs or judgements alone.',
  'train.desirable_weight':
    'Of kto: how much good answers count. auto: as much together as bad ones do, where they are the fewer, and at most 10.',
  'train.replay_kl':
    'How much it costs to go away from the base on the answers that it gave itself, beside learning them as they are; of sft and dpo. 1: a nat of either counts the same. 0: they are learned like any other.',
  'train.undesirable_weight': 'Of kto: how much bad answers count. Raise it where they are few.',
  'train.tuning':
    'What learns. lora: adapters, which for what people teach learn as much as a whole model does, at a fraction of the memory. qlora: the same on a base in four bits; on GPUs with CUDA only, and with bitsandbytes. full: all weights, in 32 bits, which takes sixteen bytes for each; give a tenth of the rate.',
  'train.rank':
    'The rank of the adapters. 16 learns some thousand examples on every layer; a higher one costs memory before it learns more.',
  'train.alpha': 'Scales the adapters. Twice the rank is the usual measure, so that a higher rank needs no other rate.',
  'train.dropout': 'Of the adapters. 0: adapters are small, and few epochs do not need it.',
  'train.targets': 'The layers that get adapters. All: adapters on attention alone learn less at the same cost.',
  'train.sweep':
    'Trains several times and keeps what has the lowest held-out loss: {} tries half, one and two times the rate, `ranks` other ranks; 12 in all, and none that takes longer than `max_minutes`, 30. null: once, since what is auto was measured, and each training costs its time.',
  'train.learning_rate':
    'auto: by the width of the base, 0.0005 × √(2000 / width), about ten times that of training a whole model; halve it when the loss jumps.',
  'train.weight_decay': 'Pulls the adapters to nothing. 0: they begin there.',
  'train.warmup_ratio': 'The share of the steps in which the rate rises to its height.',
  'train.schedule': 'How the rate falls after that.',
  'train.grad_clip': 'The longest gradient. One bad example does not undo a run.',
  'train.epochs':
    'How often each example is seen. auto: until there were 60 updates, but at least 3, 1 of more than 5000 examples, and at most 10.',
  'train.max_steps': 'Ends training after so many steps. null: after its epochs.',
  'train.batch_size':
    'Examples of one step. auto: 4 to 16, so that an epoch of few examples has ten steps: small batches suit adapters.',
  'train.micro_batch_size':
    'How many of them go through the model at once; it changes what memory is needed, not what is learned. auto: as many as fit what is free, found before the first step.',
  'train.max_seq_length': 'Longer examples are cut to so many tokens.',
  'train.packing':
    'Whether chats share a row of a batch, none cut and none seen by another; the gradients stay the same. auto: on a GPU where the lengths save a tenth of what is computed or more, since below that it was no faster; on a CPU wherever they save any.',
  'train.checkpoint_steps': 'A checkpoint after so many steps: what a crash costs at most.',
  'train.eval_steps': 'The loss on the held-out share after so many steps. null: after each epoch.',
  'train.early_stop':
    'Ends a training of whose last `patience` validations none was lower than the lowest by `min_delta` nats; what was best is kept either way. null: goes to the end, since three epochs are few.',
  'train.seed': 'The order of the examples and the first adapters. The same seed is the same run.',
  'train.device': 'auto: the GPU where there is one.',
  'train.precision':
    'auto: bf16 where the GPU or the CPU is faster in it (AMX, AMD’s AVX-512), 32 bits otherwise and for trial bases.',
  'train.stall_seconds': 'A trainer that says nothing for so long is started again.',
  'train.restart': 'Leaves checkpoints aside and begins at step 0.',
  'import.merge':
    'Whether what is served has the base’s weights in it. auto: it is evaluated as an adapter, of megabytes, on the base that Ollama has, and merged when it is promoted if the adapter makes it more than 5 % slower. always merges before the evaluation, never keeps the adapter. Where Ollama runs no adapter on the base it is merged in any case.',
  'import.quantize':
    'Rounds the weights that Ollama serves, which are then always merged, so that the evaluation asks what is served. null: 16 bits, and nothing is lost.',
  'evaluate.suite':
    'Prompts with checks, one after the other. null: the prompts of the kept share, scored by likeness to what was learned.',
  'evaluate.max_prompts': 'How many prompts are asked at most. 300 tell a difference of some points.',
  'evaluate.max_tokens': 'The longest answer, in tokens.',
  'evaluate.seed': 'The seed that answers are drawn with, at temperature 0: the same model says the same again.',
  'evaluate.concurrency': 'Answers that are asked for at once. 2, which a model on one machine serves.',
  'gate.metric': 'What the candidate must be better in. null: the only metric there is, or likeness.',
  'gate.max_drop': 'How much every other metric may fall. 0.02 is what chance moves it by.',
  'gate.alpha': 'How often a candidate that is no better would pass by chance. 1 in 20.',
  'gate.min_prompts': 'Fewer answered prompts than this are not enough evidence.',
  promote: 'manual: a candidate that passed waits for a person. auto: the gate decides.',
};
