"""Several chats in one row of a batch, none of them cut: which go together, and whether that saves enough."""

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
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        fitting = [row for row, left in enumerate(room) if left >= lengths[index]]
        if fitting:
            row = min(fitting, key=lambda place: room[place])
            rows[row].append(index)
            room[row] -= lengths[index]
        else:
            rows.append([index])
            room.append(capacity - lengths[index])
    return rows


def plan(lengths: Sequence[int], size: int, packed: bool) -> list[list[list[int]]]:
    """Return micro-batches of rows of items: `size` rows each, and no row longer than the longest item.

    So a packed micro-batch takes no more memory than one of the longest items does. Like lengths come together.
    """
    if packed:
        rows = bins(lengths, max(lengths))
    else:
        rows = [[index] for index in sorted(range(len(lengths)), key=lambda place: lengths[place])]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def positions(lengths: Sequence[int], size: int, packed: bool) -> int:
    """Return how many positions the micro-batches compute, padding included."""
    batches = plan(lengths, size, packed)
    return sum(len(rows) * max(sum(lengths[item] for item in row) for row in rows) for rows in batches)


def saving(steps: Sequence[Sequence[int]], size: int) -> float:
    """Return the share of positions that packing saves over some steps, each given as its lengths."""
    plain = sum(positions(lengths, size, packed=False) for lengths in steps)
    return 1 - sum(positions(lengths, size, packed=True) for lengths in steps) / plain
