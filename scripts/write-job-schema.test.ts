import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { jobJsonSchema, jobSchemaFile } from './write-job-schema.ts';

test('the schema that Python reads is that of the job ("npm run schema" writes it)', () => {
  expect(readFileSync(jobSchemaFile, 'utf8')).toBe(jobJsonSchema());
});
