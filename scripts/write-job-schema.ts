// Writes the JSON Schema that the Python side checks its jobs against: `npm run schema`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../src/config.ts';
import { jobSchema } from '../src/core/job.ts';

export const jobSchemaFile = join(packageRoot, 'scripts', 'litgpt', 'job.schema.json');

export function jobJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(jobSchema, { target: 'draft-2020-12' }), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(jobSchemaFile, jobJsonSchema());
