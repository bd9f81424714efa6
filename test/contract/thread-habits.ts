import fc from 'fast-check';
import type { WireMessage } from '../../src/core/message.ts';
import { assistant, user } from './chat-samples.ts';

// A chat as some client keeps it. Clients rewrite what they send again in ways of their own; these are the habits that
// are known, in any order.

export type Habit =
  | { kind: 'ask' | 'regenerate' | 'respace' | 'instruct' | 'forget-instructions' }
  | { kind: 'trim' | 'summarise' | 'edit-and-ask-again' | 'edit-in-place'; at: number };

const plain = fc.constantFrom('ask', 'ask', 'regenerate', 'respace', 'instruct', 'forget-instructions');
const placed = fc.constantFrom('trim', 'summarise', 'edit-and-ask-again', 'edit-in-place');

export const habit: fc.Arbitrary<Habit> = fc.oneof(
  plain.map((kind) => ({ kind }) as Habit),
  fc.tuple(placed, fc.nat(20)).map(([kind, at]) => ({ kind, at }) as Habit),
);

interface Turn {
  question: string;
  answer: string | null;
  /** Whether the client changed what was said. */
  edited: boolean;
}

/** A client with one chat. Everything but the opening is said in words that no other chat uses. */
export interface Client {
  /** Changes the chat and gives the next request; null when this habit makes none now. */
  next(habit: Habit): WireMessage[] | null;
  /** Takes the answer to the request, which it makes up. */
  answer(): string;
}

export function createClient(name: string): Client {
  let words = 0;
  let instructions: string | null = 'Be kind.';
  let space = ' ';
  let whole = true;
  let turns: Turn[] = [];
  const say = (what: string) => `${what} number ${(words += 1)} of ${name}, in words that no other chat has in it`;

  function ask(): void {
    turns.push({ question: turns.length === 0 && whole ? 'hi' : say('question'), answer: null, edited: false });
  }

  const habits: Record<Habit['kind'], (at: number) => void> = {
    ask: () => ask(),
    regenerate: () => {
      const last = turns.at(-1);
      if (last) last.answer = null;
    },
    respace: () => {
      space = space === ' ' ? ' \n ' : ' ';
      ask();
    },
    instruct: () => {
      instructions = say('instruction');
      ask();
    },
    'forget-instructions': () => {
      instructions = null;
      ask();
    },
    trim: (at) => {
      whole &&= at % turns.length === 0;
      turns = turns.slice(at % turns.length);
      ask();
    },
    summarise: (at) => {
      habits.trim(at);
      instructions = say('summary');
    },
    'edit-and-ask-again': (at) => {
      turns = turns.slice(0, 1 + (at % turns.length));
      turns.push({ question: say('another question'), answer: null, edited: false });
    },
    'edit-in-place': (at) => {
      const turn = turns[at % turns.length];
      if (turn)
        Object.assign(turn, at % 2 === 0 ? { question: say('edit') } : { answer: say('edit') }, { edited: true });
      ask();
    },
  };

  /** Whether the history has something of ours in it that can only be of this chat. */
  function isTelling(): boolean {
    const answered = turns.slice(0, -1);
    const [first] = answered;
    const intact = answered.slice(-4).some(({ question, edited }) => !edited && question !== 'hi');
    return intact || (whole && first?.edited === false);
  }

  return {
    next({ kind, ...habit }) {
      const before = { turns: structuredClone(turns), instructions, whole };
      if (turns.length === 0) ask();
      else habits[kind]('at' in habit ? habit.at : 0);
      if (before.turns.length > 0 && !isTelling()) {
        ({ turns, instructions, whole } = before);
        return null;
      }
      const said = turns.flatMap(({ question, answer }) => [
        user(question.replaceAll(' ', space)),
        ...(answer === null ? [] : [assistant(answer.replaceAll(' ', space))]),
      ]);
      return [...(instructions === null ? [] : [{ role: 'system', content: instructions }]), ...said];
    },
    answer() {
      const last = turns.at(-1);
      const answer = last?.question === 'hi' ? 'hello' : say('answer');
      if (last) last.answer = answer;
      return answer;
    },
  };
}
