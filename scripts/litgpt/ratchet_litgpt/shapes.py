"""Few shapes: a CPU's library makes a kernel for each shape of a product in bfloat16 that it has not met yet.

oneDNN takes 1 to 12 ms for that (on a Xeon with AMX), several times as long as the product of some hundred positions,
and remembers 1,024 of them. Chats differ in length, so that nearly every step would meet shapes of its own, and spend a
sixth of its time so. Products in float32 go to libraries that have their kernels beforehand.
"""

import torch

# So many numbers of rows from one power of two to the next, and no fewer than LEAST apart.
EACH_DOUBLING = 16
LEAST = 16


def has_kernels_by_shape(dtype: torch.dtype) -> bool:
    """Return whether a CPU's products in a dtype have kernels that are made for each shape."""
    return dtype in (torch.bfloat16, torch.float16)


def whole(count: int) -> int:
    """Return the number of rows to compute where `count` are needed: at most a sixteenth more, or LEAST."""
    step = max(LEAST, 2 ** (count - 1).bit_length() // (2 * EACH_DOUBLING)) if count > 1 else LEAST
    return -(-count // step) * step


def filled(part: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return (N, ...) with zeros after it, as many rows as products in `dtype` want."""
    fills = part.device.type == "cpu" and has_kernels_by_shape(dtype) and len(part)
    more = whole(len(part)) - len(part) if fills else 0
    return torch.cat((part, part.new_zeros(more, *part.shape[1:]))) if more else part
