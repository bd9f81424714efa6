"""LoRA layers as one operation with a gradient of its own, in place of LitGPT's six.

The update is added to what the frozen layer says where that stands, and the scale is put into B, which is small. So
nothing as large as a layer's output is made but the output. What comes out is LitGPT's up to the order of additions.
"""

from typing import Any

import torch
from litgpt.lora import GPT, LoRALinear, LoRAQKVLinear
from torch.nn.functional import linear, pad

from .autocast import computed_in


def fuse(layer: LoRALinear) -> None:
    """Let a layer compute so where it can: a frozen one that has LoRA without dropout."""
    if hasattr(layer, "lora_A") and not layer.linear.weight.requires_grad and not _drops(layer):
        layer.forward = _Fused(layer)


def _drops(layer: LoRALinear) -> bool:
    return bool(getattr(layer.lora_dropout, "p", 0.0) > 0)


def lora_layers(gpt: GPT) -> list[tuple[str, LoRALinear]]:
    """Return the layers that have LoRA tensors, by name."""
    found = ((name, module) for name, module in gpt.named_modules() if isinstance(module, LoRALinear))
    return [(name, module) for name, module in found if hasattr(module, "lora_A")]


def has_dropout(gpt: GPT) -> bool:
    """Return whether random numbers are drawn for each position that learns."""
    return any(_drops(layer) for _, layer in lora_layers(gpt))


def is_fused(gpt: GPT) -> bool:
    """Return whether a model has LoRA layers and all of them compute so."""
    layers = lora_layers(gpt)
    return bool(layers) and all(isinstance(vars(layer).get("forward"), _Fused) for _, layer in layers)


class _Fused:
    """The forward pass of one layer."""

    def __init__(self, layer: LoRALinear) -> None:
        self.layer = layer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        if layer.merged:
            return layer.linear(x)
        dtype = computed_in(x.device, x.dtype)
        b = (_spread(layer) if isinstance(layer, LoRAQKVLinear) else layer.lora_B) * layer.scaling
        bias = layer.linear.bias
        return _LoraLinear.apply(
            x.to(dtype),
            layer.linear.weight.to(dtype),
            None if bias is None else bias.to(dtype),
            layer.lora_A.to(dtype),
            b.to(dtype),
        )


def _spread(layer: LoRAQKVLinear) -> torch.Tensor:
    """Return B with the columns of queries, keys and values apart, and no rows left out: (out, rank times how many of
    them learn)."""
    sizes = [layer.head_size * heads for heads in (layer.n_head, layer.n_query_groups, layer.n_query_groups)]
    parts, rank, kinds = iter(layer.lora_B.split(layer.qkv_shapes)), layer.r, sum(layer.enable_lora)
    rows, before = [], 0
    for size, learns in zip(sizes, layer.enable_lora, strict=True):
        if not learns:
            rows.append(layer.lora_B.new_zeros(size, rank * kinds))
            continue
        rows.append(pad(next(parts), (before, rank * kinds - rank - before)))
        before += rank
    return torch.cat(rows)


class _LoraLinear(torch.autograd.Function):
    """x W' + bias + (x A') B', with A of (rank, in) and B of (out, rank), and the gradients of x, A and B."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
    ) -> torch.Tensor:
        flat = x.flatten(0, -2)
        low = flat @ a.T
        y = linear(flat, weight, bias).addmm_(low, b.T)
        ctx.save_for_backward(flat, low, weight, a, b)
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, None, None, torch.Tensor, torch.Tensor]:
        flat, low, weight, a, b = ctx.saved_tensors
        slope = grads[0].flatten(0, -2)
        of_low = slope @ b
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (slope @ weight).addmm_(of_low, a).view(*grads[0].shape[:-1], -1)
        return of_x, None, None, of_low.T @ flat, slope.T @ low
