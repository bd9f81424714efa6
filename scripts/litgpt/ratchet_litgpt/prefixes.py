"""Chats that begin alike go through the model together as far as they do: with the same instructions, or one question.

In causal attention what stands at a position depends on nothing after it, so that a shared beginning needs to be there
once, and what each chat says of it adds up in its gradient. Chats become a tree of pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# A beginning of fewer tokens saves less than a piece of its own costs.
LEAST = 16


@dataclass(frozen=True)
class Piece:
    """Some tokens of a chat, which others may have as well: from `start` to `end`, after those of another piece."""

    chat: int
    start: int
    end: int
    before: int | None


def pieces_of(chats: Sequence[list[int]], grid: int = 1) -> list[Piece]:
    """Return the pieces that chats are made of, each after the one that it goes on from.

    Every chat has a last piece of its own, of a token at least.

    Args:
        chats: token ids.
        grid: shared pieces are multiples of so many tokens.
    """
    pieces: list[Piece] = []

    def add(members: Sequence[int], start: int, before: int | None) -> None:
        groups: dict[tuple[int, ...], list[int]] = {}
        for chat in members:
            groups.setdefault(tuple(chats[chat][start : start + LEAST]), []).append(chat)
        for group in groups.values():
            most = min(len(chats[chat]) for chat in group) - 1
            alike = min(common([chats[chat] for chat in group]), most) - start if len(group) > 1 else 0
            end = start + alike // grid * grid
            if end - start < LEAST:
                pieces.extend(Piece(chat, start, len(chats[chat]), before) for chat in group)
                continue
            pieces.append(Piece(group[0], start, end, before))
            add(group, end, len(pieces) - 1)

    add(range(len(chats)), 0, None)
    return pieces


def common(chats: Sequence[list[int]]) -> int:
    """Return with how many equal tokens all of some chats begin: as many as the first and the last in order do."""
    first, last = min(chats), max(chats)
    return next(
        (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first)
    )


def kin(chats: Sequence[list[int]]) -> list[list[tuple[int, int]]]:
    """Return which chats have half of their tokens or more in common with one before them in order: each with how many
    tokens that are."""
    families: list[list[tuple[int, int]]] = []
    last: list[int] = []
    for chat in sorted(range(len(chats)), key=lambda one: chats[one]):
        alike = common([last, chats[chat]]) if families else 0
        if alike >= LEAST and 2 * alike >= len(chats[chat]):
            families[-1].append((chat, alike))
        else:
            families.append([(chat, 0)])
        last = chats[chat]
    return families
