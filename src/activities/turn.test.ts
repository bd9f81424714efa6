import { expect, test } from 'vitest';
import { storeForEach } from '../../test/fixtures/store-in-folder.ts';
import { uuidv7 } from '../store/ids.ts';
import { holdTurn } from './turn.ts';

const base = 'tiny';
const never = new AbortController().signal;
const opened = storeForEach();

async function newCycle(): Promise<string> {
  const id = uuidv7();
  await opened.store.cycles.create({ id, base, name: 'x', recipe: 'r' });
  return id;
}

test('the second waits until the first gives its turn back', async () => {
  const [first, second] = [await newCycle(), await newCycle()];
  await holdTurn(opened.store, { base, cycleId: first }, never);
  const order: string[] = [];
  const waiting = holdTurn(opened.store, { base, cycleId: second }, never).then(() => order.push('second'));
  await expect.poll(() => opened.store.cycles.line(base)).toHaveLength(2);
  order.push('released');
  await opened.store.cycles.releaseTurn(base, first);
  await waiting;
  expect(order).toEqual(['released', 'second']);
  expect(await opened.store.cycles.line(base)).toMatchObject([{ cycleId: second, held: true }]);
});

test('asking again while holding it changes nothing', async () => {
  const id = await newCycle();
  await holdTurn(opened.store, { base, cycleId: id }, never);
  await holdTurn(opened.store, { base, cycleId: id }, never);
  expect(await opened.store.cycles.line(base)).toHaveLength(1);
});

test('waiting ends with the reason of its signal', async () => {
  const [first, second] = [await newCycle(), await newCycle()];
  await holdTurn(opened.store, { base, cycleId: first }, never);
  const stop = new AbortController();
  const waiting = holdTurn(opened.store, { base, cycleId: second }, stop.signal);
  stop.abort(new Error('cancelled'));
  await expect(waiting).rejects.toMatchObject({ cause: { message: 'cancelled' } });
});

test('a cycle that was closed and comes back is not idle while it stands in line', async () => {
  const id = await newCycle();
  const result = { state: 'completed', decision: 'pass', promoted: true, reason: 'It is better.' };
  await opened.store.cycles.update(id, { state: 'completed', step: 'promote', result, finishedAt: Date.now() });
  await holdTurn(opened.store, { base, cycleId: id, step: 'train' }, never);
  expect(await opened.store.cycles.get(id)).toMatchObject({
    state: 'queued',
    step: 'train',
    result: null,
    finishedAt: null,
  });
  expect(await opened.store.cycles.line(base)).toMatchObject([{ cycleId: id, held: true }]);
});
