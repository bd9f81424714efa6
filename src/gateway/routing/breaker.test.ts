import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';

const rules = { failures: 3, seconds: 10 };

/** What the breaker should be, written down a second time and more simply: everything is known, nothing is saved. */
interface Model {
  at: number;
  failures: number;
  openUntil: number | null;
  probe: object | null;
  inside: Set<object>;
}

type Step = { kind: 'pass'; ms: number } | { kind: 'enter' } | { kind: 'answered' | 'failed' | 'left'; which: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 15_000 }) }),
    fc.record({ kind: fc.constant('enter' as const) }),
    fc.record({ kind: fc.constantFrom('answered' as const, 'failed' as const, 'left' as const), which: fc.nat(5) }),
  ),
  { maxLength: 200 },
);

function stateOf({ at, openUntil }: Model): string {
  if (openUntil === null) return 'closed';
  return at < openUntil ? 'open' : 'half-open';
}

function mayEnter(model: Model): boolean {
  return stateOf(model) === 'closed' || (stateOf(model) === 'half-open' && model.probe === null);
}

/** How a call's end changes it. Calls from before it opened count for nothing, the probe alone does. */
function end(model: Model, call: object, kind: 'answered' | 'failed' | 'left'): void {
  const counts = model.openUntil === null || model.probe === call;
  if (kind !== 'left' && counts) {
    model.failures = kind === 'answered' ? 0 : model.failures + 1;
    if (kind === 'answered') model.openUntil = null;
    else if (model.openUntil !== null || model.failures >= rules.failures) model.openUntil = model.at + 10_000;
  }
  if (model.probe === call) model.probe = null;
}

test('whatever happens, it is closed, open or half-open as it should be, and one call at a time is the probe', () => {
  fc.assert(
    fc.property(steps, (all: Step[]) => {
      const changes: boolean[] = [];
      const breaker = createBreaker((open) => changes.push(open));
      const model: Model = { at: 0, failures: 0, openUntil: null, probe: null, inside: new Set() };
      for (const step of all) {
        if (step.kind === 'pass') model.at += step.ms;
        else if (step.kind === 'enter') {
          const call = {};
          const may = mayEnter(model);
          expect(breaker.enter(model.at, call)).toBe(may);
          if (may && model.openUntil !== null) model.probe = call;
          if (may) model.inside.add(call);
        } else {
          const call = [...model.inside][step.which];
          if (!call) continue;
          model.inside.delete(call);
          if (step.kind === 'failed') breaker.failed(model.at, call, rules);
          else breaker[step.kind](call);
          end(model, call, step.kind);
        }
        expect(breaker.state(model.at)).toBe(stateOf(model));
        expect(breaker.failures).toBe(model.failures);
        expect(breaker.waitFor(model.at) === 0).toBe(mayEnter(model));
      }
      // It opens and closes by turns.
      expect(changes).toEqual(changes.map((_, at) => at % 2 === 0));
    }),
    { numRuns: 300 },
  );
});

describe('a breaker', () => {
  test('opens after faults in a row, lets one probe through when its time is over, and recovers', () => {
    const breaker = createBreaker();
    const calls = Array.from({ length: 6 }, () => ({}));
    const [one = {}, two = {}, three = {}, probe = {}, other = {}] = calls;
    for (const call of [one, two, three]) {
      expect(breaker.enter(0, call)).toBe(true);
      breaker.failed(0, call, rules);
    }
    expect([breaker.state(0), breaker.enter(9_999, other), breaker.waitFor(4_000)]).toEqual(['open', false, 6_000]);
    expect([breaker.state(10_000), breaker.enter(10_000, probe)]).toEqual(['half-open', true]);
    expect([breaker.enter(10_000, other), breaker.waitFor(10_000)]).toEqual([false, Infinity]);
    breaker.answered(probe);
    expect([breaker.state(10_000), breaker.failures, breaker.enter(10_000, other)]).toEqual(['closed', 0, true]);
  });

  test('whose probe was given back lets the next one look', () => {
    const breaker = createBreaker();
    breaker.enter(0, breaker);
    breaker.failed(0, breaker, { failures: 1, seconds: 1 });
    const [probe, next] = [{}, {}];
    expect([breaker.enter(1_000, probe), breaker.enter(1_000, next)]).toEqual([true, false]);
    breaker.left(probe);
    expect(breaker.enter(1_000, next)).toBe(true);
  });

  test('that is open lets a look through that costs nothing', () => {
    const breaker = createBreaker();
    breaker.enter(0, breaker);
    breaker.failed(0, breaker, { failures: 1, seconds: 60 });
    expect(breaker.enter(1, {})).toBe(false);
    expect([breaker.enter(1, {}, true), breaker.enter(1, {}, true)]).toEqual([true, false]);
  });
});
