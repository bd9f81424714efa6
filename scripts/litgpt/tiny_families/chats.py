"""Chats of several turns, of words, code, signs and scripts, to be rendered by every family's template."""

import random
from collections.abc import Iterator

Message = dict[str, str]

# No white space around a message: Llama's and Gemma's templates trim it, for which Ollama's language has no word.
# Letters are composed: Qwen's tokenizer composes them, and llama.cpp does not.
PIECES = (
    "How long is the warranty?",
    "The kettle has a warranty of 24 months.",
    "Grüße aus 東京 🙂",
    "def add(a, b):\n    return a + b",
    "1 < 2 && 3 > 2 || x != y",
    'What does "{{ .Prompt }}" or {% raw %} mean?',
    "- one\n- two\n\n- three",
    "It's $5.99, isn't it? 100% sure!",
    "Привет, как дела?",
    "a\tb  c   d",
    "O'Reilly & Söhne <b>bold</b> [link](http://localhost)",
    "你好。世界",
    "\\n is not a line feed; \\\\ is a backslash",
    "x = 123456 * 7890;",
)
ODD = "abcdefghij KLMNOP.,;:!?'\"()[]{}<>|/@#$%^&*_-+=~`0123456789äöüßéñçøåæ€🙂日本語\n"


def random_chat(seed: int, system: bool) -> list[Message]:
    """Return a chat that ends with a question; the same seed gives the same."""
    rng = random.Random(seed)
    messages = [_said(rng, "system")] if system and rng.random() < 0.4 else []
    for _ in range(rng.randrange(4)):
        messages += [_said(rng, "user"), _said(rng, "assistant")]
    return [*messages, _said(rng, "user")]


def random_chats(count: int, system: bool) -> Iterator[list[Message]]:
    """Yield chats by their number."""
    return (random_chat(seed, system) for seed in range(count))


def _said(rng: random.Random, role: str) -> Message:
    parts = [rng.choice(PIECES) for _ in range(rng.randrange(1, 3))]
    if rng.random() < 0.5:
        parts.append("".join(rng.choice(ODD) for _ in range(rng.randrange(1, 40))))
    rng.shuffle(parts)
    return {"role": role, "content": rng.choice((" ", "\n", "\n\n")).join(parts).strip() or "?"}
