import { expect, test } from 'vitest';
import type { Curve } from '../core/curve.ts';
import { crc32c, tensorboardFile, tensorboardRestart } from './tensorboard.ts';

// The vectors of RFC 3720, appendix B.4.
test.each([
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from('123456789'), 0xe3069283],
])('the checksum of %s', (data, crc) => {
  expect(crc32c(data)).toBe(crc);
});

/** What tensorboard 2.21's RecordWriter makes of the version and of step 300 with one simple value. */
const written =
  '0f000000000000006d532b091a0d627261696e2e4576656e743a32fc9851291800000000000000a37f4b2210ac022a130a110a0a747261696e2f6c6f7373150000003f69b2bbe0';

const point = {
  step: 300,
  loss: 0.5,
  learning_rate: null,
  grad_norm: null,
  tokens_per_second: null,
  memory_bytes: null,
};
const curve: Curve = { steps: 300, points: [point], validations: [], early_stop: null };

test('a figure is an event as TensorBoard itself writes it, and one that is missing is none', () => {
  expect(tensorboardFile(curve).toString('hex')).toBe(written);
});

/** What it makes of an event with `session_log { status: START }`. */
const start = '0400000000000000424552043a0208010329c31b';

test('a training that goes on begins with the mark of a start', () => {
  const version = tensorboardFile({ ...curve, points: [] }).toString('hex');
  expect(tensorboardRestart({ ...curve, points: [] }).toString('hex')).toBe(version + start);
  expect(tensorboardRestart(curve)).toHaveLength(tensorboardFile(curve).length + start.length / 2);
});

test('validations have a series of their own', () => {
  const file = tensorboardFile({ ...curve, points: [], validations: [{ step: 2, loss: 1.25 }] });
  expect(file.toString('latin1')).toContain('validation/loss');
});
