import type { Curve } from '../core/curve.ts';

/** Names that a curve's figures have on TensorBoard's page. */
const tags = {
  loss: 'train/loss',
  learning_rate: 'train/learning_rate',
  grad_norm: 'train/grad_norm',
  tokens_per_second: 'train/tokens_per_second',
  memory_bytes: 'train/memory_bytes',
} as const;

/**
 * A curve as an event file of TensorBoard: TFRecords of the message `Event` (tensorboard/compat/proto/event.proto). They
 * have no wall times, since a curve goes by steps: equal curves are equal bytes.
 */
export function tensorboardFile(curve: Curve): Buffer {
  return Buffer.concat([versionRecord(), ...scalarRecords(curve)]);
}

/**
 * The same for a training that goes on, of which there may be files already: they say what it was until it went on, and
 * TensorBoard drops all of it when it comes to the mark with which this one begins.
 */
export function tensorboardRestart(curve: Curve): Buffer {
  return Buffer.concat([versionRecord(), record(startEvent), ...scalarRecords(curve)]);
}

/** What is appended to such a file for further steps and validations. */
export function tensorboardScalars(made: Pick<Curve, 'points' | 'validations'>): Buffer {
  return Buffer.concat(scalarRecords(made));
}

function versionRecord(): Buffer {
  return record(text(3, 'brain.Event:2'));
}

/** `session_log` with the status START, at step 0. */
const startEvent = bytes(7, Buffer.concat([key(1, 0), varint(1)]));

function scalarRecords({ points, validations }: Pick<Curve, 'points' | 'validations'>): Buffer[] {
  const scalars = [
    ...points.flatMap((point) =>
      Object.entries(tags).map(([name, tag]) => ({
        step: point.step ?? 0,
        tag,
        value: point[name as keyof typeof tags],
      })),
    ),
    ...validations.map(({ step, loss }) => ({ step, tag: 'validation/loss', value: loss })),
  ];
  return scalars.flatMap(({ step, tag, value }) => (value === null ? [] : [record(scalarEvent(step, tag, value))]));
}

function scalarEvent(step: number, tag: string, value: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeFloatLE(value);
  const scalar = Buffer.concat([text(1, tag), key(2, 5), number]);
  return Buffer.concat([key(2, 0), varint(step), bytes(5, bytes(1, scalar))]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([key(field, 2), varint(value.length), value]);
}

function key(field: number, wire: number): Buffer {
  return varint((field << 3) | wire);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 0x80)) out.push((left & 0x7f) | 0x80);
  return Buffer.from([...out, left]);
}

/** Length, its checksum, the data, its checksum (tensorflow/core/lib/io/record_writer.h). */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

function masked(data: Buffer): Buffer {
  const crc = crc32c(data);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
