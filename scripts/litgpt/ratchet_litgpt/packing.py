"""Several chats in one row of a batch, none of them cut: which go together, and whether that saves enough."""

from bisect import bisect_left, insort
from collections.abc import Sequence

# Packed rows cost a mask, and bins that are laid out anew in every step: less than this is not worth it.
WORTH = 0.1


def bins(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return which items share a row: best-fit-decreasing, the fullest row that still has room; ties to the first.

    Args:
        lengths: in tokens, none above `capacity`.
        capacity: of a row, in tokens.
    """
    rows: list[list[int]] = []
    # What each row has left, with its number, in rising order.
    room: list[tuple[int, int]] = []
    for index in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        place = bisect_left(room, (lengths[index], 0))
        if place < len(room):
            left, row = room.pop(place)
        else:
            left, row = capacity, len(rows)
            rows.append([])
        rows[row].append(index)
        insort(room, (left - lengths[index], row))
    return rows


def plan(lengths: Sequence[int], size: int, packed: bool) -> list[list[list[int]]]:
    """Return micro-batches of rows of items, none longer than the longest item.

    A micro-batch has as many positions at the most as `size` of the longest items have, padding included: that many
    rows, or more of shorter ones. So it takes no more memory than they do. Like lengths come together.
    """
    longest = max(lengths, default=0)
    if packed:
        rows = bins(lengths, longest)
        return [rows[start : start + size] for start in range(0, len(rows), size)]
    found: list[list[list[int]]] = []
    for index in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if not found or (len(found[-1]) + 1) * lengths[index] > size * longest:
            found.append([])
        found[-1].append([index])
    return found


def positions(lengths: Sequence[int], size: int, packed: bool) -> int:
    """Return how many positions the micro-batches compute, padding included."""
    batches = plan(lengths, size, packed)
    return sum(len(rows) * max(sum(lengths[item] for item in row) for row in rows) for rows in batches)


def saving(steps: Sequence[Sequence[int]], size: int) -> float:
    """Return the share of positions that packing saves over some steps, each given as its lengths."""
    plain = sum(positions(lengths, size, packed=False) for lengths in steps)
    return 1 - sum(positions(lengths, size, packed=True) for lengths in steps) / plain
