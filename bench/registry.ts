import { build } from './build.ts';
import { datasets } from './datasets.ts';
import { gateway } from './gateway.ts';
import { learning } from './learning.ts';
import { orchestration } from './orchestration.ts';
import { bigImport } from './soak-big-import.ts';
import { faults } from './soak-faults.ts';
import { importing } from './soak-import.ts';
import { importKills } from './soak-import-kills.ts';
import { recorder } from './soak-recorder.ts';
import { redaction } from './soak-redaction.ts';
import { streams } from './soak-streams.ts';
import { templates } from './soak-templates.ts';
import { trainer } from './soak-trainer.ts';
import { trainerBench } from './trainer.ts';
import type { Bench } from './types.ts';

/** Every bench and soak there is. */
export const benches: readonly Bench[] = [
  orchestration,
  gateway,
  datasets,
  build,
  learning,
  recorder,
  trainer,
  trainerBench,
  importing,
  streams,
  faults,
  redaction,
  bigImport,
  importKills,
  templates,
];
