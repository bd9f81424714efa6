"""RMSNorm (Zhang and Sennrich 2019) of a frozen model as one operation with its own gradient, within in float32."""

from typing import Any

import torch
from litgpt.model import RMSNorm


def fuse_norm(norm: RMSNorm) -> None:
    """Let a norm compute so while its weight is frozen: over the last dimension."""
    if not norm.weight.requires_grad and norm.dim == -1:
        norm.forward = _Fused(norm)


class _Fused:
    """The forward pass of one norm."""

    def __init__(self, norm: RMSNorm) -> None:
        self.norm = norm

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.norm.weight.float()
        found: torch.Tensor = _Rms.apply(x, 1 + weight if self.norm.add_unit_offset else weight, self.norm.eps)
        return found


class _Rms(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        wide = x.float()
        scale = (wide.square().mean(-1, keepdim=True) + eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).mul_(weight).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, weight, scale = ctx.saved_tensors
        slope = grads[0] * weight
        even = x * scale
        mean = (slope * even).mean(-1, keepdim=True)
        return slope.addcmul_(even, mean, value=-1).mul_(scale).to(x.dtype), None, None
