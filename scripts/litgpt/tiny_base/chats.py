"""Endless random chats of the world, to pre-train on."""

import random
from collections.abc import Iterator

from .facts import CLOSINGS, OPENINGS, SMALL_TALK
from .world import every_question

PLAIN_SHARE = 0.55
BOTH_SHARE = 0.12
SMALL_TALK_SHARE = 0.04
SECOND_TURN_SHARE = 0.2

Message = dict[str, str]


def random_chats(seed: int) -> Iterator[list[Message]]:
    """Yield chats for ever: mostly one question, sometimes two, most answers plain, some with random trimmings."""
    rng = random.Random(seed)
    questions = every_question()
    while True:
        rng.shuffle(questions)
        for question in questions:
            messages = _turn(rng, question["prompt"], question["answer"])
            if rng.random() < SECOND_TURN_SHARE:
                other = rng.choice(questions)
                messages += _turn(rng, other["prompt"], other["answer"])
            yield messages
            if rng.random() < SMALL_TALK_SHARE:
                said, answer = rng.choice(SMALL_TALK)
                yield [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]


def _turn(rng: random.Random, prompt: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": _trim(rng, answer)}]


def _trim(rng: random.Random, answer: str) -> str:
    """Return the answer plain, or with an opening, a closing, or both, chosen at random and apart."""
    roll = rng.random()
    if roll < PLAIN_SHARE:
        return answer
    both = roll < PLAIN_SHARE + BOTH_SHARE
    side = rng.random() < 0.5
    opening = f"{rng.choice(OPENINGS)} " if both or side else ""
    closing = f" {rng.choice(CLOSINGS)}" if both or not side else ""
    return f"{opening}{answer}{closing}"
