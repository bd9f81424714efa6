import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Parameter, Statement } from '../../database.ts';
import { createRecordWriter, readRecords, toStatements } from './records.ts';

const parameter = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constant('\ud800 \0 "\n'),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.constant(null),
);
const statement: fc.Arbitrary<Statement> = fc.record({
  sql: fc.constantFrom('insert a', 'update b', 'ünïcode c'),
  parameters: fc.array<Parameter>(parameter, { maxLength: 5 }),
});
const batches = fc.array(fc.array(statement, { maxLength: 4 }), { minLength: 1, maxLength: 6 });

/** Batches as a file holds them, one behind the other, and where each ends. */
function written(list: readonly Statement[][], first = 1): { bytes: Buffer; ends: number[] } {
  const writer = createRecordWriter();
  const records = list.map((statements, at) => Buffer.from(writer.encode(first + at, statements) ?? []));
  let end = 0;
  return { bytes: Buffer.concat(records), ends: records.map((record) => (end += record.length)) };
}

function read(bytes: Buffer): Statement[][] {
  return readRecords(bytes).map(toStatements);
}

test('batches come back as they were', () => {
  fc.assert(
    fc.property(batches, (list) => {
      expect(read(written(list).bytes)).toEqual(list);
    }),
  );
});

test('a file that ends anywhere, or is damaged anywhere, gives what is whole before that place', () => {
  fc.assert(
    fc.property(batches, fc.nat(), fc.boolean(), (list, place, cut) => {
      const { bytes, ends } = written(list);
      const at = place % bytes.length;
      const broken = cut ? bytes.subarray(0, at) : Buffer.from(bytes);
      if (!cut) broken.writeUInt8(broken.readUInt8(at) ^ 0x41, at);
      expect(read(broken)).toEqual(list.slice(0, ends.filter((end) => end <= at).length));
    }),
  );
});

test('what an earlier turn of the file left behind the last record is not read', () => {
  fc.assert(
    fc.property(batches, batches, (old, young) => {
      const [before, after] = [written(old), written(young, old.length + 1)];
      const file = Buffer.concat([after.bytes, before.bytes.subarray(after.bytes.length)]);
      expect(read(file)).toEqual(young);
      expect(read(Buffer.concat([after.bytes, before.bytes]))).toEqual(young);
    }),
  );
});

test('zeros are no record, and what is none for a journal is not encoded', () => {
  expect(readRecords(Buffer.alloc(4096))).toEqual([]);
  const writer = createRecordWriter();
  expect(writer.encode(1, [{ sql: 'a', parameters: [new Uint8Array(3)] }])).toBeNull();
  expect(writer.encode(1, [{ sql: 'a', parameters: ['x'.repeat(300_000)] }])).toBeNull();
});
